package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.lorikeet.lora.formats.LoraFormat;
import dev.lorikeet.lora.formats.LoraTensors;
import dev.lorikeet.models.Blueprint;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.OutputFolder;
import dev.lorikeet.models.ResultKind;
import dev.lorikeet.torch.Scope;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Turns a LoRA adapter into another tool's files. */
@Command(
    name = "convert",
    description = {
      "Turn a LoRA adapter into another tool's files, or theirs into PEFT's.",
      "Formats: peft; kohya (sd-scripts' file, reads diffusers' names too); torchtune; mlx (MLX-LM)."
          + " What a format cannot hold exactly is refused."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class AdapterConvertCommand implements Callable<Integer> {
  @Mixin private Console console;

  @Parameters(paramLabel = "ADAPTER", description = "The adapter: a folder, or a file for kohya.")
  private Path adapter;

  @Option(
      names = "--from",
      paramLabel = "FORMAT",
      defaultValue = "peft",
      description = "What it is: peft, kohya, torchtune or mlx.")
  private String from;

  @Option(
      names = "--to",
      paramLabel = "FORMAT",
      defaultValue = "peft",
      description = "What it is to be.")
  private String to;

  @Option(
      names = "--model",
      required = true,
      paramLabel = "MODEL",
      description = "Its base: a folder, a config.json, or on the hub. No weights are read.")
  private String model;

  @Mixin private OutputFlags outputFlags;

  @Override
  public Integer call() {
    LoraFormat source = LoraFormat.of(from);
    LoraFormat target = LoraFormat.of(to);
    Output output = outputFlags.output();
    output.check(ResultKind.ADAPTER, adapter);
    Path config = Folders.config(model, console.messages());
    ModelConfig read =
        Files.isDirectory(config) ? ModelConfig.read(config) : ModelConfig.readFile(config);
    try (Blueprint blueprint = Blueprint.of(read, ModelOptions.DEFAULT);
        Scope scope = Scope.open()) {
      LoraTensors tensors = source.read(adapter, blueprint.model());
      output.write(
          place ->
              OutputFolder.write(
                  place,
                  ResultKind.ADAPTER,
                  temporary -> target.write(tensors, temporary, blueprint.model())));
      console.print(
          JsonNodeFactory.instance
              .objectNode()
              .put("output", output.folder().toString())
              .put("layers", tensors.updates().size()),
          tensors.updates().size()
              + " layers' updates written to "
              + output.folder()
              + " for "
              + to);
    }
    return 0;
  }
}
