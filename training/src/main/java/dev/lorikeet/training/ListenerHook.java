package dev.lorikeet.training;

import java.util.List;

/** Tells a run's listener how it goes. */
final class ListenerHook implements Hook {
  private final List<ParameterGroup> groups;
  private final long totalSteps;
  private final RunState state;
  private final TrainingListener listener;

  ListenerHook(
      List<ParameterGroup> groups, long totalSteps, RunState state, TrainingListener listener) {
    this.groups = groups;
    this.totalSteps = totalSteps;
    this.state = state;
    this.listener = listener;
  }

  @Override
  public void start() {
    if (state.step > 0) {
      listener.resumed(state.step);
    }
    listener.started(groups, totalSteps);
  }

  @Override
  public void afterStep(FinishedStep step) {
    double seconds = state.seconds();
    listener.progressed(
        new TrainingListener.Progress(
            step.step(),
            step.totalSteps(),
            step.epoch(),
            state.recentLoss(),
            state.tokens / seconds,
            seconds / step.step() * (step.totalSteps() - step.step())));
  }

  @Override
  public void afterEpoch(EpochReport report) {
    listener.epochEnded(report);
  }
}
