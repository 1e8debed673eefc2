package dev.lorikeet.lora;

import dev.lorikeet.models.settings.Setting;
import dev.lorikeet.torch.UsageException;

/**
 * When AdaLoRA takes ranks away, and how many are left: none go in the first {@code tinit} steps,
 * then the budget falls by a cubic curve, and in the last {@code tfinal} steps what is left is
 * fine-tuned (Zhang et al. 2023, arXiv:2303.10512, §3.3).
 */
public record RankSchedule(
    @Setting(value = "The ranks that are left, on average over the layers.", key = "target_r")
        int targetR,
    @Setting("Steps before the first rank is taken away.") int tinit,
    @Setting("Steps after the last is.") int tfinal,
    @Setting(value = "Steps from one allocation to the next.", key = "deltaT") int deltaT,
    @Setting("The steps of the run; unless given, all that it has.") int totalStep) {
  public RankSchedule {
    mustBeAtLeast("target_r", targetR, 1);
    mustBeAtLeast("tinit", tinit, 0);
    mustBeAtLeast("tfinal", tfinal, 0);
    mustBeAtLeast("deltaT", deltaT, 1);
    mustBeAtLeast("total_step", totalStep, 0);
  }

  private static void mustBeAtLeast(String key, int value, int least) {
    if (value < least) {
      throw new UsageException(key + " is " + value + ": it must be at least " + least);
    }
  }

  /**
   * This schedule for a run of so many steps.
   *
   * @throws UsageException when it is meant for more, or leaves no step to take ranks away in
   */
  RankSchedule of(long steps) {
    if (totalStep > steps) {
      throw new UsageException(
          "total_step is "
              + totalStep
              + ", and the run has "
              + steps
              + " steps: lower it, or leave it out");
    }
    int total = totalStep > 0 ? totalStep : Math.toIntExact(steps);
    if (tinit >= total - tfinal) {
      throw new UsageException(
          "tinit is "
              + tinit
              + " and tfinal "
              + tfinal
              + ", and the run has "
              + total
              + " steps: none is left to take ranks away in; lower them");
    }
    return new RankSchedule(targetR, tinit, tfinal, deltaT, total);
  }

  /** The total that goes into files, which PEFT opens only where ranks can be taken away. */
  int savedTotal() {
    return totalStep > 0 ? totalStep : tinit + tfinal + 1;
  }

  /** The step, from 0, that settles which ranks are left. */
  long lastAllocation() {
    return (long) totalStep - tfinal;
  }

  /** Whether a step before the last allocation is one too. */
  boolean isAllocation(long step) {
    return step > tinit && step < lastAllocation() && step % deltaT == 0;
  }

  /**
   * How many ranks of all layers are left after a step.
   *
   * @param start how many there were at first
   * @param target how many there are in the end
   */
  long budget(long step, long start, long target) {
    if (step >= lastAllocation()) {
      return target;
    }
    double left = 1 - (double) (step - tinit) / (lastAllocation() - tinit);
    return (long) ((start - target) * Math.pow(left, 3) + target);
  }
}
