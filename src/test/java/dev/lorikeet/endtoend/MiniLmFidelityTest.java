package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lorikeet.data.Batch;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.data.Example;
import dev.lorikeet.data.SequenceEncoder;
import dev.lorikeet.export.OnnxModel;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.TextTokenizer;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The imported MiniLM against the ONNX file that it came from, in ONNX Runtime. */
@Tag("numeric")
class MiniLmFidelityTest {
  private static final int TEXTS = 20;

  @TempDir Path temporary;

  @Test
  void lastHiddenStateOfAPaddedBatchIsThatOfTheOnnxItself() throws IOException {
    Batch batch = batch();
    assertThat(batch.tokens()).isLessThan(batch.rows() * batch.length());
    OnnxModel.Logits expected = expected(batch);
    float[] actual = actual(batch);
    int width = (int) expected.shape()[2];
    assertThat(expected.shape()).containsExactly(TEXTS, batch.length(), 384);
    assertThat(actual).hasSameSizeAs(expected.values());
    double largest = 0;
    for (int i = 0; i < actual.length; i++) {
      if (batch.attentionMask()[i / width] != 0) {
        largest = Math.max(largest, Math.abs((double) actual[i] - expected.values()[i]));
      }
    }
    // Float32 sums in two libraries' orders through six layers, each normed to size 1.
    assertThat(largest).isLessThan(1e-5).isPositive();
  }

  private static Batch batch() throws IOException {
    List<Example> glosses =
        Files.readAllLines(Embedded.TRAIN).subList(0, TEXTS).stream()
            .map(line -> Example.of(Cli.parse(line).path("text").asText()))
            .toList();
    try (TextTokenizer tokenizer = TextTokenizer.open(Embedded.MODEL)) {
      List<EncodedExample> encoded =
          new SequenceEncoder(tokenizer, null, ProblemType.SINGLE_LABEL, 512).encode(glosses);
      return Batch.of(encoded, IntStream.range(0, TEXTS).toArray(), tokenizer.padTokenId());
    }
  }

  private OnnxModel.Logits expected(Batch batch) throws IOException {
    Path file = temporary.resolve("model.onnx");
    try (InputStream onnx =
        Objects.requireNonNull(getClass().getResourceAsStream("/all-minilm-l6-v2.onnx"))) {
      Files.copy(onnx, file);
    }
    try (OnnxModel model = OnnxModel.open(file, 2)) {
      return model.logits(
          batch.inputIds(),
          batch.attentionMask(),
          batch.tokenTypeIds(),
          batch.rows(),
          batch.length());
    }
  }

  private static float[] actual(Batch batch) {
    try (Scope scope = Scope.open();
        Model model = Model.open(Embedded.MODEL, ModelOptions.DEFAULT)) {
      assertThat(model.headType()).isNull();
      ModelInput input =
          new ModelInput(
              Tensor.of(batch.inputIds(), batch.rows(), batch.length()),
              Tensor.of(batch.attentionMask(), batch.rows(), batch.length()),
              null);
      return model.logits(input).toFloats();
    }
  }
}
