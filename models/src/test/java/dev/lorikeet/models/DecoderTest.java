package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/** What all decoders share beyond the recorded cases. Axes: B batch, T tokens, V vocabulary. */
@Tag("numeric")
class DecoderTest {
  static final List<String> FAMILIES = TinyDecoder.FAMILIES;

  private static final String LM = "XForCausalLM";
  private static final String CLASSIFIER = "XForSequenceClassification";

  /**
   * Sums of up to 48 terms near 1 in another order or by another kernel, some ten roundings of 6e-8
   * each, through two layers; logits go up to 10.
   */
  private static final double ANOTHER_ORDER = 5e-5;

  @TempDir private Path folder;

  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static void assertClose(Tensor actual, Tensor expected) {
    assertThat(actual.shape()).isEqualTo(expected.shape());
    assertThat(actual.toFloats())
        .containsExactly(expected.toFloats(), within((float) ANOTHER_ORDER));
  }

  /** Tokens from 5 on, by the row and the place. */
  private static Tensor ids(int rows, int length) {
    long[] ids = new long[rows * length];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = 5 + i * (37L + i * 11L) % 91;
    }
    return Tensor.of(ids, rows, length);
  }

  @ParameterizedTest
  @FieldSource("FAMILIES")
  void aTextReadInPiecesGetsTheLogitsOfOneReading(String family) {
    try (Model model = TinyDecoder.open(folder, family, LM);
        KeyValueCache cache = new KeyValueCache()) {
      Tensor ids = ids(2, 12);
      Tensor whole = model.logits(new ModelInput(ids, null, null));
      int read = 0;
      for (int piece : new int[] {6, 1, 1, 4}) {
        ModelInput input = new ModelInput(ids.narrow(1, read, piece), null, null);
        assertClose(model.logits(input.withCache(cache)), whole.narrow(1, read, piece));
        read += piece;
      }
    }
  }

  @ParameterizedTest
  @FieldSource("FAMILIES")
  void rowsPaddedAtTheLeftAndReadInPiecesGetTheLogitsOfEachAlone(String family) {
    int[] padding = {0, 5};
    try (Model model = TinyDecoder.open(folder, family, LM);
        KeyValueCache cache = new KeyValueCache()) {
      Tensor ids = ids(2, 12);
      long[] mask = new long[24];
      long[] places = new long[24];
      for (int i = 0; i < 24; i++) {
        mask[i] = i % 12 < padding[i / 12] ? 0 : 1;
        places[i] = Math.max(0, i % 12 - padding[i / 12]);
      }
      Tensor attentionMask = Tensor.of(mask, 2, 12);
      Tensor positionIds = Tensor.of(places, 2, 12);
      int read = 0;
      for (int piece : new int[] {7, 1, 3, 1}) {
        ModelInput input =
            new ModelInput(
                    ids.narrow(1, read, piece), attentionMask.narrow(1, 0, read + piece), null)
                .withPositionIds(positionIds.narrow(1, read, piece))
                .withCache(cache);
        Tensor logits = model.logits(input);
        read += piece;
        for (int row = 0; row < 2; row++) {
          Tensor alone = ids.narrow(0, row, 1).narrow(1, padding[row], read - padding[row]);
          Tensor expected = model.logits(new ModelInput(alone, null, null).withLogitsToKeep(1));
          assertClose(logits.narrow(0, row, 1).narrow(1, piece - 1, 1), expected);
        }
      }
    }
  }

  @ParameterizedTest
  @FieldSource("FAMILIES")
  void gradientsOfARaggedBatchAreTheSumOfThoseOfItsRows(String family) {
    try (Model model = TinyDecoder.open(folder, family, CLASSIFIER)) {
      model.parameters().values().forEach(Parameter::train);
      List<Tensor> parameters =
          model.parameters().values().stream().map(Parameter::original).toList();
      long[] ids = ids(2, 12).toLongs();
      long[] mask = new long[24];
      for (int i = 0; i < 24; i++) {
        mask[i] = i < 17 ? 1 : 0; // the second row has 5 tokens
        ids[i] *= mask[i];
      }
      Tensor padded = Tensor.of(ids, 2, 12);
      List<Tensor> batch = gradients(model, parameters, padded, Tensor.of(mask, 2, 12));
      List<Tensor> first = gradients(model, parameters, padded.narrow(0, 0, 1), null);
      List<Tensor> second =
          gradients(model, parameters, padded.narrow(0, 1, 1).narrow(1, 0, 5), null);
      for (int i = 0; i < parameters.size(); i++) {
        assertClose(batch.get(i), first.get(i).add(second.get(i)));
      }
    }
  }

  private static List<Tensor> gradients(
      Model model, List<Tensor> parameters, Tensor ids, @Nullable Tensor mask) {
    try (GradMode on = GradMode.enabled()) {
      Tensor logits = model.logits(new ModelInput(ids, mask, null));
      return Ops.grad(logits.tanh().sum(), parameters);
    }
  }

  @Test
  void logitsToKeepAreTheLastOnes() {
    try (Model model = TinyDecoder.open(folder, "llama", LM)) {
      ModelInput input = new ModelInput(ids(2, 9), null, null);
      Tensor all = model.logits(input);
      assertClose(model.logits(input.withLogitsToKeep(2)), all.narrow(1, 7, 2));
    }
  }

  // ---- classifiers ----

  @Test
  void aClassifierScoresTheLastTokenThatIsNotPadding() {
    try (Model model = TinyDecoder.open(folder, "llama", CLASSIFIER)) {
      Tensor ids = Tensor.of(new long[] {7, 8, 9, 0, 0, 7, 8, 0, 9, 6}, 2, 5);
      Tensor logits = model.logits(new ModelInput(ids, null, null));
      Tensor shorter = Tensor.of(new long[] {7, 8, 9}, 1, 3);
      assertClose(logits.narrow(0, 0, 1), model.logits(new ModelInput(shorter, null, null)));
      assertClose(
          logits.narrow(0, 1, 1), model.logits(new ModelInput(ids.narrow(0, 1, 1), null, null)));
    }
  }

  /** With and without a soft prompt: texts end where the mask says, as where their padding does. */
  @Test
  void aClassifierWithoutPaddingTokenFindsTheEndsOfTextsByTheirMask() {
    Tensor ids = Tensor.of(new long[] {7, 8, 9, 0, 0, 7, 8, 5, 9, 6}, 2, 5);
    Tensor mask = Tensor.of(new long[] {1, 1, 1, 0, 0, 1, 1, 1, 1, 1}, 2, 5);
    ModelInput input = new ModelInput(ids, mask, null);
    Tensor prompt = Tensor.normal(0, 1, 2, 2, 32);
    Tensor expected;
    Tensor behindPrompt;
    try (Model model = TinyDecoder.open(folder, "llama", CLASSIFIER)) {
      expected = model.logits(input);
      behindPrompt = model.logits(input.withPrompt(prompt));
    }
    try (Model model =
        TinyDecoder.open(folder, "llama", CLASSIFIER, config -> config.putNull("pad_token_id"))) {
      assertClose(model.logits(input), expected);
      assertClose(model.logits(input.withPrompt(prompt)), behindPrompt);
      Tensor alone = ids.narrow(0, 1, 1);
      assertClose(model.logits(new ModelInput(alone, null, null)), expected.narrow(0, 1, 1));
    }
  }

  @Test
  void aSoftPromptShiftsThePlaceOfTheScoredToken() {
    try (Model model = TinyDecoder.open(folder, "llama", CLASSIFIER)) {
      Tensor ids = Tensor.of(new long[] {7, 8, 9, 0}, 1, 4);
      Tensor prompt = Tensor.normal(0, 1, 1, 2, 32);
      Tensor padded = model.logits(new ModelInput(ids, null, null).withPrompt(prompt));
      Tensor alone =
          model.logits(new ModelInput(ids.narrow(1, 0, 3), null, null).withPrompt(prompt));
      assertClose(padded, alone);
    }
  }
}
