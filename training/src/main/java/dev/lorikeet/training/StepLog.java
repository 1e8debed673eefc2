package dev.lorikeet.training;

import dev.lorikeet.torch.Tensor;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Makes a report of every so many steps; nothing is read from the device for the others. */
final class StepLog {
  private final LoggingConfig config;
  private final List<ParameterGroup> groups;
  private final long totalSteps;
  private final TrainingListener listener;
  private long reportedTokens;
  private double reportedSeconds;

  /** A log of a run that is where {@code state} says. */
  StepLog(
      LoggingConfig config,
      List<ParameterGroup> groups,
      long totalSteps,
      RunState state,
      TrainingListener listener) {
    this.config = config;
    this.groups = groups;
    this.totalSteps = totalSteps;
    this.listener = listener;
    reportedTokens = state.tokens;
    reportedSeconds = state.seconds();
  }

  /** Whether a report follows the step that makes {@code step} steps. */
  boolean isDue(long step) {
    return config.isDue(step, totalSteps);
  }

  /**
   * Reports the steps up to here.
   *
   * @param rates of the last step, in the groups' order
   * @param gradientNorm of the last step, a scalar
   */
  void report(RunState state, double epoch, List<Double> rates, Tensor gradientNorm) {
    double norm = gradientNorm.item();
    double seconds = state.seconds();
    listener.logged(
        new StepReport(
            state.step,
            epoch,
            state.takeLoss(),
            byGroup(rates),
            norm,
            (state.tokens - reportedTokens) / (seconds - reportedSeconds),
            seconds));
    reportedTokens = state.tokens;
    reportedSeconds = seconds;
  }

  /** Rates by the groups' names; a group without decay is told of only where its rate differs. */
  private Map<String, Double> byGroup(List<Double> rates) {
    Map<String, Double> named = new LinkedHashMap<>();
    for (int i = 0; i < rates.size(); i++) {
      String name = groups.get(i).name();
      String decaying = name.replace(ParameterGroup.NO_DECAY, "");
      Double known = named.putIfAbsent(decaying, rates.get(i));
      if (known != null && !known.equals(rates.get(i))) {
        named.put(name, rates.get(i));
      }
    }
    return Collections.unmodifiableMap(named);
  }
}
