package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The examples, as they stand in the repository. */
class FineTuneScriptTest {
  private static final Path EXAMPLES = Embedded.ROOT.resolve("examples");

  @TempDir Path temporary;

  /** Services are started with class paths that long; ONNX Runtime 1.29.0 kills their JVM. */
  private static final int LONG_COMMAND_LINE = 20_000;

  @Test
  void scriptTrainsMergesAndExportsHoweverLongTheCommandLineIs()
      throws IOException, InterruptedException {
    assertThat(Embedded.MODEL).as("where the script finds it").isDirectory();
    String padding = "-Dpadding=" + "x".repeat(LONG_COMMAND_LINE);
    JavaProcess process =
        JavaProcess.run(
            temporary,
            Map.of("LORIKEET_HOME", Embedded.HOME.toString()),
            JavaProcess.java(padding, EXAMPLES.resolve("FineTune.java").toString(), "out", "10"));
    assertThat(process.status()).as("%s", process).isZero();
    assertThat(process.out())
        .containsPattern("fine-tune +scratch")
        .containsPattern("accuracy, epoch 2 +0\\.\\d{4} +0\\.\\d{4}")
        .contains("ONNX Runtime agrees: ")
        .contains("changedLabels=0")
        .containsPattern("a small bird with a red breast: \\[[a-z]+]");
    isComplete(temporary.resolve("out"));
  }

  @Test
  void recipeTrainsAndItsAdapterIsMergedAndExported() throws IOException {
    Path out = temporary.resolve("out");
    Path adapter = out.resolve("adapter");
    JsonNode json =
        Cli.done(
                "train %s --set model=%s --set data.train=%s --set data.eval=%s --set output=%s"
                    + " --set training.epochs=1 --set training.batch_size=8 --json",
                EXAMPLES.resolve("wordnet-topics.yaml"),
                Embedded.MODEL,
                Embedded.FEW,
                Embedded.EVAL,
                adapter)
            .json();
    assertThat(json.path("steps").asInt()).isEqualTo(3);
    Cli.done("adapter export --adapter %s --to merged --output %s", adapter, out.resolve("merged"));
    Cli.done(
        "adapter export --adapter %s --to onnx --verify-data %s --output %s",
        adapter, Embedded.FEW, out.resolve("onnx"));
    isComplete(out);
  }

  private static void isComplete(Path out) {
    for (String file :
        new String[] {
          "adapter/adapter_config.json",
          "adapter/adapter_model.safetensors",
          "adapter/tokenizer.json",
          "merged/config.json",
          "merged/model.safetensors",
          "merged/tokenizer.json",
          "onnx/model.onnx",
          "onnx/config.json",
          "onnx/tokenizer.json",
        }) {
      assertThat(out.resolve(file)).isNotEmptyFile();
    }
    assertThat(Files.exists(out.resolve("onnx/adapter_config.json"))).isFalse();
  }
}
