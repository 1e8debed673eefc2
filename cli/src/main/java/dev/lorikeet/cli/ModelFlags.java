package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lorikeet.compare.TextModel;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.Torch;
import dev.lorikeet.torch.UsageException;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The flags that name a trained model, and how to run it. */
final class ModelFlags {
  @Mixin private BaseFlags base;

  @Mixin private TrainedFlags trained;

  @Option(
      names = "--task",
      paramLabel = "TASK",
      description = "The head; unless given, the one that was trained.")
  private @Nullable String task;

  @Option(names = "--max-length", paramLabel = "TOKENS", description = "Cut texts to this.")
  private @Nullable Integer maxLength;

  @Option(
      names = "--pad-token",
      paramLabel = "TOKEN",
      description = "The padding token of a decoder without one; unless given, its run's.")
  private @Nullable String padToken;

  @Option(
      names = "--precision",
      paramLabel = "TYPE",
      defaultValue = "float32",
      description = "float32, bfloat16 or auto.")
  private String precision;

  @Option(
      names = "--device",
      paramLabel = "DEVICE",
      defaultValue = "auto",
      description = "auto, cpu or cuda:N.")
  private String device;

  @Mixin private CpuThreads threads;

  /** The model, open. */
  TextModel open() {
    ModelOptions options = options();
    TrainedFlags.Place place = trained.place();
    return TextModel.open(
        place.base(), place.adapter(), options, maxLength, base.anyBase(), padToken);
  }

  /** The base with all adapters that are named, open. */
  TextModel openSeveral() {
    if (padToken != null) {
      throw new UsageException(
          "--pad-token goes with one adapter: several use the one that the first's run had");
    }
    ModelOptions options = options();
    return TextModel.openSeveral(
        trained.base(), trained.named(), options, maxLength, base.anyBase());
  }

  private ModelOptions options() {
    Torch.threads(threads.number());
    Device onDevice = Device.of(device);
    ModelOptions plain =
        ModelOptions.DEFAULT.withPrecision(Precision.of(precision, onDevice)).withDevice(onDevice);
    return task == null ? plain : plain.withHead(Tasks.named(task).headType(), List.of());
  }

  /** What the run that trained it, or the first of several adapters, says of itself. */
  JsonNode settings() {
    return trained.settings();
  }
}
