package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ProjectionSlot;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Runs that must not end as if all were well. */
class TrainerErrorsTest {
  private static final List<EncodedExample> DATA = TinyBert.classified(12, 3, 9, 1);

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

  private static Trainer trainer(
      Model model, List<Trainable> trainables, List<EncodedExample> data, TrainingConfig config) {
    return new Trainer(
        model,
        Tasks.of(model),
        trainables,
        TrainingData.of(data),
        List.of(),
        0,
        config,
        TrainingListener.SILENT);
  }

  private static TrainingConfig steps(int epochs, double decay, double warmup) {
    return TrainingConfig.DEFAULT
        .withEpochs(epochs)
        .withBatchSize(12, 1)
        .with(
            draft -> {
              draft.weightDecay = decay;
              draft.schedule = ScheduleConfig.of(Schedule.LINEAR, warmup);
            });
  }

  @Test
  void anEmptyDataSetIsRefused() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      assertThatThrownBy(
              () -> trainer(model, Trainable.allOf(model), List.of(), TrainingConfig.DEFAULT))
          .isInstanceOf(LorikeetException.class)
          .hasMessage("there are no training examples");
    }
  }

  @Test
  void nothingToTrainIsRefused() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      assertThatThrownBy(() -> trainer(model, List.of(), DATA, TrainingConfig.DEFAULT))
          .isInstanceOf(LorikeetException.class)
          .hasMessage("there are no trainable parameters: attach an adapter first");
    }
  }

  @Test
  void aGroupThatMatchesNothingIsRefused() {
    TrainingConfig config =
        TrainingConfig.DEFAULT.withLr(1e-3, List.of(GroupRule.parse("classifer=1e-2")));
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Trainer trainer = trainer(model, Trainable.allOf(model), DATA, config);
      assertThatThrownBy(trainer::run)
          .isInstanceOf(UsageException.class)
          .hasMessageStartingWith(
              "no trainable parameter matches group \"classifer\"; nearest: classifier, ");
    }
  }

  @Test
  void aLossThatIsNotANumberStopsTheRun() {
    List<EncodedExample> data = new ArrayList<>(TinyBert.measured(12, 3, 9, 1));
    EncodedExample good = data.get(5);
    data.set(
        5, new EncodedExample(good.ids(), good.typeIds(), good.classes(), new float[] {Float.NaN}));
    try (Model model = TinyBert.open(TinyBert.REGRESS)) {
      Trainer trainer =
          trainer(model, Trainable.allOf(model), data, TrainingConfig.DEFAULT.withBatchSize(12, 1));
      assertThatThrownBy(trainer::run)
          .isInstanceOf(LorikeetException.class)
          .hasMessage(
              "step 1: the loss is NaN for training example 5 (counted from 0): a target is NaN: mend"
                  + " the row");
      assertThat(model.mode().isTraining()).isFalse();
      assertThat(model.parameters().values()).allMatch(p -> p.value().isFinite());
    }
  }

  @Test
  void aDivergingRunStops() {
    TrainingConfig config = TrainingConfig.DEFAULT.withLr(1e30, List.of()).withBatchSize(4, 1);
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Trainer trainer = trainer(model, Trainable.allOf(model), DATA, config);
      assertThatThrownBy(trainer::run)
          .isInstanceOf(LorikeetException.class)
          .hasMessageMatching(
              "step \\d: the loss is (NaN|Infinity) for training examples [0-9, ]+ \\(counted from"
                  + " 0\\): .*lower the learning rate.*");
    }
  }

  @Test
  void aParameterThatTheLossDoesNotDependOnIsNamed() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      String path = "bert.encoder.layer.0.attention.self.query";
      List<Trainable> trainables = Trainable.of(Adapter.attach(model, DeltaAdapter.on("query"), 1));
      Objects.requireNonNull(model.projections().get(path)).reset();
      Trainer trainer = trainer(model, trainables, DATA, steps(1, 0, 0));
      assertThatThrownBy(trainer::run)
          .isInstanceOf(LorikeetException.class)
          .hasMessage(
              "the loss does not depend on trainable parameter "
                  + path
                  + ".delta.weight: leave it out of the targets");
    }
  }

  @Test
  void aRunOfOneStepTrainsWhateverTheWarmUp() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Trainer trainer = trainer(model, Trainable.headOf(model), DATA, steps(1, 0.01, 0.5));
      assertThat(trainer.run().steps()).isEqualTo(1);
    }
  }

  @Test
  void aParameterWhoseGradientsAreZeroIsNamed() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Adapter adapter = Adapter.attach(model, DeltaAdapter.on("layer.1.output.dense"), 1);
      List<Trainable> trainables = Trainable.of(adapter);
      // Its input is silenced, and with it the gradient of the delta, dyᵀ x.
      Tensor silence = Tensor.zeros(DType.FLOAT32, Device.CPU, 48);
      ProjectionSlot before = model.projections().get("bert.encoder.layer.1.intermediate.dense");
      Objects.requireNonNull(before).fill(x -> silence.expand(x.size(0), x.size(1), 48));
      Trainer trainer = trainer(model, trainables, DATA, steps(2, 0, 0));
      assertThatThrownBy(trainer::run)
          .isInstanceOf(LorikeetException.class)
          .hasMessage(
              "training did not change bert.encoder.layer.1.output.dense.delta.weight: its"
                  + " gradients were zero; check the learning rate, the targets and the data");
    }
  }

  @Test
  void aGroupWithoutALearningRateMayStayAsItIs() {
    TrainingConfig config =
        steps(2, 0, 0).withLr(1e-3, List.of(new GroupRule("bert", 0.0, 1, null)));
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Map<String, byte[]> before = TinyBert.bytes(model);
      trainer(model, Trainable.allOf(model), DATA, config).run();
      TinyBert.bytes(model)
          .forEach(
              (name, bytes) ->
                  assertThat(Arrays.equals(bytes, before.get(name)))
                      .as(name)
                      .isEqualTo(name.startsWith("bert.")));
    }
  }
}
