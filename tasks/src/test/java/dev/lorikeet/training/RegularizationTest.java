package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.data.Batch;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.Initialization;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("numeric")
class RegularizationTest {
  private static final RegularizationConfig NONE = RegularizationConfig.NONE;

  private Scope scope;
  private long liveBefore;

  @BeforeEach
  void open() {
    liveBefore = Tensor.live();
    scope = Scope.open();
  }

  @AfterEach
  void nothingIsLeft() {
    scope.close();
    assertThat(Tensor.live()).isEqualTo(liveBefore);
  }

  // ---- sums that are divided once ----

  private static ClassWeights uneven(Model model) {
    List<String> labels = model.config().labels();
    return ClassWeights.of(Map.of(labels.get(0), 0.25, labels.get(2), 3.0));
  }

  private static void assertPartsGiveTheWholeGradients(
      Model model, List<EncodedExample> examples, RegularizationConfig config) {
    List<Trainable> trainables = Trainable.allOf(model);
    Objective loss = Tasks.of(model).objective(config, examples);
    int[] all = IntStream.range(0, examples.size()).toArray();
    Map<Parameter, Tensor> whole = gradients(model, loss, examples, List.of(all), 1 << 20);
    for (int size : new int[] {1, 5}) {
      List<int[]> batches = new ArrayList<>();
      for (int start = 0; start < all.length; start += size) {
        batches.add(Arrays.copyOfRange(all, start, Math.min(start + size, all.length)));
      }
      Map<Parameter, Tensor> summed = gradients(model, loss, examples, batches, 16);
      for (Trainable trainable : trainables) {
        Tensor wanted = Objects.requireNonNull(whole.get(trainable.parameter()));
        Tensor found = Objects.requireNonNull(summed.get(trainable.parameter()));
        // Sums of some dozen terms near 1 in another order.
        assertThat(wanted.sub(found).abs().max().item()).as(trainable.name()).isLessThan(1e-6);
      }
    }
  }

  private static Map<Parameter, Tensor> gradients(
      Model model,
      Objective loss,
      List<EncodedExample> examples,
      List<int[]> batches,
      int maxTokens) {
    LossScale unscaled = LossScale.of(DType.FLOAT32);
    return AlonePass.of(model, Trainable.allOf(model), loss, maxTokens, unscaled, remark -> {})
        .gradients(examples, batches, new RunState());
  }

  @ParameterizedTest
  @ValueSource(strings = {TinyBert.CLASSIFY, TinyBert.TAG})
  void accumulatedGradientsAreThoseOfTheFullBatchWithWeightsAndSmoothing(String name) {
    try (Model model = TinyBert.open(name)) {
      List<EncodedExample> examples =
          name.equals(TinyBert.TAG)
              ? TinyBert.tagged(14, 3, 12, 1)
              : TinyBert.classified(14, 3, 12, 1);
      assertPartsGiveTheWholeGradients(model, examples, NONE.withLoss(0.2, uneven(model), 0));
      assertPartsGiveTheWholeGradients(model, examples, NONE.withLoss(0, uneven(model), 2));
    }
  }

  @TempDir private Path folder;

  @Test
  void accumulatedGradientsOfACausalLanguageModelAreThoseOfTheFullBatch() throws IOException {
    Files.writeString(
        folder.resolve("config.json"),
        """
        {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 96,
         "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
         "num_attention_heads": 2, "max_position_embeddings": 32, "rms_norm_eps": 1e-6,
         "tie_word_embeddings": false}
        """);
    ModelOptions options =
        ModelOptions.DEFAULT
            .withHead(HeadType.CAUSAL_LM, List.of())
            .withSeed(1)
            .fromScratch(Initialization.PAPER);
    try (Model model = Model.open(folder, options)) {
      assertPartsGiveTheWholeGradients(model, prompts(), NONE.withLoss(0.1, ClassWeights.NONE, 0));
    }
  }

  /** Of 3 to 12 tokens, of which the last one to nine are to be learnt. */
  private static List<EncodedExample> prompts() {
    List<EncodedExample> prompts = new ArrayList<>();
    for (EncodedExample text : TinyBert.tagged(14, 3, 12, 1)) {
      long[] classes = new long[text.length()];
      for (int i = 0; i < classes.length; i++) {
        boolean learnt = i > 0 && i >= classes.length - 1 - prompts.size() % 9;
        classes[i] = learnt ? text.ids()[i] : EncodedExample.IGNORED;
      }
      prompts.add(new EncodedExample(text.ids(), text.typeIds(), classes, text.targets()));
    }
    return prompts;
  }

