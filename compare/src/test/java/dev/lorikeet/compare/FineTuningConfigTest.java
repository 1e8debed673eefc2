package dev.lorikeet.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.data.TrainOn;
import dev.lorikeet.lora.LoraConfig;
import dev.lorikeet.models.Initialization;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.TrainingConfig;
import java.util.List;
import org.junit.jupiter.api.Test;

class FineTuningConfigTest {
  @Test
  void everyChangeKeepsTheOthers() {
    TrainingConfig loop = TrainingConfig.DEFAULT.withLr(0.5, List.of());
    FineTuningConfig config =
        FineTuningConfig.DEFAULT
            .withLora(LoraConfig.of(3, 5))
            .withTraining(loop)
            .withTask(Tasks.SEQUENCE_CLASSIFICATION, ProblemType.REGRESSION)
            .withRegime(Regime.SCRATCH, Initialization.HE)
            .withMaxLength(77)
            .withTrainOn(TrainOn.ALL);
    assertThat(config)
        .isEqualTo(
            new FineTuningConfig(
                Tasks.SEQUENCE_CLASSIFICATION,
                ProblemType.REGRESSION,
                Regime.SCRATCH,
                LoraConfig.of(3, 5),
                loop,
                Initialization.HE,
                77,
                TrainOn.ALL,
                DType.FLOAT32,
                FineTuningConfig.DEFAULT.device(),
                null));
  }

  @Test
  void lengthMustLeaveRoomForAToken() {
    assertThat(FineTuningConfig.DEFAULT.withMaxLength(3).maxLength()).isEqualTo(3);
    assertThatThrownBy(() -> FineTuningConfig.DEFAULT.withMaxLength(2))
        .isInstanceOf(UsageException.class)
        .hasMessage("max_length is 2: it must leave room for a token between two special ones, 3");
  }

  @Test
  void precisionIsOneOfTwo() {
    FineTuningConfig all = FineTuningConfig.DEFAULT;
    assertThatThrownBy(
            () ->
                new FineTuningConfig(
                    all.task(),
                    all.problemType(),
                    all.regime(),
                    all.adapter(),
                    all.training(),
                    all.initialization(),
                    all.maxLength(),
                    all.trainOn(),
                    DType.FLOAT64,
                    all.device(),
                    null))
        .isInstanceOf(UsageException.class)
        .hasMessage("precision is FLOAT64: use float32 or bfloat16");
  }

  @Test
  void regimesAreNamedInErrors() {
    assertThat(Regime.of("probe")).isEqualTo(Regime.PROBE);
    assertThatThrownBy(() -> Regime.of("Probe"))
        .isInstanceOf(UsageException.class)
        .hasMessage(
            "unknown method \"Probe\": use adalora, ia3, ln_tuning, loha, lokr, lora, oft, prefix,"
                + " prompt, ptuning, vera, full, bitfit, probe, scratch");
  }
}
