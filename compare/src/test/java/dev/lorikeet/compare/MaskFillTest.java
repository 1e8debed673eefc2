package dev.lorikeet.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lorikeet.data.Example;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MaskFillTest {
  private static final Example TWO = Example.of("w6 [MASK] w8 [MASK]");

  @TempDir Path temporary;
  private TextModel model;

  @BeforeEach
  void open() throws IOException {
    model = open("BertForMaskedLM", ModelOptions.DEFAULT);
  }

  private TextModel open(String architecture, ModelOptions options) throws IOException {
    Path folder = TinyModel.write(temporary.resolve(architecture));
    for (String file : List.of("config.json", "model.safetensors")) {
      Files.deleteIfExists(folder.resolve(file));
      Files.copy(TinyModel.golden("bert-mlm").resolve(file), folder.resolve(file));
    }
    Path config = folder.resolve("config.json");
    Files.writeString(config, Files.readString(config).replace("BertForMaskedLM", architecture));
    return TextModel.open(folder, null, options, 16);
  }

  @AfterEach
  void close() {
    model.close();
  }

  @Test
  void everyMaskGetsItsLikeliestTokens() {
    List<MaskFill> fills = model.fillMasks(List.of(TWO), 4).get(0);
    assertThat(fills).extracting(MaskFill::position).containsExactly(2, 4);
    for (MaskFill fill : fills) {
      double[] probabilities = probabilities(fill.position());
      int[] best =
          IntStream.range(0, probabilities.length)
              .boxed()
              .sorted((a, b) -> Double.compare(probabilities[b], probabilities[a]))
              .limit(4)
              .mapToInt(Integer::intValue)
              .toArray();
      for (int i = 0; i < 4; i++) {
        MaskFill.Candidate candidate = fill.candidates().get(i);
        assertThat(candidate.id()).isEqualTo(best[i]);
        assertThat(candidate.token()).isEqualTo(model.tokenizer().token(best[i]));
        // The same logits, in double both times.
        assertThat(candidate.score()).isEqualTo(probabilities[best[i]], within(1e-9));
      }
    }
  }

  /** Softmax over the vocabulary, at one token of {@link #TWO}: [CLS] w6 [MASK] w8 [MASK] [SEP]. */
  private double[] probabilities(int position) {
    try (Scope scope = Scope.open()) {
      Tensor ids = Tensor.of(new long[] {2, 6, 4, 8, 4, 3}, 1, 6);
      float[] logits =
          model.model().logits(new ModelInput(ids, null, null)).select(1, position).toFloats();
      double sum = IntStream.range(0, logits.length).mapToDouble(i -> Math.exp(logits[i])).sum();
      return IntStream.range(0, logits.length)
          .mapToDouble(i -> Math.exp(logits[i]) / sum)
          .toArray();
    }
  }

  @Test
  void allCandidatesTogetherAreCertain() {
    List<MaskFill> fills = model.fillMasks(List.of(TWO), 1000).get(0);
    for (MaskFill fill : fills) {
      assertThat(fill.candidates()).hasSize(96);
      assertThat(fill.candidates().stream().mapToDouble(MaskFill.Candidate::score).sum())
          .isEqualTo(1, within(1e-9));
    }
  }

  @Test
  void predictionIsTheLikeliestWordOfEachMask() {
    List<MaskFill> fills = model.fillMasks(List.of(TWO), 1).get(0);
    Prediction prediction = model.predict(List.of(TWO)).get(0);
    assertThat(prediction.labels())
        .isEqualTo(fills.stream().map(fill -> fill.candidates().get(0).token()).toList());
    assertThat(prediction.scores())
        .isEqualTo(fills.stream().map(fill -> fill.candidates().get(0).score()).toList());
    assertThat(prediction.logits()).isEmpty();
  }

  @Test
  void textsWithoutMasks() {
    assertThatThrownBy(() -> model.fillMasks(List.of(TWO, Example.of("w6 w8")), 2))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "\"w6 w8\" has no mask in its first 16 tokens: write [MASK] where a word is to be"
                + " found");
  }

  @Test
  void maskThatIsCutOff() {
    String text = "w6 [MASK] " + "w7 ".repeat(20) + "[MASK]";
    assertThatThrownBy(() -> model.fillMasks(List.of(Example.of(text)), 2))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "\"%s\" has 2 masks, and only 1 in its first 16 tokens: raise --max-length", text);
  }

  @Test
  void wrongUse() throws IOException {
    assertThatThrownBy(() -> model.fillMasks(List.of(TWO), 0))
        .isInstanceOf(UsageException.class)
        .hasMessage("top-k is 0: use at least 1");
    try (TextModel classifier =
        TextModel.open(
            TinyModel.write(temporary.resolve("classifier")), null, ModelOptions.DEFAULT, 16)) {
      assertThatThrownBy(() -> classifier.fillMasks(List.of(TWO), 1))
          .isInstanceOf(UsageException.class)
          .hasMessage(
              "only masked language models fill masks, and this head is for"
                  + " sequence-classification");
    }
  }

  @Test
  void checkpointOfPretrainingOpensAsMaskedLm() throws IOException {
    ModelOptions options = ModelOptions.DEFAULT.withHead(HeadType.MASKED_LM, List.of());
    try (TextModel pretrained = open("BertForPreTraining", options)) {
      assertThat(pretrained.fillMasks(List.of(TWO), 3)).isEqualTo(model.fillMasks(List.of(TWO), 3));
    }
  }
}
