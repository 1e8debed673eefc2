package dev.lorikeet.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.torch.UsageException;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** AdaLoRA's budget, by hand. */
class RankScheduleTest {
  private static RankSchedule schedule(int totalStep) {
    return new RankSchedule(2, 3, 4, 2, totalStep);
  }

  @Test
  void theBudgetFallsByACube() {
    RankSchedule schedule =
        schedule(0).of(17); // 10 steps to take away in, from the 3rd to the 13th
    assertThat(schedule.budget(4, 40, 16)).isEqualTo((long) (24 * 0.9 * 0.9 * 0.9 + 16)); // 33
    assertThat(schedule.budget(8, 40, 16)).isEqualTo(24 / 8 + 16);
    assertThat(schedule.budget(12, 40, 16)).isEqualTo(16); // 24 thousandths more
    assertThat(schedule.budget(13, 40, 16)).isEqualTo(16);
  }

  @Test
  void ranksAreTakenAwayEveryFewStepsBetweenTheFirstAndTheLastPhase() {
    RankSchedule schedule = schedule(0).of(17);
    assertThat(LongStream.range(0, 17).filter(schedule::isAllocation))
        .containsExactly(4L, 6L, 8L, 10L, 12L);
    assertThat(schedule.lastAllocation()).isEqualTo(13);
  }

  /** Steps 0 to 13 of 17 take ranks away: the parameters after 14 steps are the first to keep. */
  @Test
  void nothingIsKeptFromBeforeTheLastAllocation() {
    RankAllocator allocator =
        new RankAllocator(schedule(0), new AdaLora.Importance(0.85, 0.85, 0.5));
    allocator.fit(17);
    assertThat(allocator.mayBeKept(13)).isFalse();
    assertThat(allocator.mayBeKept(14)).isTrue();
  }

  @Test
  void aShorterScheduleThanTheRunStays() {
    assertThat(schedule(9).of(17).lastAllocation()).isEqualTo(5);
  }

  @Test
  void aRunWithoutAStepToTakeRanksAwayInIsRefused() {
    assertThatThrownBy(() -> schedule(0).of(7))
        .isInstanceOf(UsageException.class)
        .hasMessage(
            "tinit is 3 and tfinal 4, and the run has 7 steps: none is left to take ranks away in;"
                + " lower them");
    assertThatThrownBy(() -> schedule(18).of(17))
        .isInstanceOf(UsageException.class)
        .hasMessage("total_step is 18, and the run has 17 steps: lower it, or leave it out");
  }

  @Test
  void settingsThatMakeNoSenseAreRefused() {
    assertThatThrownBy(() -> new RankSchedule(2, 0, 0, 0, 0))
        .isInstanceOf(UsageException.class)
        .hasMessage("deltaT is 0: it must be at least 1");
    assertThatThrownBy(() -> new AdaLora.Importance(1, 0.5, 0))
        .isInstanceOf(UsageException.class)
        .hasMessage("beta1 is 1.0: it must be above 0 and below 1");
  }
}
