package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.ProjectionSlot;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What a run owes beyond its arithmetic. */
@Tag("numeric")
class TrainerStrictnessTest {
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static TrainingConfig config(double lr, int batchSize, int accumulation) {
    return TrainingConfig.DEFAULT
        .withLr(lr, List.of())
        .withEpochs(1)
        .withBatchSize(batchSize, accumulation)
        .with(draft -> draft.schedule = ScheduleConfig.of(Schedule.CONSTANT, 0));
  }

  private static void run(Model model, TrainingConfig config) {
    TrainingData data = TrainingData.of(TinyBert.classified(16, 5, 5, 1));
    List<Trainable> trainables = Trainable.headOf(model);
    new Trainer(
            model, Tasks.of(model), trainables, data, List.of(), 0, config, TrainingListener.SILENT)
        .run();
  }

  @Test
  void aRunThatTrainsNothingFails() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      assertThatThrownBy(() -> run(model, config(0, 8, 1))).isInstanceOf(LorikeetException.class);
    }
  }

  @Test
  void aFewRowsOfALargeTableThatMoveAreNoticed() {
    Parameter table = new Parameter("table", Tensor.normal(0, 0.02, 30_522, 64), scope);
    List<Trainable> trainables = List.of(new Trainable("table", table, false));
    MovementCheck check =
        MovementCheck.before(
            ParameterGroup.of(trainables, 1e-5, 0, List.of()),
            OptimizerConfig.DEFAULT,
            () -> trainable -> 2);
    Tensor signs = Tensor.uniform(-1, 1, 20, 64).gt(0).to(DType.FLOAT32).mul(2).add(-1);
    table.original().narrow(0, 0, 20).addInPlace(signs, 1e-5);
    assertThatCode(() -> check.end()).doesNotThrowAnyException();
  }

  @Test
  void accumulatingMoreBatchesNeedsNoMoreGradients() {
    assertThat(mostTensors(8)).isEqualTo(mostTensors(2));
  }

  /** How many tensors there are at most when a batch reaches the classifier. */
  private static long mostTensors(int accumulation) {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      long[] most = {0};
      ProjectionSlot head = Objects.requireNonNull(model.projections().get("classifier"));
      head.fill(
          x -> {
            most[0] = Math.max(most[0], Tensor.live());
            return head.base().forward(x);
          });
      run(model, config(1e-3, 16 / accumulation, accumulation));
      return most[0];
    }
  }
}
