package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lorikeet.torch.UsageException;
import java.io.PrintWriter;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The flags that name a trained model: a checkpoint, an adapter, which knows its base, or both. */
final class TrainedFlags {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Option(
      names = "--model",
      paramLabel = "MODEL",
      description =
          "A checkpoint's folder, or ORG/NAME[@REVISION] on the hub. It may be left out where"
              + " --adapter is given, and may be an adapter's folder itself.")
  private @Nullable String model;

  @Option(
      names = "--adapter",
      paramLabel = "ADAPTER",
      description = "An adapter that was trained on it: a folder, or on the hub.")
  private @Nullable String adapter;

  /**
   * A trained model's folders.
   *
   * @param base the checkpoint
   * @param adapter null where the checkpoint itself was trained
   */
  record Place(Path base, @Nullable Path adapter) {
    /** What the run that trained it says of itself, the section {@code settings}. */
    JsonNode settings() {
      return Bases.record(adapter == null ? base : adapter).path("settings");
    }
  }

  private @Nullable Place found;

  /**
   * The folders, from the hub where they are its.
   *
   * @throws UsageException when neither is named, or two adapters are
   * @throws dev.lorikeet.torch.LorikeetException when one is not there
   */
  Place place() {
    if (found == null) {
      found = find(spec.commandLine().getErr());
    }
    return found;
  }

  private Place find(PrintWriter messages) {
    Path named = adapter == null ? null : Folders.adapter(adapter, messages);
    if (model == null) {
      if (named == null) {
        throw new UsageException("give --model, or --adapter, which knows its base");
      }
      return ofAdapter(named, messages);
    }
    Path folder = Folders.model(model, messages);
    if (!Bases.isAdapter(folder)) {
      return new Place(folder, named);
    }
    if (named != null) {
      throw new UsageException(
          "--model " + model + " is an adapter, and so is --adapter " + adapter + ": give one");
    }
    return ofAdapter(folder, messages);
  }

  private static Place ofAdapter(Path adapter, PrintWriter messages) {
    return new Place(Bases.of(adapter, messages), adapter);
  }
}
