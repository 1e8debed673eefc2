package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;
import org.junit.jupiter.params.provider.MethodSource;

/** Against src/test/interop/record_schedules.py. */
class ScheduleTest {
  private static final JsonNode RECORD = read();
  private static final double LR = RECORD.path("lr").asDouble();
  private static final int STEPS = RECORD.path("steps").asInt();

  private static JsonNode read() {
    try (InputStream json = ScheduleTest.class.getResourceAsStream("schedules.json")) {
      return new ObjectMapper().readTree(json);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Stream<JsonNode> stream(String key) {
    List<JsonNode> cases = new ArrayList<>();
    RECORD.path(key).forEach(cases::add);
    return cases.stream();
  }

  static Stream<JsonNode> cases() {
    return stream("cases");
  }

  static Stream<JsonNode> cycles() {
    return stream("one_cycle");
  }

  static Stream<JsonNode> plateaus() {
    return stream("plateau");
  }

  private static ScheduleConfig config(Schedule schedule, JsonNode settings) {
    return ScheduleConfig.of(schedule)
        .with(
            draft -> {
              draft.numCycles = settings.path("num_cycles").asDouble(draft.numCycles);
              draft.minLrRatio = settings.path("min_lr_ratio").asDouble(draft.minLrRatio);
              draft.power = settings.path("power").asDouble(draft.power);
              draft.lrEnd = settings.path("lr_end").asDouble(draft.lrEnd);
              draft.timescale = settings.path("timescale").asInt(draft.timescale);
              draft.numDecaySteps = settings.path("num_decay_steps").asInt(draft.numDecaySteps);
              draft.factor = settings.path("factor").asDouble(draft.factor);
              draft.patience = settings.path("patience").asInt(draft.patience);
              draft.threshold = settings.path("threshold").asDouble(draft.threshold);
              draft.pctStart = settings.path("pct_start").asDouble(draft.pctStart);
              draft.divFactor = settings.path("div_factor").asDouble(draft.divFactor);
              draft.finalDivFactor =
                  settings.path("final_div_factor").asDouble(draft.finalDivFactor);
            });
  }

  private static void assertRates(ScheduleConfig config, JsonNode rates) {
    for (int step = 0; step < STEPS; step++) {
      // A handful of roundings in double, of rates up to 0.01.
      assertThat(LR * config.factor(step, STEPS, LR))
          .as("step %d", step)
          .isCloseTo(rates.path(step).asDouble(), within(1e-16));
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void ratesAreThoseOfTransformers(JsonNode recorded) {
    Schedule schedule = Schedule.of(recorded.path("schedule").asText());
    int warmup = recorded.path("warmup").asInt();
    ScheduleConfig config = config(schedule, recorded.path("settings"));
    if (schedule.keys().contains("warmup_ratio")) {
      config =
          config.with(
              draft -> {
                draft.warmupRatio = 0;
                draft.warmupSteps = warmup;
              });
    }
    assertRates(config, recorded.path("rates"));
  }

  @ParameterizedTest
  @MethodSource("cycles")
  void aCycleIsThatOfTorch(JsonNode recorded) {
    assertRates(config(Schedule.ONE_CYCLE, recorded.path("settings")), recorded.path("rates"));
  }

  @ParameterizedTest
  @MethodSource("plateaus")
  void aPlateauIsThatOfTorch(JsonNode recorded) {
    ScheduleConfig config = config(Schedule.REDUCE_LR_ON_PLATEAU, recorded.path("settings"));
    Plateau plateau = new Plateau();
    for (int i = 0; i < recorded.path("values").size(); i++) {
      double value = recorded.path("values").path(i).asDouble();
      Evaluation evaluation =
          recorded.path("mode").asText().equals("max")
              ? new Evaluation(0, Map.of("accuracy", value), "accuracy", 1, 1)
              : new Evaluation(value, Map.of(), "loss", 1, 1);
      plateau.offer(evaluation, 0, config);
      assertThat(LR * plateau.factor)
          .isCloseTo(recorded.path("rates").path(i).asDouble(), within(1e-16));
    }
  }

  @Test
  void withoutEvaluationsThePlateauIsThatOfTheTrainingLoss() {
    ScheduleConfig config =
        ScheduleConfig.of(Schedule.REDUCE_LR_ON_PLATEAU).with(draft -> draft.patience = 0);
    Plateau plateau = new Plateau();
    plateau.offer(null, 2, config);
    plateau.offer(null, 1, config);
    assertThat(plateau.factor).isEqualTo(1);
    plateau.offer(null, 1, config);
    assertThat(plateau.factor).isEqualTo(0.1);
  }

  // ---- warm-up ----

  @ParameterizedTest
  @EnumSource(
      value = Schedule.class,
      mode = Mode.EXCLUDE,
      names = {"CONSTANT", "REDUCE_LR_ON_PLATEAU", "ONE_CYCLE"})
  void aWarmUpNeverFillsTheWholeRun(Schedule schedule) {
    ScheduleConfig config = ScheduleConfig.of(schedule, 0.99);
    assertThat(config.warmupSteps(4)).isEqualTo(3);
    assertThat(config.factor(3, 4, 1)).isPositive();
  }

  @ParameterizedTest
  @EnumSource(Schedule.class)
  void aRunOfOneStepHasARate(Schedule schedule) {
    assertThat(ScheduleConfig.of(schedule).factor(0, 1, 1)).isPositive().isLessThanOrEqualTo(1);
  }

  // ---- settings ----

  @Test
  void settingsThatAScheduleLacksAreRefused() {
    assertThatThrownBy(() -> ScheduleConfig.of(Schedule.CONSTANT, 0.1))
        .isInstanceOf(UsageException.class)
        .hasMessage("warmup_ratio is no setting of schedule constant: use constant_with_warmup");
    ScheduleConfig linear = ScheduleConfig.DEFAULT;
    assertThatThrownBy(() -> linear.with(draft -> draft.power = 2))
        .hasMessage("power is no setting of schedule linear: it has warmup_ratio, warmup_steps");
    assertThatThrownBy(() -> linear.with(draft -> draft.warmupSteps = 3))
        .hasMessage("warmup_steps is 3 and warmup_ratio 0.06: give one of them");
    ScheduleConfig plateau = ScheduleConfig.of(Schedule.REDUCE_LR_ON_PLATEAU);
    assertThatThrownBy(() -> plateau.with(draft -> draft.factor = 1))
        .hasMessage("factor is 1.0: it must be above 0 and below 1");
  }

  @Test
  void schedulesAreFoundByTheirNames() {
    for (Schedule schedule : Schedule.values()) {
      assertThat(Schedule.of(schedule.id())).isEqualTo(schedule);
    }
    assertThatThrownBy(() -> Schedule.of("sawtooth"))
        .isInstanceOf(UsageException.class)
        .hasMessage(
            "unknown schedule \"sawtooth\": use linear, cosine, cosine_with_restarts,"
                + " cosine_with_min_lr, polynomial, constant, constant_with_warmup, inverse_sqrt,"
                + " reduce_lr_on_plateau, one_cycle, warmup_stable_decay");
  }
}
