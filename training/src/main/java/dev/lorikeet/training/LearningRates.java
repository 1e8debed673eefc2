package dev.lorikeet.training;

import java.util.List;

/** The learning rate of each parameter group at each step of a run. */
final class LearningRates {
  private final List<ParameterGroup> groups;
  private final ScheduleConfig config;
  private final long warmupSteps;
  private final long totalSteps;

  LearningRates(List<ParameterGroup> groups, ScheduleConfig config, long totalSteps) {
    this.groups = groups;
    this.config = config;
    this.warmupSteps = config.warmupSteps(totalSteps);
    this.totalSteps = totalSteps;
  }

  /**
   * The rates of a step.
   *
   * @param step from 0
   */
  List<Double> at(long step) {
    double factor = config.schedule().factor(step, warmupSteps, totalSteps);
    return groups.stream().map(group -> group.lr() * factor).toList();
  }

  /** The steps whose learning rates are above zero: a warm-up's first is not. */
  long effectiveSteps() {
    return warmupSteps > 0 ? totalSteps - 1 : totalSteps;
  }
}
