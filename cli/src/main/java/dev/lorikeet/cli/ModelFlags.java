package dev.lorikeet.cli;

import dev.lorikeet.compare.TextModel;
import dev.lorikeet.models.Dropouts;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Task;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.Torch;
import java.io.PrintWriter;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The flags that name a trained model, and how to run it. */
final class ModelFlags {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Mixin private BaseFlags base;

  @Option(
      names = "--model",
      required = true,
      paramLabel = "MODEL",
      description = "A checkpoint's folder, or ORG/NAME[@REVISION] on the hub.")
  private String model;

  @Option(
      names = "--adapter",
      paramLabel = "ADAPTER",
      description = "An adapter that was trained on it: a folder, or on the hub.")
  private @Nullable String adapter;

  @Option(
      names = "--task",
      paramLabel = "TASK",
      description = "The head; unless given, the one that was trained.")
  private @Nullable String task;

  @Option(names = "--max-length", paramLabel = "TOKENS", description = "Cut texts to this.")
  private @Nullable Integer maxLength;

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

  @Option(names = "--threads", paramLabel = "N", description = "CPU threads.")
  private int threads = Runtime.getRuntime().availableProcessors();

  /** The model, open. */
  TextModel open() {
    Torch.threads(threads);
    Device place = Device.of(device);
    ModelOptions options =
        new ModelOptions(
            task == null ? null : Task.of(task),
            List.of(),
            null,
            Precision.of(precision, place),
            place,
            0,
            Dropouts.UNCHANGED,
            null);
    PrintWriter messages = spec.commandLine().getErr();
    return TextModel.open(
        Folders.model(model, messages),
        adapter == null ? null : Folders.adapter(adapter, messages),
        options,
        maxLength,
        base.anyBase());
  }
}
