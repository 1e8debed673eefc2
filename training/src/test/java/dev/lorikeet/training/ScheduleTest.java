package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lorikeet.torch.UsageException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class ScheduleTest {
  /**
   * What transformers 5.18.0's get_linear_, get_cosine_ and get_constant_schedule_with_warmup give:
   * schedule, step, warm-up, total, factor.
   */
  @ParameterizedTest
  @CsvSource({
    "LINEAR, 0, 7, 100, 0.0",
    "LINEAR, 1, 7, 100, 0.14285714285714285",
    "LINEAR, 6, 7, 100, 0.8571428571428571",
    "LINEAR, 7, 7, 100, 1.0",
    "LINEAR, 8, 7, 100, 0.989247311827957",
    "LINEAR, 50, 7, 100, 0.5376344086021505",
    "LINEAR, 99, 7, 100, 0.010752688172043012",
    "LINEAR, 0, 0, 10, 1.0",
    "LINEAR, 9, 0, 10, 0.1",
    "COSINE, 0, 7, 100, 0.0",
    "COSINE, 6, 7, 100, 0.8571428571428571",
    "COSINE, 7, 7, 100, 1.0",
    "COSINE, 8, 7, 100, 0.999714745464859",
    "COSINE, 50, 7, 100, 0.5589783585754231",
    "COSINE, 99, 7, 100, 0.00028525453514099963",
    "COSINE, 1, 0, 10, 0.9755282581475768",
    "COSINE, 5, 0, 10, 0.5",
    "CONSTANT, 0, 7, 100, 0.0",
    "CONSTANT, 6, 7, 100, 0.8571428571428571",
    "CONSTANT, 7, 7, 100, 1.0",
    "CONSTANT, 99, 7, 100, 1.0"
  })
  void factorsAreThoseOfTransformers(
      Schedule schedule, long step, long warmup, long total, double factor) {
    // A handful of roundings in double.
    assertThat(schedule.factor(step, warmup, total)).isCloseTo(factor, within(1e-14));
  }

  @ParameterizedTest
  @EnumSource(Schedule.class)
  void aRunThatIsAllWarmUpOnlyRises(Schedule schedule) {
    assertThat(schedule.factor(3, 4, 4)).isEqualTo(0.75);
  }

  @Test
  void schedulesAreFoundByTheirNames() {
    for (Schedule schedule : Schedule.values()) {
      assertThat(Schedule.of(schedule.id())).isEqualTo(schedule);
    }
    assertThatThrownBy(() -> Schedule.of("polynomial"))
        .isInstanceOf(UsageException.class)
        .hasMessage("unknown schedule \"polynomial\": use linear, cosine, constant");
  }
}
