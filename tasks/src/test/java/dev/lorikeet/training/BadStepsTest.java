package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.data.LengthGroupedBatches;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.ProjectionSlot;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Updates;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.NonFiniteConfig.OnNan;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Steps whose loss or gradients are NaN or infinite. */
class BadStepsTest {
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

  private static final class Remarks implements TrainingListener {
    private final List<String> heard = new ArrayList<>();

    @Override
    public void remarked(String remark) {
      heard.add(remark);
    }
  }

  private static TrainingConfig config(int batchSize, NonFiniteConfig nonFinite) {
    return TrainingConfig.DEFAULT
        .withEpochs(1)
        .withBatchSize(batchSize, 1)
        .with(draft -> draft.nonFinite = nonFinite);
  }

  private static Trainer trainer(
      Model model, List<EncodedExample> data, TrainingConfig config, TrainingListener listener) {
    List<Trainable> trainables = Trainable.allOf(model);
    return new Trainer(
        model, Tasks.of(model), trainables, TrainingData.of(data), List.of(), 0, config, listener);
  }

  /** Twelve numbers to learn, some of them infinite. */
  private static List<EncodedExample> measured(int... broken) {
    List<EncodedExample> data = new ArrayList<>(TinyBert.measured(12, 3, 9, 1));
    for (int index : broken) {
      EncodedExample good = data.get(index);
      float[] target = {Float.POSITIVE_INFINITY};
      data.set(index, new EncodedExample(good.ids(), good.typeIds(), good.classes(), target));
    }
    return data;
  }

  @Test
  void skippedStepsLeaveEverythingAsItWas() {
    Remarks remarks = new Remarks();
    try (Model model = TinyBert.open(TinyBert.REGRESS)) {
      Map<String, byte[]> before = TinyBert.bytes(model);
      int[] all = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
      Trainer trainer =
          trainer(model, measured(all), config(4, new NonFiniteConfig(OnNan.SKIP, 4)), remarks);
      // Three steps and all of them bad: that nothing moved is what the run then complains of.
      assertThatThrownBy(trainer::run).hasMessageContaining("training did not change");
      assertThat(TinyBert.bytes(model))
          .allSatisfy((name, bytes) -> assertThat(bytes).isEqualTo(before.get(name)));
      assertThat(remarks.heard)
          .hasSize(3)
          .allMatch(remark -> remark.contains("a target is Infinity: mend the row; the step is"))
          .last()
          .asString()
          .startsWith("step 3: the loss is Infinity for training examples ")
          .endsWith("the step is left out, the 3. so far");
    }
  }

  @Test
  void aSkippedStepIsAsIfItHadNotBeenTaken() {
    TrainingConfig config =
        config(4, new NonFiniteConfig(OnNan.SKIP, 3))
            .with(draft -> draft.schedule = ScheduleConfig.of(Schedule.CONSTANT, 0));
    List<EncodedExample> sound = measured();
    List<int[]> batches =
        LengthGroupedBatches.epoch(EncodedExample.lengths(sound), 4, config.seed(), 1);
    int second = batches.get(1)[2];
    try (Model model = TinyBert.open(TinyBert.REGRESS);
        Model byHand = TinyBert.open(TinyBert.REGRESS)) {
      trainer(model, measured(second), config, TrainingListener.SILENT).run();
      stepByHand(byHand, sound, List.of(batches.get(0), batches.get(2)), config);
      Map<String, byte[]> expected = TinyBert.bytes(byHand);
      assertThat(TinyBert.bytes(model))
          .allSatisfy((name, bytes) -> assertThat(bytes).isEqualTo(expected.get(name)));
    }
  }

