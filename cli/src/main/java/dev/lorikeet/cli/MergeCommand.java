package dev.lorikeet.cli;

import dev.lorikeet.compare.TextModel;
import dev.lorikeet.models.ResultKind;
import dev.lorikeet.torch.UsageException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Folds an adapter into its base. */
@Command(
    name = "merge",
    description = "Fold an adapter into its base: an ordinary checkpoint comes out.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class MergeCommand implements Callable<Integer> {
  @Mixin private Console console;
  @Mixin private BaseFlags base;

  @Mixin private TrainedFlags trained;

  @Mixin private OutputFlags outputFlags;

  @Override
  public Integer call() {
    Output output = outputFlags.output();
    output.check(ResultKind.MODEL);
    TrainedFlags.Place place = trained.place();
    Path adapter = place.adapter();
    if (adapter == null) {
      throw new UsageException("there is nothing to merge: give --adapter");
    }
    output.check(ResultKind.MODEL, place.base());
    try (TextModel open = Merging.open(place.base(), adapter, base.anyBase())) {
      Merging.save(open, output, console);
    }
    return 0;
  }
}
