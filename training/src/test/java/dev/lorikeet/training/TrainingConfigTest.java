package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.torch.UsageException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

class TrainingConfigTest {
  private static final TrainingConfig DEFAULT = TrainingConfig.DEFAULT;

  private static void assertRefused(ThrowingCallable making, String message) {
    assertThatThrownBy(making).isInstanceOf(UsageException.class).hasMessageStartingWith(message);
  }

  @Test
  void valuesOutsideTheirRangeAreRefused() {
    assertRefused(() -> DEFAULT.withLr(-1e-3, List.of()), "lr is -0.001: it must be at least 0");
    assertRefused(() -> DEFAULT.withLr(Double.NaN, List.of()), "lr is NaN: it must be at least 0");
    assertRefused(() -> DEFAULT.withEpochs(0), "epochs is 0");
    assertRefused(() -> DEFAULT.withBatchSize(0, 1), "batch_size is 0");
    assertRefused(() -> DEFAULT.withBatchSize(1, 0), "gradient_accumulation is 0");
    assertRefused(() -> DEFAULT.with(draft -> draft.weightDecay = -1), "weight_decay is -1.0: ");
    assertRefused(() -> DEFAULT.with(draft -> draft.maxGradNorm = -1), "max_grad_norm is -1.0: ");
    assertRefused(
        () -> DEFAULT.with(draft -> draft.maxTokensPerPass = -1), "max_tokens_per_pass is -1: ");
    assertRefused(
        () -> ScheduleConfig.of(Schedule.LINEAR, 1),
        "warmup_ratio is 1.0: it must be at least 0 and below 1");
    assertRefused(
        () -> new OptimizerConfig(1, 0.999, 1e-8),
        "beta1 is 1.0: it must be at least 0 and below 1");
    assertRefused(
        () -> new OptimizerConfig(0.9, -0.1, 1e-8),
        "beta2 is -0.1: it must be at least 0 and below 1");
    assertRefused(() -> new OptimizerConfig(0.9, 0.999, 0), "eps is 0.0: it must be above 0");
    assertRefused(() -> DEFAULT.with(draft -> draft.maxSteps = 0), "max_steps is 0: ");
  }

  @Test
  void evaluationsAndCheckpointsThatCannotBeAreRefused() {
    assertEvaluationRefused(draft -> draft.evalSteps = 1.5, "eval_steps is 1.5: give a whole");
    assertEvaluationRefused(draft -> draft.evalSteps = 0, "eval_steps is 0.0: give a whole");
    assertEvaluationRefused(
        draft -> {
          draft.evalStrategy = IntervalStrategy.NO;
          draft.earlyStoppingPatience = 2;
        },
        "early_stopping_patience is 2, and eval_strategy is no: set that, or leave");
    assertEvaluationRefused(
        draft -> draft.greaterIsBetter = true,
        "greater_is_better is true, and metric_for_best_model is missing");
    assertEvaluationRefused(
        draft -> draft.earlyStoppingThreshold = 0.1,
        "early_stopping_threshold is 0.1, and early_stopping_patience is missing");
    assertEvaluationRefused(
        draft -> draft.earlyStoppingPatience = 0, "early_stopping_patience is 0: it must be");
    assertRefused(
        () -> new CheckpointConfig(IntervalStrategy.STEPS, -1, 0), "save_steps is -1.0: give");
    assertRefused(
        () -> new CheckpointConfig(IntervalStrategy.STEPS, 1, -1), "save_total_limit is -1: ");
    assertRefused(
        () -> IntervalStrategy.of("eval_strategy", "epochs"),
        "eval_strategy is \"epochs\": use no, steps, epoch");
  }

  private static void assertEvaluationRefused(
      Consumer<EvaluationConfig.Change> change, String message) {
    assertRefused(() -> EvaluationConfig.DEFAULT.with(change), message);
  }

  @Test
  void changesLeaveTheRestAsItWas() {
    List<GroupRule> rules = new ArrayList<>(List.of(GroupRule.parse("head=1e-2")));
    TrainingConfig changed =
        DEFAULT.withLr(5e-4, rules).withEpochs(7).withBatchSize(4, 2).withSeed(9);
    rules.clear();
    assertThat(changed)
        .isEqualTo(
            new TrainingConfig(
                5e-4,
                List.of(GroupRule.parse("head=1e-2")),
                DEFAULT.weightDecay(),
                7,
                DEFAULT.maxSteps(),
                4,
                2,
                DEFAULT.maxTokensPerPass(),
                DEFAULT.maxGradNorm(),
                DEFAULT.optimizer(),
                DEFAULT.schedule(),
                DEFAULT.rates(),
                DEFAULT.freeze(),
                DEFAULT.evaluation(),
                DEFAULT.checkpoint(),
                DEFAULT.regularization(),
                DEFAULT.nonFinite(),
                DEFAULT.throughput(),
                DEFAULT.masking(),
                DEFAULT.logging(),
                9));
  }
}