  private static void stepByHand(
      Model model, List<EncodedExample> data, List<int[]> batches, TrainingConfig config) {
    List<Trainable> trainables = Trainable.allOf(model);
    List<ParameterGroup> groups =
        ParameterGroup.of(trainables, config.lr(), config.weightDecay(), List.of());
    LossScale unscaled = LossScale.of(DType.FLOAT32);
    AlonePass pass =
        AlonePass.of(model, trainables, Tasks.of(model).objective(), 512, unscaled, remark -> {});
    model.training(true);
    try (Optimizer optimizer = config.optimizer().make(groups)) {
      for (int[] batch : batches) {
        Map<Parameter, Tensor> gradients =
            pass.gradients(data, List.<int[]>of(batch), new RunState());
        Updates.clipInPlace(List.copyOf(gradients.values()), config.maxGradNorm());
        optimizer.step(gradients, groups.stream().map(ParameterGroup::lr).toList());
      }
    }
  }

  @Test
  void tooManyInARowStopTheRun() {
    try (Model model = TinyBert.open(TinyBert.REGRESS)) {
      int[] all = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
      TrainingConfig config = config(1, new NonFiniteConfig(OnNan.SKIP, 3));
      Trainer trainer = trainer(model, measured(all), config, TrainingListener.SILENT);
      assertThatThrownBy(trainer::run)
          .isInstanceOf(LorikeetException.class)
          .hasMessageStartingWith("step 3: the loss is Infinity for training example ")
          .hasMessageEndingWith("mend the row (3 steps in a row, and max_nan_steps is 3)");
    }
  }

