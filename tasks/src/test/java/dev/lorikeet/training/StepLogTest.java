package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.data.LengthGroupedBatches;
import dev.lorikeet.models.Model;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.UsageException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Reports of steps: when they come, and what they say. */
class StepLogTest {
  private static final int PAD = 0;

  /** 21 texts in batches of 4 are 6 steps an epoch. */
  private static final List<EncodedExample> DATA = TinyBert.classified(21, 3, 12, 1);

  private static List<StepReport> reports(int everySteps, double maxGradNorm) {
    return run(everySteps, maxGradNorm, new ArrayList<>());
  }

  private static List<StepReport> run(int everySteps, double maxGradNorm, List<EpochReport> ends) {
    List<StepReport> reports = new ArrayList<>();
    TrainingListener listener =
        new TrainingListener() {
          @Override
          public void logged(StepReport report) {
            reports.add(report);
          }

          @Override
          public void epochEnded(EpochReport report) {
            ends.add(report);
          }
        };
    TrainingConfig config =
        TrainingConfig.DEFAULT.with(
            draft -> {
              draft.epochs = 2;
              draft.batchSize = 4;
              draft.lr = 1e-3;
              draft.groups = List.of(GroupRule.parse("classifier=4e-3"));
              draft.weightDecay = 0.1;
              draft.schedule = ScheduleConfig.of(Schedule.LINEAR, 0);
              draft.maxGradNorm = maxGradNorm;
              draft.logging = new LoggingConfig(everySteps, List.of(), null, null);
            });
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      new Trainer(
              model,
              Tasks.of(model),
              Trainable.allOf(model),
              TrainingData.of(DATA),
              List.of(),
              PAD,
              config,
              listener)
          .run();
    }
    return reports;
  }

  @Test
  void reportsComeEverySoManyStepsAndAfterTheLast() {
    assertThat(reports(5, 1)).extracting(StepReport::step).containsExactly(5L, 10L, 12L);
    assertThat(reports(100, 1)).extracting(StepReport::step).containsExactly(12L);
  }

  @Test
  void epochsAreCountedInBatches() {
    assertThat(reports(3, 1)).extracting(StepReport::epoch).containsExactly(0.5, 1.0, 1.5, 2.0);
  }

  @Test
  void theLossIsTheMeanSinceTheLastReport() {
    List<EpochReport> ends = new ArrayList<>();
    List<StepReport> byEpoch = run(6, 1, ends);
    assertThat(byEpoch.get(0).loss()).isEqualTo(ends.get(0).trainLoss());
    assertThat(byEpoch.get(1).loss()).isCloseTo(ends.get(1).trainLoss(), within(1e-12));
    // Batches of four texts count four times as much as the last, which has one.
    List<StepReport> each = reports(1, 1);
    double sum = 0;
    for (int step = 0; step < 6; step++) {
      sum += each.get(step).loss() * (step == lastBatch(each) ? 1 : 4);
    }
    assertThat(sum / 21).isCloseTo(ends.get(0).trainLoss(), within(1e-6));
  }

  /** Where the batch of one text is in the first epoch. */
  private static int lastBatch(List<StepReport> each) {
    int[] lengths = EncodedExample.lengths(DATA);
    List<int[]> batches = LengthGroupedBatches.epoch(lengths, 4, 1, 1);
    for (int i = 0; i < batches.size(); i++) {
      if (batches.get(i).length == 1) {
        return i;
      }
    }
    throw new AssertionError(each);
  }

  @Test
  void ratesAreThoseOfTheLastStepByGroup() {
    StepReport report = reports(9, 1).get(0);
    // Linear from the whole rate before the first of 12 steps: the ninth is taken at 4/12 of it.
    assertThat(report.learningRates().keySet()).containsExactly("default", "classifier");
    assertThat(report.learningRates().get("default")).isCloseTo(1e-3 * 4 / 12, within(1e-15));
    assertThat(report.learningRates().get("classifier")).isCloseTo(4e-3 * 4 / 12, within(1e-15));
  }

  @Test
  void theGradientNormIsTheOneBeforeClippingWhetherOrNotThereIsAny() {
    double unclipped = reports(1, 0).get(0).gradientNorm();
    assertThat(unclipped).isPositive();
    assertThat(reports(1, 1e-3).get(0).gradientNorm()).isEqualTo(unclipped);
    assertThat(reports(1, 1e9).get(0).gradientNorm()).isEqualTo(unclipped);
  }

  @Test
  void howOftenReportsComeChangesNothing() {
    List<StepReport> often = reports(1, 0);
    List<StepReport> seldom = reports(6, 0);
    assertThat(often.get(11).gradientNorm()).isEqualTo(seldom.get(1).gradientNorm());
  }

  @Test
  void noStepsAtAllAreRefused() {
    assertThatThrownBy(() -> new LoggingConfig(0, List.of(), null, null))
        .isInstanceOf(UsageException.class)
        .hasMessage("logging_steps is 0: it must be at least 1");
  }

  @Test
  void trackersAreKnownByName() {
    assertThat(ReportTo.of("tensorboard")).isEqualTo(ReportTo.TENSORBOARD);
    assertThatThrownBy(() -> ReportTo.of("wandb"))
        .isInstanceOf(UsageException.class)
        .hasMessage("report_to is \"wandb\": use tensorboard, mlflow or none");
  }
}
