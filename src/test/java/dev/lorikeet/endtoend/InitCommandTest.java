package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lorikeet.models.Checkpoint;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

class InitCommandTest {
  @TempDir Path temporary;

  /** Of every architecture: the config.json of each reference case gives its checkpoint's form. */
  @TestFactory
  Stream<DynamicTest> checkpointHasTheTensorsOfTheReference() throws IOException {
    return GoldenParityTest.supported().stream()
        .map(
            folder ->
                DynamicTest.dynamicTest(
                    folder.getFileName().toString(), () -> hasTheTensorsOf(folder)));
  }

  private void hasTheTensorsOf(Path folder) {
    Path output = temporary.resolve(folder.getFileName());
    JsonNode json =
        Cli.done(
                "init --config %s --output %s --dtype bfloat16 --max-shard-size 20KB --json",
                folder.resolve("config.json"), output)
            .json();
    Checkpoint made = Checkpoint.open(output);
    Checkpoint reference = Checkpoint.open(folder);
    for (String name : made.names()) {
      assertThat(made.shape(name)).as(name).isEqualTo(reference.shape(name));
    }
    try (Model random = Model.open(output, ModelOptions.DEFAULT);
        Model recorded = Model.open(folder, ModelOptions.DEFAULT)) {
      assertThat(random.newModules()).isEmpty();
      assertThat(random.headType()).isEqualTo(recorded.headType());
      assertThat(json.path("parameters").asLong())
          .isEqualTo(Model.count(random.parameters().values()))
          .isEqualTo(Model.count(recorded.parameters().values()));
    }
    assertThat(json.path("files").asInt()).isGreaterThan(1);
  }

  @Test
  void peopleReadHowManyParametersThereAre() throws IOException {
    Path output = temporary.resolve("model");
    Cli cli =
        Cli.done(
            "init --config resources/golden/bert-mlm/config.json --output %s --seed 5", output);
    long count;
    try (Model model = Model.open(output, ModelOptions.DEFAULT)) {
      count = Model.count(model.parameters().values());
    }
    assertThat(cli.out().strip())
        .isEqualTo(
            String.format(Locale.ROOT, "%,d random parameters written to %s", count, output));
    assertThat(Files.readString(output.resolve("config.json"))).contains("\"dtype\" : \"float32\"");
  }

  @Test
  void wrongSettingsAreRefusedAndNothingIsWritten() {
    Path output = temporary.resolve("model");
    refused(
        2,
        "\"5\" is no size: write 5GB, 200MB or 1GiB for example",
        "--max-shard-size 5 --config resources/golden/bert-mlm/config.json",
        output);
    refused(
        2,
        "unknown dtype \"int8\": use float32, bfloat16 or float16",
        "--dtype int8 --config resources/golden/bert-mlm/config.json",
        output);
    refused(
        1,
        "none.json does not exist: give the config.json of a model",
        "--config none.json",
        output);
  }

  private void refused(int status, String message, String flags, Path output) {
    Refusal.of(temporary, status, message, "init " + flags + " --output %s", output);
  }
}
