package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.lorikeet.models.Initialization;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.models.NewCheckpoint;
import dev.lorikeet.models.ResultKind;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.UsageException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Makes a checkpoint with random weights. */
@Command(
    name = "init",
    description = {
      "Make a checkpoint with random weights of the model that a config.json describes.",
      "Its head is that of the class in config.json's architectures. Weights are drawn and written"
          + " one after the other, so the largest alone must fit into memory."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class InitCommand implements Callable<Integer> {
  @Mixin private Console console;

  @Option(
      names = "--config",
      required = true,
      paramLabel = "FILE",
      description = "The config.json of any supported architecture.")
  private Path config;

  @Mixin private OutputFlags outputFlags;

  @Option(names = "--seed", paramLabel = "N", defaultValue = "0", description = "Of the weights.")
  private long seed;

  @Option(
      names = "--initialization",
      paramLabel = "NAME",
      defaultValue = "paper",
      description = "How weights are drawn: paper, xavier or he.")
  private String initialization;

  @Option(
      names = "--dtype",
      paramLabel = "TYPE",
      defaultValue = "float32",
      description = "float32, bfloat16 or float16.")
  private String dtype;

  @Option(
      names = "--max-shard-size",
      paramLabel = "SIZE",
      defaultValue = "5GB",
      description = "Above it, weights become several files and an index.")
  private String maxShardSize;

  @Override
  public Integer call() {
    long maxShardBytes = ByteSize.of(maxShardSize);
    Output output = outputFlags.output();
    output.check(ResultKind.MODEL);
    ModelConfig read = ModelConfig.readFile(config);
    NewCheckpoint.Written written =
        output.written(
            place ->
                NewCheckpoint.write(
                    read, place, dtype(), Initialization.of(initialization), seed, maxShardBytes));
    console.print(
        JsonNodeFactory.instance
            .objectNode()
            .put("output", output.folder().toString())
            .put("parameters", written.parameters())
            .put("files", written.files()),
        String.format(
            Locale.ROOT,
            "%,d random parameters written to %s%s",
            written.parameters(),
            output.folder(),
            written.files() == 1 ? "" : " in " + written.files() + " files"));
    return 0;
  }

  private DType dtype() {
    return switch (dtype) {
      case "float32", "fp32" -> DType.FLOAT32;
      case "bfloat16", "bf16" -> DType.BFLOAT16;
      case "float16", "fp16" -> DType.FLOAT16;
      default ->
          throw new UsageException(
              "unknown dtype \"" + dtype + "\": use float32, bfloat16 or float16");
    };
  }
}
