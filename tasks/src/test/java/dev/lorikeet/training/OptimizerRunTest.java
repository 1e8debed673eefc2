package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.tasks.Tasks;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whole runs with each optimizer, and with a schedule that ends them. */
class OptimizerRunTest {
  private static final List<EncodedExample> DATA = TinyBert.classified(48, 3, 12, 1);

  private static TrainingResult train(Model model, TrainingConfig config) {
    return new Trainer(
            model,
            Tasks.of(model),
            Trainable.allOf(model),
            TrainingData.of(DATA),
            DATA,
            0,
            config,
            TrainingListener.SILENT)
        .run();
  }

  private static TrainingConfig config(OptimizerType type, double lr) {
    return TrainingConfig.DEFAULT
        .withLr(lr, List.of())
        .withEpochs(3)
        .withBatchSize(8, 1)
        .with(draft -> draft.optimizer = OptimizerConfig.of(type));
  }

  @ParameterizedTest
  @CsvSource({
    "ADAMW, 3e-3",
    "ADAM, 3e-3",
    "SGD, 0.3",
    "RMSPROP, 1e-3",
    "ADAGRAD, 1e-2",
    "ADAFACTOR, 1e-2",
    "LION, 3e-4"
  })
  void everyOptimizerLearnsAndComesToTheSameBytesAgain(OptimizerType type, double lr) {
    List<Map<String, byte[]>> bytes = new ArrayList<>();
    for (int run = 0; run < 2; run++) {
      try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
        TrainingResult result = train(model, config(type, lr));
        double first = result.epochs().get(0).trainLoss();
        assertThat(result.epochs().get(2).trainLoss()).isLessThan(first);
        bytes.add(TinyBert.bytes(model));
      }
    }
    bytes.get(0).forEach((name, b) -> assertThat(bytes.get(1).get(name)).as(name).isEqualTo(b));
  }

  @Test
  void aRunOnAPlateauEndsWhenItsRateIsTooLow() {
    TrainingConfig config =
        config(OptimizerType.ADAMW, 1e-7) // moves parameters, but no prediction
            .withEpochs(50)
            .with(
                draft ->
                    draft.schedule =
                        ScheduleConfig.of(Schedule.REDUCE_LR_ON_PLATEAU)
                            .with(
                                schedule -> {
                                  schedule.factor = 0.1;
                                  schedule.patience = 1;
                                  schedule.minLrRatio = 0.05;
                                }));
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      // The first epoch is the best; two bad ones reduce the rate to 0.1, two more to 0.01 of it.
      assertThat(train(model, config).epochs()).hasSize(5);
    }
  }
}
