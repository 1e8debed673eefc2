package dev.lorikeet.training;

import java.util.List;
import java.util.LongSummaryStatistics;

/**
 * What a run would do: its steps and the groups that its settings make.
 *
 * @param stepsPerEpoch optimizer steps
 * @param totalSteps of all epochs
 * @param frozenTensors parameters that could train, but stay as they are
 * @param frozenElements their elements
 */
public record TrainingPlan(
    long stepsPerEpoch,
    long totalSteps,
    List<Group> groups,
    int frozenTensors,
    long frozenElements) {

  static TrainingPlan of(
      List<ParameterGroup> groups,
      LearningRates rates,
      Freezing freezing,
      long stepsPerEpoch,
      long totalSteps) {
    return new TrainingPlan(
        stepsPerEpoch,
        totalSteps,
        groups.stream().map(group -> group(group, rates, freezing, totalSteps)).toList(),
        freezing.frozen().size(),
        elements(freezing.frozen()));
  }

  private static Group group(
      ParameterGroup group, LearningRates rates, Freezing freezing, long totalSteps) {
    ScheduleConfig schedule = rates.schedule(group);
    LongSummaryStatistics firstSteps =
        group.members().stream().mapToLong(freezing::firstStep).summaryStatistics();
    return new Group(
        group.name(),
        group.members().size(),
        elements(group.members()),
        group.lr(),
        group.weightDecay(),
        schedule,
        schedule.warmupSteps(totalSteps),
        firstSteps.getMin(),
        firstSteps.getMax());
  }

  private static long elements(List<Trainable> trainables) {
    return trainables.stream().mapToLong(trainable -> trainable.parameter().count()).sum();
  }

  /**
   * A parameter group.
   *
   * @param tensors the number of its parameters
   * @param elements their elements
   * @param lr the peak learning rate
   * @param warmupSteps the steps in which the rate rises to it
   * @param firstStep the step from which the first of its parameters trains, from 0
   * @param lastFirstStep the step from which all do; beyond the run's steps some never do
   */
  public record Group(
      String name,
      int tensors,
      long elements,
      double lr,
      double weightDecay,
      ScheduleConfig schedule,
      long warmupSteps,
      long firstStep,
      long lastFirstStep) {}
}