  // ---- class weights and focal loss ----

  @Test
  void balancedWeightsAreInTheProportionOfWhatIsMissing() {
    List<EncodedExample> examples = new ArrayList<>();
    for (long id : new long[] {0, 0, 0, 1, 1, 2}) {
      examples.add(new EncodedExample(new int[1], new int[1], new long[] {id}, new float[0]));
    }
    List<String> labels = List.of("a", "b", "c");
    assertThat(ClassWeights.BALANCED.of(labels, examples))
        .containsExactly(6 / (3 * 3f), 6 / (3 * 2f), 6 / 3f);
    assertThatThrownBy(() -> ClassWeights.BALANCED.of(labels, examples.subList(0, 5)))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "class_weights is balanced, but no training example has the label \"c\": give weights"
                + " by label");
    assertThatThrownBy(
            () -> ClassWeights.of(Map.of("bee", 2.0)).of(List.of("beer", "wine"), List.of()))
        .isInstanceOf(UsageException.class)
        .hasMessage("class_weights: no label is called \"bee\"; nearest: beer, wine");
  }

  @Test
  void theFocalLossLooksAwayFromWhatIsKnown() {
    // Of probabilities 1/2 and 9/10: Σ w (1 − p)^γ · −log p, γ = 2.
    double expected = 3 * 0.25 * Math.log(2) + 0.01 * -Math.log(0.9);
    float[] logits = {(float) Math.log(2), 0, 0, 0, (float) Math.log(18), 0};
    Tensor weights = Tensor.of(new float[] {3, 1, 1}, 3);
    Tensor loss =
        Ops.focalCrossEntropy(Tensor.of(logits, 2, 3), Tensor.of(new long[] {0, 1}, 2), weights, 2);
    assertThat(loss.item()).isCloseTo(expected, within(1e-6));
  }

  @Test
  void theFocalLossOfLabelSetsDoesSoForEveryLabel() {
    // Probabilities 1/2 of a label that holds, 3/4 of one that does not: (1/4)² log 4/3 turned
    // round.
    double expected = 0.25 * Math.log(2) + 0.75 * 0.75 * Math.log(4);
    Tensor logits = Tensor.of(new float[] {0, (float) Math.log(3)}, 1, 2);
    Tensor labels = Tensor.of(new float[] {1, 0}, 1, 2);
    assertThat(Ops.focalBinaryCrossEntropy(logits, labels, 2).item())
        .isCloseTo(expected, within(1e-6));
  }

  @Test
  void theFocalLossHasASlopeWhereTheAnswerIsSureAndNoneWhereNoLabelCounts() {
    try (GradMode on = GradMode.enabled()) {
      Tensor logits = Tensor.of(new float[] {200, 0, 0, 1, 2, 3}, 2, 3).requiresGrad(true);
      Tensor labels = Tensor.of(new long[] {0, EncodedExample.IGNORED}, 2);
      Tensor loss = Ops.focalCrossEntropy(logits, labels, null, 0.5);
      assertThat(Ops.grad(loss, List.of(logits)).get(0).toFloats()).containsOnly(0);
    }
  }

  @Test
  void settingsForOtherLabelsAreRefused() {
    try (Model regress = TinyBert.open(TinyBert.REGRESS);
        Model several = TinyBert.open(TinyBert.MULTI_LABEL);
        Model words = TinyBert.open(TinyBert.MLM)) {
      assertRefused(regress, NONE.withLoss(0.1, ClassWeights.NONE, 0), "label_smoothing_factor");
      assertRefused(several, NONE.withLoss(0.1, ClassWeights.NONE, 0), "label_smoothing_factor");
      assertRefused(regress, NONE.withLoss(0, ClassWeights.NONE, 2), "focal_gamma");
      assertRefused(several, NONE.withLoss(0, ClassWeights.BALANCED, 0), "class_weights");
      assertRefused(words, NONE.withLoss(0, ClassWeights.BALANCED, 0), "class_weights");
    }
    assertThatThrownBy(() -> NONE.withLoss(0.1, ClassWeights.NONE, 2))
        .hasMessage("focal_gamma is 2.0 and label_smoothing_factor is 0.1: use one of them");
    assertThatThrownBy(() -> NONE.withLoss(1, ClassWeights.NONE, 0))
        .hasMessage("label_smoothing_factor is 1.0: it must be at least 0 and below 1");
    assertThatThrownBy(() -> new AveragingConfig(0.9, false, 2))
        .hasMessage("ema_decay is 0.9 and average_last_epochs is 2: use one of them");
  }

  private static void assertRefused(Model model, RegularizationConfig config, String key) {
    assertThatThrownBy(() -> Tasks.of(model).objective(config, List.of()))
        .isInstanceOf(UsageException.class)
        .hasMessageMatching(key + " is for .*, and the model's labels are others: leave it out");
  }

  // ---- noise ----

  private static Tensor embedded(Model model, int rows, int length) {
    long[] ids = IntStream.range(0, rows * length).mapToLong(i -> 10 + i % 80).toArray();
    return Objects.requireNonNull(model.embeddings().get("bert.embeddings.word_embeddings"))
        .forward(Tensor.of(ids, rows, length));
  }

  @Test
  void noiseOnEmbeddedTokensIsUniformAndOfTheRightSize() {
    double alpha = 5;
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Tensor clean = embedded(model, 40, 25); // [40, 25, 32]
      model.training(true);
      Torch.seed(1);
      try (Neftune noise = Neftune.on(model, alpha)) {
        Tensor difference = embedded(model, 40, 25).sub(clean);
        double most = alpha / Math.sqrt(25 * 32);
        assertThat(difference.abs().max().item())
            .isBetween(0.999 * most, most * (1 + 1e-5)); // one of 32,000 draws is near the end
        double deviation = difference.norm().item() / Math.sqrt((double) difference.count());
        assertThat(deviation).isCloseTo(most / Math.sqrt(3), within(0.02 * most));
        model.training(false);
        assertThat(embedded(model, 40, 25).sameAs(clean)).isTrue();
      }
      model.training(true);
      assertThat(embedded(model, 40, 25).sameAs(clean)).isTrue();
    }
  }

  // ---- mixout ----

  @Test
  void mixoutTakesElementsOfTheCheckpointInTrainingOnly() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      List<Trainable> trainables = Trainable.allOf(model);
      Tensor x = Tensor.normal(0, 1, 2, 3, 32);
      var query = model.projections().get("bert.encoder.layer.0.attention.self.query");
      Tensor weight = Objects.requireNonNull(query).base().weight().original();
      Tensor before = query.forward(x);
      try (Mixout mixout = Mixout.on(model, trainables, 0.5);
          GradMode on = GradMode.enabled()) {
        model.training(true);
        // Nothing has moved yet: whatever is drawn is the checkpoint's.
        assertThat(query.forward(x).sub(before).abs().max().item()).isLessThan(1e-5);
        weight.addInPlace(Tensor.full(0.01, DType.FLOAT32, model.mode().device(), 32, 32), 1);
        Tensor sum = query.forward(Tensor.full(1, DType.FLOAT32, model.mode().device(), 1, 1, 32));
        // d sum / d w is 1 / (1 − p) where w is its own, and 0 where it is the checkpoint's.
        float[] slopes = Ops.grad(sum.sum(), List.of(weight)).get(0).toFloats();
        for (float slope : slopes) {
          assertThat(slope == 0 || Math.abs(slope - 2) < 1e-4).isTrue();
        }
        // 1024 coins: five standard deviations of 16.
        long own = IntStream.range(0, slopes.length).filter(i -> slopes[i] > 0).count();
        assertThat(own).isBetween(512L - 80, 512L + 80);
        model.training(false);
        Tensor moved = query.forward(x);
        assertThat(moved.sameAs(query.forward(x))).isTrue();
      }
      assertThat(query.isFilled()).isFalse();
    }
  }

  @Test
  void mixoutWithoutTrainedWeightsOfTheCheckpointIsRefused() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      List<Trainable> adapter = Trainable.of(Adapter.attach(model, DeltaAdapter.on("query"), 1));
      assertThatThrownBy(() -> Mixout.on(model, adapter, 0.5).close())
          .isInstanceOf(UsageException.class)
          .hasMessage(
              "mixout is 0.5, and no weight of the checkpoint is trained: use method full, or leave"
                  + " it out");
    }
  }

  // ---- averages ----

  private static TrainingResult train(
      Model model, List<EncodedExample> held, RegularizationConfig config) {
    TrainingConfig training =
        TrainingConfig.DEFAULT
            .withEpochs(3)
            .withBatchSize(6, 1)
            .with(
                draft -> {
                  draft.regularization = config;
                  draft.evaluation = new EvaluationConfig(false);
                });
    TrainingData data = TrainingData.of(TinyBert.classified(24, 3, 9, 1));
    List<Trainable> trainables = Trainable.allOf(model);
    return new Trainer(
            model, Tasks.of(model), trainables, data, held, 0, training, TrainingListener.SILENT)
        .run();
  }

  @Test
  void evaluationAndResultAreOfTheAveragedWeights() {
    List<EncodedExample> held = TinyBert.classified(12, 3, 9, 2);
    double plain = lossOf(NONE, held);
    assertThat(lossOf(NONE.withAveraging(new AveragingConfig(0.9, false, 0)), held))
        .isNotEqualTo(plain);
    assertThat(lossOf(NONE.withAveraging(new AveragingConfig(0.9, true, 0)), held))
        .isNotEqualTo(plain);
    assertThat(lossOf(NONE.withAveraging(new AveragingConfig(0, false, 2)), held))
        .isNotEqualTo(plain);
    // The average over one epoch's weights, the last one's, is those weights.
    assertThat(lossOf(NONE.withAveraging(new AveragingConfig(0, false, 1)), held)).isEqualTo(plain);
  }

  /** Of the last epoch, which must be the loss of the weights that the run leaves. */
  private static double lossOf(RegularizationConfig config, List<EncodedExample> held) {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      TrainingResult result = train(model, held, config);
      double loss = Objects.requireNonNull(result.evaluation()).loss();
      assertThat(new Evaluator(model, Tasks.of(model), 32, 0).evaluate(held).loss())
          .isCloseTo(loss, within(1e-6));
      return loss;
    }
  }

  @Test
  void anAverageLeavesThePathOfTheWeightsAlone() {
    // The losses in training are those of the weights, not of their average.
    List<Double> plain = trainLosses(NONE);
    assertThat(trainLosses(NONE.withAveraging(new AveragingConfig(0.99, false, 0))))
        .isEqualTo(plain);
    assertThat(trainLosses(NONE.withAveraging(new AveragingConfig(0, false, 3)))).isEqualTo(plain);
    assertThat(trainLosses(NONE.withNoise(5, 0))).isNotEqualTo(plain);
    assertThat(trainLosses(NONE.withNoise(0, 0.5))).isNotEqualTo(plain);
  }

  private static List<Double> trainLosses(RegularizationConfig config) {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      return train(model, List.of(), config).epochs().stream().map(EpochReport::trainLoss).toList();
    }
  }

  @Test
  void theSameSeedGivesTheSameBytesWithEverythingOn() {
    RegularizationConfig all =
        NONE.withLoss(0.1, ClassWeights.BALANCED, 0)
            .withNoise(5, 0.3)
            .withAveraging(new AveragingConfig(0.9, true, 0));
    Map<String, byte[]> first = trainedBytes(all);
    assertThat(trainedBytes(all))
        .allSatisfy((name, bytes) -> assertThat(bytes).isEqualTo(first.get(name)));
  }

  private static Map<String, byte[]> trainedBytes(RegularizationConfig config) {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      train(model, List.of(), config);
      return TinyBert.bytes(model);
    }
  }

  // ---- precision ----

  @Test
  void inBfloat16WhatIsTrainedIsFloat32AndTheBaseIsNot() {
    ModelOptions options = ModelOptions.DEFAULT.withPrecision(DType.BFLOAT16);
    try (Model model = Model.open(TinyBert.folder(TinyBert.CLASSIFY), options)) {
      List<Trainable> trainables = Trainable.of(Adapter.attach(model, DeltaAdapter.on("query"), 1));
      List<ParameterGroup> groups = ParameterGroup.of(trainables, 1e-3, 0.01, List.of());
      List<EncodedExample> examples = TinyBert.classified(6, 3, 9, 1);
      try (Optimizer optimizer = OptimizerConfig.DEFAULT.make(groups)) {
        AlonePass pass =
            AlonePass.of(
                model,
                trainables,
                Tasks.of(model).objective(),
                512,
                LossScale.of(model.mode().dtype()),
                remark -> {});
        int[] all = {0, 1, 2, 3, 4, 5};
        var gradients = pass.gradients(examples, List.<int[]>of(all), new RunState());
        optimizer.step(gradients, groups.stream().map(ParameterGroup::lr).toList());
        assertThat(gradients.values()).allMatch(g -> g.dtype() == DType.FLOAT32);
        assertThat(optimizer.state().values()).allMatch(s -> s.dtype() == DType.FLOAT32);
      }
      assertThat(trainables)
          .extracting(t -> t.parameter().original().dtype())
          .containsOnly(DType.FLOAT32);
      assertThat(model.parameters().values())
          .extracting(parameter -> parameter.original().dtype())
          .containsOnly(DType.BFLOAT16);
      Batch batch = Batch.of(examples, new int[] {0, 1}, 0);
      ModelInput input = Inputs.of(batch);
      assertThat(model.logits(input).dtype()).isEqualTo(DType.BFLOAT16);
    }
  }
}
