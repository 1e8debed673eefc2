package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lorikeet.adapters.AdapterMethods;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every {@code --method} starts from the command line as it is, and what it wrote answers. */
class MethodCommandsTest {
  /** Methods of {@code --method} that are no adapter. */
  private static final List<String> OTHERS = List.of("full", "probe", "bitfit", "scratch");

  /** Batches of 32 instead of 4 are other orders of the same float32 sums. */
  private static final double ANOTHER_ORDER = 1e-5;

  @TempDir Path temporary;

  static Stream<String> all() {
    return Stream.concat(AdapterMethods.ids().stream(), OTHERS.stream());
  }

  static Stream<String> forCausalModels() {
    return AdapterMethods.ids().stream();
  }

  @ParameterizedTest
  @MethodSource("all")
  void classifiersTrainWithItsDefaultsAndAreScoredAndAsked(String method) {
    Path model = Tiny.model("bert-classify-lora", temporary);
    Path texts = Tiny.texts(temporary);
    Path output = temporary.resolve("tuned");
    JsonNode trained =
        Cli.done(
                "train --model %s --data %s --eval-data %s --method %s --epochs 2 --batch-size 4"
                    + " --output %s --json",
                model, texts, texts, method, output)
            .json();
    assertThat(trained.path("steps").asInt()).isEqualTo(4);
    assertThat(trained.path("trainable_parameters").asInt()).isPositive();
    String flags = flags(model, output);
    JsonNode scored = Cli.done("evaluate %s --data %s --json", flags, texts).json();
    assertThat(scored.path("eval_loss").asDouble())
        .isEqualTo(trained.path("eval_loss").asDouble(), within(ANOTHER_ORDER));
    List<JsonNode> answers = Cli.done("predict %s --data %s --json", flags, texts).jsonLines();
    assertThat(answers)
        .hasSize(8)
        .allSatisfy(answer -> assertThat(answer.path("label").asText()).isIn("fruit", "animal"));
  }

  @ParameterizedTest
  @MethodSource("forCausalModels")
  void causalModelsTrainWithItsDefaultsAndAreScored(String method) {
    Path model = Tiny.model("llama-lm-lora", temporary);
    Path stories = Tiny.stories(temporary);
    Path output = temporary.resolve("tuned");
    JsonNode trained =
        Cli.done(
                "train --model %s --data %s --eval-data %s --task causal-lm --method %s --epochs 2"
                    + " --batch-size 2 --output %s --json",
                model, stories, stories, method, output)
            .json();
    JsonNode scored =
        Cli.done("evaluate %s --data %s --json", flags(model, output), stories).json();
    assertThat(scored.path("eval_loss").asDouble())
        .isEqualTo(trained.path("eval_loss").asDouble(), within(ANOTHER_ORDER));
  }

  private static String flags(Path model, Path output) {
    return Files.exists(output.resolve("adapter_config.json"))
        ? "--model " + model + " --adapter " + output
        : "--model " + output;
  }
}
