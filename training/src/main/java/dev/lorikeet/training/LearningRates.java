package dev.lorikeet.training;

import dev.lorikeet.torch.UsageException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToLongFunction;
import java.util.stream.LongStream;

/** The learning rate of each parameter group at each step of a run. */
final class LearningRates {
  private final List<ParameterGroup> groups;
  private final ScheduleConfig config;
  private final long totalSteps;
  private final Plateau plateau;

  /**
   * The rates of a run.
   *
   * @param config of the groups without a schedule of their own
   * @param plateau where evaluations are counted
   * @throws UsageException when a schedule does not suit its group
   */
  LearningRates(
      List<ParameterGroup> groups, ScheduleConfig config, long totalSteps, Plateau plateau) {
    this.groups = groups;
    this.config = config;
    this.totalSteps = totalSteps;
    this.plateau = plateau;
    groups.forEach(this::mustSuit);
  }

  private void mustSuit(ParameterGroup group) {
    ScheduleConfig schedule = schedule(group);
    if (group.lr() > 0 && schedule.lrEnd() >= group.lr()) {
      throw new UsageException(
          "parameter group "
              + group.name()
              + ": lr_end is "
              + schedule.lrEnd()
              + ", lr "
              + group.lr()
              + ": it must be below");
    }
    if (reducesOnPlateau(schedule) && !schedule.equals(config)) {
      throw new UsageException(
          "parameter group "
              + group.name()
              + ": schedule "
              + schedule.schedule().id()
              + " holds for the whole run: set it beside lr, and others in groups");
    }
  }

  private static boolean reducesOnPlateau(ScheduleConfig schedule) {
    return schedule.schedule() == Schedule.REDUCE_LR_ON_PLATEAU;
  }

  /** The schedule of a group. */
  ScheduleConfig schedule(ParameterGroup group) {
    return group.schedule() == null ? config : group.schedule();
  }

  /**
   * The rates of a step.
   *
   * @param step from 0
   */
  List<Double> at(long step) {
    return groups.stream().map(group -> rate(group, step)).toList();
  }

  private double rate(ParameterGroup group, long step) {
    ScheduleConfig schedule = schedule(group);
    double reduced = reducesOnPlateau(schedule) ? plateau.factor : 1;
    return group.lr() == 0
        ? 0
        : group.lr() * schedule.factor(step, totalSteps, group.lr()) * reduced;
  }

  /**
   * How many of a run's steps moved a parameter: it was not frozen, and the rate was above zero.
   *
   * @param steps the steps that are done
   */
  ToLongFunction<Trainable> effectiveSteps(long steps, Freezing freezing) {
    Map<Trainable, Long> effective = new HashMap<>();
    for (ParameterGroup group : groups) {
      for (Trainable member : group.members()) {
        long first = freezing.firstStep(member);
        // More than two make no difference.
        effective.put(
            member,
            LongStream.range(first, steps).filter(s -> rate(group, s) > 0).limit(2).count());
      }
    }
    return trainable -> effective.getOrDefault(trainable, 0L);
  }

  /** Whether the rates have been reduced below the least, which ends the run. */
  boolean areSpent() {
    return reducesOnPlateau(config) && plateau.factor < config.minLrRatio();
  }
}
