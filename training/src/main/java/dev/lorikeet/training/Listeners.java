package dev.lorikeet.training;

import java.util.List;

/** Listeners that all hear the same run, in their order. */
record Listeners(List<TrainingListener> all) implements TrainingListener {
  @Override
  public void resumed(long step) {
    all.forEach(listener -> listener.resumed(step));
  }

  @Override
  public void started(List<ParameterGroup> groups, long totalSteps) {
    all.forEach(listener -> listener.started(groups, totalSteps));
  }

  @Override
  public void remarked(String remark) {
    all.forEach(listener -> listener.remarked(remark));
  }

  @Override
  public void progressed(Progress progress) {
    all.forEach(listener -> listener.progressed(progress));
  }

  @Override
  public void logged(StepReport report) {
    all.forEach(listener -> listener.logged(report));
  }

  @Override
  public void evaluated(StepEvaluation evaluation) {
    all.forEach(listener -> listener.evaluated(evaluation));
  }

  @Override
  public void epochEnded(EpochReport report) {
    all.forEach(listener -> listener.epochEnded(report));
  }
}