  @Test
  void aParameterThatIsNotFiniteIsNamedAsTheCause() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      String name = "bert.encoder.layer.1.output.dense.bias";
      Parameter parameter = Objects.requireNonNull(model.parameters().get(name));
      parameter.original().setInPlace(Tensor.of(new float[] {Float.NaN}, 1));
      Trainer trainer =
          trainer(
              model,
              TinyBert.classified(6, 3, 9, 1),
              config(6, NonFiniteConfig.DEFAULT),
              TrainingListener.SILENT);
      assertThatThrownBy(trainer::run)
          .isInstanceOf(LorikeetException.class)
          .hasMessageMatching(
              "step 1: the loss is NaN for training examples (\\d, ){4}\\d and 1 more \\(counted"
                  + " from 0\\): \\Q"
                  + name
                  + "\\E has NaN or infinite elements: lower the learning rate");
    }
  }

  @Test
  void aWeightOfTheCheckpointThatIsNotFiniteIsNamedAsTheCause() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      String name = "bert.encoder.layer.0.attention.self.key.weight";
      Objects.requireNonNull(model.parameters().get(name))
          .original()
          .setInPlace(Tensor.of(new float[] {Float.NaN}, 1));
      assertThatThrownBy(() -> ofHead(model).run())
          .isInstanceOf(LorikeetException.class)
          .hasMessageStartingWith("step 1: the loss is NaN for training examples ")
          .hasMessageEndingWith(
              ": "
                  + name
                  + " has NaN or infinite elements and is not trained: mend the checkpoint");
    }
  }

  /** Makes all 64 inputs of a layer a large number, and its outputs their sums. */
  private static void overflow(Model model, float large) {
    Map.of("intermediate.dense.bias", large, "output.dense.weight", 1f)
        .forEach(
            (name, value) ->
                Objects.requireNonNull(model.parameters().get("bert.encoder.layer.1." + name))
                    .original()
                    .setInPlace(Tensor.of(new float[] {value}, 1)));
  }

  private static Trainer ofHead(Model model) {
    return new Trainer(
        model,
        Tasks.of(model),
        Trainable.headOf(model),
        TrainingData.of(TinyBert.classified(6, 3, 9, 1)),
        List.of(),
        0,
        config(6, NonFiniteConfig.DEFAULT),
        TrainingListener.SILENT);
  }

  @Test
  void theFirstLayerWhoseOutputOverflowsIsNamed() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      overflow(model, 3e38f); // a float holds 3.4e38
      assertThatThrownBy(() -> ofHead(model).run())
          .isInstanceOf(LorikeetException.class)
          .hasMessageStartingWith("step 1: the loss is NaN for training examples ")
          .hasMessageEndingWith(
              ": the output of bert.encoder.layer.1.output.dense overflows although all"
                  + " weights are finite: lower the learning rate");
      assertThat(model.projections().values()).noneMatch(ProjectionSlot::isFilled);
    }
  }

  @Test
  void finiteAnswersWithAnInfiniteLossAreToldFromThose() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      // The logarithm of a softmax is the difference of two answers, here 6e38.
      Objects.requireNonNull(model.parameters().get("classifier.bias"))
          .original()
          .setInPlace(Tensor.of(new float[] {3e38f, -3e38f, 0}, 3));
      assertThatThrownBy(() -> ofHead(model).run())
          .isInstanceOf(LorikeetException.class)
          .hasMessageStartingWith("step 1: the loss is Infinity for training examples ")
          .hasMessageContaining(": the answers are finite, their loss is not");
    }
  }

  @Test
  void aNormThatOverflowsIsToldFromGradientsThatDo() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Parameter weight = new Parameter("w", Tensor.of(new float[] {1, 2}, 2), scope);
      List<Trainable> trainables = List.of(new Trainable("w", weight, false));
      StepGuard guard =
          new StepGuard(
              model,
              trainables,
              NonFiniteConfig.DEFAULT,
              LossScale.of(DType.FLOAT32),
              new RunState(),
              TrainingListener.SILENT);
      Tensor gradient = Tensor.of(new float[] {1e30f, 1e30f}, 2); // its square is 1e60
      assertThatThrownBy(
              () ->
                  guard.beforeUpdate(
                      Map.of(weight, gradient), Updates.totalNorm(List.of(gradient)).item()))
          .isInstanceOf(NonFinite.class)
          .hasMessage(
              "the gradients are finite, but their norm is Infinity: lower the learning rate");
    }
  }

  @Test
  void inFloat16AnOverflowIsTheTypes() {
    ModelOptions half = ModelOptions.DEFAULT.withPrecision(DType.FLOAT16);
    try (Model model = Model.open(TinyBert.folder(TinyBert.CLASSIFY), half)) {
      overflow(model, 60000); // float16 holds 65504
      Trainer trainer =
          trainer(
              model,
              TinyBert.classified(20, 3, 9, 1),
              config(1, NonFiniteConfig.DEFAULT),
              TrainingListener.SILENT);
      assertThatThrownBy(trainer::run)
          .isInstanceOf(LorikeetException.class)
          .hasMessageStartingWith("step 17: ") // the loss's scale was halved sixteen times
          .hasMessageEndingWith(
              ": the output of bert.encoder.layer.1.output.dense overflows, for which float16 is"
                  + " too narrow: use bfloat16");
    }
  }

  @Test
  void stepsLeftOutAreCountedAcrossAnInterruption(@TempDir Path checkpoints) {
    int[] all = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    TrainingConfig config = config(1, new NonFiniteConfig(OnNan.SKIP, 5));
    Remarks remarks = new Remarks();
    int[] asked = {0};
    Checkpoints where = Checkpoints.in(checkpoints).stoppingWhen(() -> ++asked[0] == 3);
    try (Model model = TinyBert.open(TinyBert.REGRESS)) {
      Trainer trainer = trainer(model, measured(all), config, remarks).checkpoints(where);
      assertThatThrownBy(trainer::run).isInstanceOf(RunInterrupted.class);
    }
    try (Model model = TinyBert.open(TinyBert.REGRESS)) {
      Trainer trainer =
          trainer(model, measured(all), config, remarks)
              .checkpoints(Checkpoints.in(checkpoints).resuming(true));
      assertThatThrownBy(trainer::run)
          .isInstanceOf(LorikeetException.class)
          .hasMessageStartingWith("step 5: ")
          .hasMessageEndingWith("(5 steps in a row, and max_nan_steps is 5)");
    }
    assertThat(remarks.heard).hasSize(4).last().asString().endsWith("left out, the 4. so far");
  }

  @Test
  void theFirstGradientThatIsNotFiniteIsNamedWhereTheLossIs() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      // √0 is a finite number with an infinite slope, and 0 · ∞ is none.
      ProjectionSlot dense =
          Objects.requireNonNull(model.projections().get("bert.encoder.layer.1.output.dense"));
      dense.fill(x -> dense.base().forward(x.mul(0).pow(0.5)));
      Trainer trainer =
          trainer(
              model,
              TinyBert.classified(6, 3, 9, 1),
              config(6, NonFiniteConfig.DEFAULT),
              TrainingListener.SILENT);
      assertThatThrownBy(trainer::run)
          .isInstanceOf(LorikeetException.class)
          .hasMessageStartingWith(
              "step 1: the loss is finite, but the gradient of"
                  + " bert.embeddings.word_embeddings.weight is not: ");
    }
  }

  @Test
  void aStepWithoutALabelIsNoStep() {
    List<EncodedExample> data = new ArrayList<>(TinyBert.tagged(3, 4, 4, 1));
    long[] ignored = new long[4];
    Arrays.fill(ignored, EncodedExample.IGNORED);
    data.replaceAll(e -> new EncodedExample(e.ids(), e.typeIds(), ignored, e.targets()));
    try (Model model = TinyBert.open(TinyBert.TAG)) {
      Trainer trainer =
          trainer(model, data, config(3, NonFiniteConfig.DEFAULT), TrainingListener.SILENT);
      assertThatThrownBy(trainer::run)
          .isInstanceOf(LorikeetException.class)
          .hasMessage(
              "step 1: none of the labels of its 3 examples counts: raise max_length, or look for"
                  + " examples without labels");
    }
  }

  @Test
  void inFloat16OverflowLowersTheScaleAndIsNoFaultUntilTheScaleIsGone() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Parameter weight = new Parameter("w", Tensor.of(new float[] {1, 2}, 2), scope);
      List<Trainable> trainables = List.of(new Trainable("w", weight, false));
      LossScale scale = LossScale.of(DType.FLOAT16);
      RunState state = new RunState();
      StepGuard guard =
          new StepGuard(
              model, trainables, NonFiniteConfig.DEFAULT, scale, state, TrainingListener.SILENT);
      Map<Parameter, Tensor> infinite =
          new LinkedHashMap<>(
              Map.of(weight, Tensor.of(new float[] {1, Float.POSITIVE_INFINITY}, 2)));
      for (int halvings = 1; halvings <= 16; halvings++) {
        guard.skipped(found(guard, infinite));
        assertThat(scale.scale()).isEqualTo(65536 / Math.pow(2, halvings));
      }
      state.step = 16;
      assertThatThrownBy(() -> guard.skipped(found(guard, infinite)))
          .isInstanceOf(LorikeetException.class)
          .hasMessageStartingWith("step 17: the loss is finite, but the gradient of w is not");
    }
  }

  private static NonFinite found(StepGuard guard, Map<Parameter, Tensor> gradients) {
    try {
      guard.beforeUpdate(gradients, Double.POSITIVE_INFINITY);
    } catch (NonFinite e) {
      return e;
    }
    throw new AssertionError("an infinite norm went through");
  }

  @Test
  void gradientsOfAScaledLossAreScaledBackExactly() {
    LossScale scale = LossScale.of(DType.FLOAT16);
    Parameter weight = new Parameter("w", Tensor.of(new float[] {0, 0}, 2), scope);
    Tensor gradient = Tensor.of(new float[] {65536 * 0.1f, -65536 * 3e-7f}, 2);
    scale.unscale(Map.of(weight, gradient));
    assertThat(gradient.toFloats()).containsExactly(0.1f, -3e-7f); // a power of two rounds nothing
    assertThat(LossScale.of(DType.BFLOAT16).scale()).isEqualTo(1);
  }

  @Test
  void unknownWordsForOnNanAreRefused() {
    assertThatThrownBy(() -> OnNan.of("ignore"))
        .isInstanceOf(UsageException.class)
        .hasMessage("on_nan is \"ignore\": use stop or skip");
    assertThatThrownBy(() -> new NonFiniteConfig(OnNan.SKIP, 0))
        .hasMessage("max_nan_steps is 0: it must be at least 1");
  }
}
