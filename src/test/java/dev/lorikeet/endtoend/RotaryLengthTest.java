package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Texts of 23 tokens and a Llama of 16 positions: scaled rotations exist to go beyond them. The
 * losses were computed with transformers 5.18.
 */
class RotaryLengthTest {
  private static final Path CASE = Path.of("resources/cases/dynamic-ntk");
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Losses of 6 are sums of logits rounded in float32, 6e-7 each, of some ten terms. */
  private static final double ROUNDED = 5e-6;

  @TempDir private Path folder;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'rope_type': 'linear', 'factor': 2.0} | 6.390719",
        "{'rope_type': 'yarn', 'factor': 2.0} | 6.364836",
        "{'rope_type': 'llama3', 'factor': 2.0, 'low_freq_factor': 1.0, 'high_freq_factor': 4.0,"
            + " 'original_max_position_embeddings': 8} | 6.386088",
        "{'rope_type': 'longrope', 'factor': 2.0, 'short_factor': [1.0, 1.1, 1.2, 1.3],"
            + " 'long_factor': [1.5, 2.0, 3.0, 4.0], 'original_max_position_embeddings': 8}"
            + " | 6.361185"
      })
  void scaledRotationsReadTextsBeyondTheirPositions(String scaling, double loss)
      throws IOException {
    assertThat(loss(scaled(scaling))).isCloseTo(loss, within(ROUNDED));
  }

  @Test
  void anglesThatDependOnTheLengthDoToo() {
    // recorded to four digits
    assertThat(loss(CASE.resolve("model"))).isCloseTo(6.3153, within(5e-5));
  }

  @Test
  void withoutScalingTheLimitStays() throws IOException {
    Refusal.of(
        folder,
        2,
        "max_length is 24, the model has 16 positions: use at most that",
        "evaluate --model %s --data %s/d.jsonl --task causal-lm --text text --max-length 24",
        scaled("{'rope_type': 'default'}"),
        CASE);
  }

  private static double loss(Path model) {
    return Cli.done(
            "evaluate --model %s --data %s/d.jsonl --task causal-lm --text text --max-length 24"
                + " --json",
            model, CASE)
        .json()
        .path("eval_loss")
        .asDouble();
  }

  /** The same weights with other rotations. */
  private Path scaled(String scaling) throws IOException {
    Path model = Files.createDirectory(folder.resolve("model"));
    for (String file : new String[] {"model.safetensors", "tokenizer.json"}) {
      Files.copy(CASE.resolve("model").resolve(file), model.resolve(file));
    }
    ObjectNode config = (ObjectNode) JSON.readTree(CASE.resolve("model/config.json").toFile());
    config.set("rope_scaling", JSON.readTree(scaling.replace('\'', '"')));
    JSON.writeValue(model.resolve("config.json").toFile(), config);
    return model;
  }
}
