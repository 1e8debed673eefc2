package dev.lorikeet.training;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Makes a report of every so many steps, and of those after the last report when a run ends. */
final class StepLog implements Hook {
  private final LoggingConfig config;
  private final List<ParameterGroup> groups;
  private final long totalSteps;
  private final RunState state;
  private final TrainingListener listener;

  /** Of the last step, if it has not been reported; else empty. */
  private List<Double> rates = List.of();

  private double gradientNorm;
  private double epochsDone;

  /** The log of a run. */
  StepLog(
      LoggingConfig config,
      List<ParameterGroup> groups,
      long totalSteps,
      RunState state,
      TrainingListener listener) {
    this.config = config;
    this.groups = groups;
    this.totalSteps = totalSteps;
    this.state = state;
    this.listener = listener;
  }

  /** Takes in a step, and reports if it is time. */
  @Override
  public void afterStep(FinishedStep step) {
    rates = step.rates();
    gradientNorm = step.gradientNorm();
    epochsDone = state.epochsDone();
    if (config.isDue(state.step, totalSteps)) {
      end();
    }
  }

  /** Reports the steps that have not been reported. */
  @Override
  public void end() {
    if (rates.isEmpty()) {
      return;
    }
    listener.logged(
        new StepReport(
            state.step,
            epochsDone,
            state.takeLoss(),
            byGroup(),
            gradientNorm,
            state.takeSpeed(),
            state.seconds()));
    rates = List.of();
  }

  /** Rates by the groups' names; a group without decay is told of only where its rate differs. */
  private Map<String, Double> byGroup() {
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
