package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import dev.lorikeet.torch.Updates;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** BERT with each of its heads. Axes: B batch, T tokens. */
@Tag("numeric")
class BertTest {
  private static final long[] LENGTHS = {10, 3, 7, 1};

  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  @ParameterizedTest
  @ValueSource(strings = {TinyCheckpoint.CLASSIFY, TinyCheckpoint.TAG, TinyCheckpoint.MLM})
  void logitsAreThoseOfTransformers(String name) {
    try (Model model = Model.open(TinyCheckpoint.folder(name), ModelOptions.DEFAULT)) {
      Tensor logits = model.logits(TinyCheckpoint.input(name));
      // The tolerance that the recorded case states.
      assertClose(logits, TinyCheckpoint.expected(name).tensor("base.logits"), 2e-5);
    }
  }

  /**
   * Products of 32 and 48 terms near 1, in another order where a row is alone: some ten roundings
   * of 6e-8 in each of two layers.
   */
  private static final double ANOTHER_ORDER = 1e-5;

  @ParameterizedTest
  @ValueSource(strings = {TinyCheckpoint.CLASSIFY, TinyCheckpoint.TAG, TinyCheckpoint.MLM})
  void aPaddedRowAnswersAsItDoesAlone(String name) {
    try (Model model = Model.open(TinyCheckpoint.folder(name), ModelOptions.DEFAULT)) {
      Tensor batch = model.logits(raggedBatch(name));
      for (int row = 0; row < LENGTHS.length; row++) {
        Tensor inBatch = batch.select(0, row);
        Tensor alone = model.logits(rowAlone(name, row)).select(0, 0);
        boolean perToken = batch.shape().length == 3;
        Tensor real = perToken ? inBatch.narrow(0, 0, LENGTHS[row]) : inBatch;
        assertClose(real, alone, ANOTHER_ORDER);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {TinyCheckpoint.CLASSIFY, TinyCheckpoint.TAG, TinyCheckpoint.MLM})
  void gradientsOfARaggedBatchAreTheSumOfThoseOfItsRows(String name) {
    try (Model model = Model.open(TinyCheckpoint.folder(name), ModelOptions.DEFAULT)) {
      model.parameters().values().forEach(Parameter::train);
      List<Tensor> sums = gradients(model, List.of(raggedBatch(name)));
      List<ModelInput> rows = new ArrayList<>();
      for (int row = 0; row < LENGTHS.length; row++) {
        rows.add(rowAlone(name, row));
      }
      List<Tensor> ofRows = gradients(model, rows);
      for (int i = 0; i < sums.size(); i++) {
        // The same, and sums over up to 40 tokens besides; 2e-7 of the largest was seen.
        double largest = ofRows.get(i).abs().max().item();
        assertClose(sums.get(i), ofRows.get(i), 2e-6 * (1 + largest));
      }
    }
  }

  /** Gradients of all parameters of the summed loss of all batches together. */
  private static List<Tensor> gradients(Model model, List<ModelInput> batches) {
    List<Tensor> sums = new ArrayList<>();
    List<Tensor> leaves = model.parameters().values().stream().map(Parameter::original).toList();
    try (GradMode on = GradMode.enabled()) {
      for (ModelInput batch : batches) {
        Tensor logits = model.logits(batch);
        Tensor loss =
            logits.shape().length == 3
                ? Ops.crossEntropy(logits.reshape(-1, logits.size(-1)), tokenLabels(batch))
                : Ops.crossEntropy(logits, rowLabels(batch));
        sums.addAll(Ops.grad(loss, leaves));
      }
    }
    List<Tensor> first = sums.subList(0, leaves.size());
    for (int from = leaves.size(); from < sums.size(); from += leaves.size()) {
      Updates.accumulateInPlace(first, sums.subList(from, from + leaves.size()));
    }
    return first;
  }

  /** A class of each token, by its id; padding, id 0, does not count. */
  private static Tensor tokenLabels(ModelInput batch) {
    long[] ids = batch.inputIds().toLongs();
    for (int i = 0; i < ids.length; i++) {
      ids[i] = ids[i] == 0 ? -100 : ids[i] % 5;
    }
    return Tensor.of(ids, ids.length);
  }

  /** A class of each row, by its first token. */
  private static Tensor rowLabels(ModelInput batch) {
    long[] ids = batch.inputIds().select(1, 0).toLongs();
    for (int i = 0; i < ids.length; i++) {
      ids[i] %= 3;
    }
    return Tensor.of(ids, ids.length);
  }

  @Test
  void bfloat16AgreesWithFloat32WithinItsEightBits() {
    String name = TinyCheckpoint.MLM;
    try (Model exact = Model.open(TinyCheckpoint.folder(name), ModelOptions.DEFAULT);
        Model rounded = Model.open(TinyCheckpoint.folder(name), TinyCheckpoint.bfloat16())) {
      Tensor logits = rounded.logits(TinyCheckpoint.input(name));
      assertThat(logits.dtype()).isEqualTo(DType.BFLOAT16);
      Tensor expected = exact.logits(TinyCheckpoint.input(name));
      // Each number is rounded to 2^-9 of itself. Some 30 roundings lie between input and logits,
      // of weights and activations; of random sign they add up to √30 2^-9, about 1 %. Logits reach
      // 1.6, and the largest of 3,840 errors lies four deviations out.
      double difference = logits.to(DType.FLOAT32).sub(expected).abs().max().item();
      assertThat(difference).isBetween(1e-4, 4 * 0.01 * 1.6);
    }
  }

  @Test
  void withoutTypesOrMaskAllTokensAreRealAndOfTheFirstText() {
    try (Model model =
        Model.open(TinyCheckpoint.folder(TinyCheckpoint.TAG), ModelOptions.DEFAULT)) {
      Tensor ids = TinyCheckpoint.input(TinyCheckpoint.TAG).inputIds();
      Tensor zeros = ids.mul(0);
      Tensor spelt =
          model.logits(new ModelInput(ids, zeros.add(1).to(DType.INT64), zeros.to(DType.INT64)));
      assertClose(model.logits(new ModelInput(ids, null, null)), spelt, ANOTHER_ORDER);
    }
  }

  @Test
  void withoutAHeadTheAnswerIsTheLastHiddenState(@TempDir Path copy) {
    String name = TinyCheckpoint.CLASSIFY;
    TinyCheckpoint.withConfig(copy, name, json -> json.remove("architectures"));
    try (Model model = Model.open(copy, ModelOptions.DEFAULT)) {
      assertThat(model.headType()).isNull();
      Tensor hidden = model.logits(TinyCheckpoint.input(name));
      assertThat(hidden.shape()).containsExactly(4, 10, 32);
      Checkpoint file = Checkpoint.open(copy);
      Tensor pooled =
          Ops.linear(
                  hidden.select(1, 0),
                  file.tensor("bert.pooler.dense.weight"),
                  file.tensor("bert.pooler.dense.bias"))
              .tanh();
      Tensor logits =
          Ops.linear(pooled, file.tensor("classifier.weight"), file.tensor("classifier.bias"));
      assertClose(logits, TinyCheckpoint.expected(name).tensor("base.logits"), 2e-5);
    }
  }

  @Test
  void dropoutIsOnInTrainingOnly(@TempDir Path copy) {
    TinyCheckpoint.withConfig(
        copy,
        TinyCheckpoint.CLASSIFY,
        json -> json.put("hidden_dropout_prob", 0.3).put("attention_probs_dropout_prob", 0.3));
    ModelInput input = TinyCheckpoint.input(TinyCheckpoint.CLASSIFY);
    try (Model model = Model.open(copy, ModelOptions.DEFAULT)) {
      Tensor still = model.logits(input);
      assertThat(model.logits(input).sameAs(still)).isTrue();
      model.training(true);
      Torch.seed(1);
      Tensor first = model.logits(input);
      Tensor second = model.logits(input);
      assertThat(first.sameAs(still)).isFalse();
      assertThat(second.sameAs(first)).isFalse();
      Torch.seed(1);
      assertThat(model.logits(input).sameAs(first)).isTrue();
      model.training(false);
      assertThat(model.logits(input).sameAs(still)).isTrue();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout"})
  void eachDropoutIsThere(String key, @TempDir Path copy) {
    TinyCheckpoint.withConfig(copy, TinyCheckpoint.CLASSIFY, json -> json.put(key, 0.5));
    ModelInput input = TinyCheckpoint.input(TinyCheckpoint.CLASSIFY);
    try (Model model = Model.open(copy, ModelOptions.DEFAULT)) {
      Tensor still = model.logits(input);
      model.training(true);
      assertThat(model.logits(input).sameAs(still)).isFalse();
    }
  }

  @Test
  void aForwardPassLeavesNothingBehindButItsLogits() {
    try (Model model =
        Model.open(TinyCheckpoint.folder(TinyCheckpoint.TAG), ModelOptions.DEFAULT)) {
      ModelInput input = TinyCheckpoint.input(TinyCheckpoint.TAG);
      long before = Tensor.live();
      model.logits(input);
      assertThat(Tensor.live()).isEqualTo(before + 1);
    }
  }

  // ---- inputs ----

  /** The recorded rows, cut to {@link #LENGTHS} and padded. */
  private static ModelInput raggedBatch(String name) {
    ModelInput full = TinyCheckpoint.input(name);
    long[] mask = new long[(int) full.inputIds().count()];
    int width = (int) full.inputIds().size(1);
    for (int row = 0; row < LENGTHS.length; row++) {
      Arrays.fill(mask, row * width, row * width + (int) LENGTHS[row], 1);
    }
    Tensor real = Tensor.of(mask, LENGTHS.length, width);
    return new ModelInput(
        full.inputIds().mul(real),
        real,
        full.tokenTypeIds() == null ? null : full.tokenTypeIds().mul(real));
  }

  private static ModelInput rowAlone(String name, int row) {
    ModelInput batch = raggedBatch(name);
    return new ModelInput(
        cut(batch.inputIds(), row),
        null,
        batch.tokenTypeIds() == null ? null : cut(batch.tokenTypeIds(), row));
  }

  private static Tensor cut(Tensor batch, int row) {
    return batch.narrow(0, row, 1).narrow(1, 0, LENGTHS[row]).contiguous();
  }

  private static void assertClose(Tensor actual, Tensor expected, double tolerance) {
    assertThat(actual.shape()).isEqualTo(expected.shape());
    assertThat(actual.toFloats()).containsExactly(expected.toFloats(), within((float) tolerance));
  }
}
