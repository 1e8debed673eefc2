package dev.lorikeet.cli;

import dev.lorikeet.models.OutputFolder;
import dev.lorikeet.models.ResultKind;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * Where a command writes its result.
 *
 * @param folder need not exist
 * @param overwrite whether the user lets go of what it holds
 */
record Output(Path folder, boolean overwrite) {

  /**
   * Finds out before a long run whether its result can be written, and whether nothing would be
   * lost by it.
   *
   * @param inputs folders that the command reads
   * @throws dev.lorikeet.torch.LorikeetException when it cannot, or something would
   */
  void check(ResultKind kind, Path... inputs) {
    OutputFolder.check(folder);
    if (overwrite) {
      return;
    }
    for (Path input : inputs) {
      if (OutputFolder.isSame(input, folder)) {
        throw ResultKind.refused(folder, "is what is read");
      }
    }
    OutputFolder.check(folder, kind);
  }

  /** Writes the result: at once, or first elsewhere where it takes the place of another kind's. */
  void write(Consumer<Path> writer) {
    if (overwrite) {
      OutputFolder.overwrite(folder, writer::accept);
    } else {
      writer.accept(folder);
    }
  }

  /** {@link #write} of what tells something about itself. */
  <T> T written(Function<Path, T> writer) {
    List<T> told = new ArrayList<>();
    write(place -> told.add(writer.apply(place)));
    return told.get(0);
  }
}
