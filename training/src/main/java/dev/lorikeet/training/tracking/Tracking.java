package dev.lorikeet.training.tracking;

import dev.lorikeet.training.Evaluation;
import dev.lorikeet.training.ParameterGroup;
import dev.lorikeet.training.StepEvaluation;
import dev.lorikeet.training.StepReport;
import dev.lorikeet.training.TrainingListener;
import dev.lorikeet.training.tracking.Tracker.Kind;
import dev.lorikeet.training.tracking.Tracker.Measurement;
import dev.lorikeet.training.tracking.Tracker.Outcome;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Tells trackers of a run. One that fails is named once and then left alone: the run matters more.
 *
 * <p>Closing it without having said how the run ended says that it failed.
 */
public final class Tracking implements TrainingListener, AutoCloseable {
  private final List<Tracker> trackers;
  private final Consumer<String> warn;
  private final Thread whenKilled = new Thread(() -> end(Outcome.KILLED), "lorikeet-tracking");
  private long startStep;
  private boolean started;
  private boolean ended;

  /**
   * Tells some trackers.
   *
   * @param warn hears, in a line, of a tracker that fails
   */
  public Tracking(List<? extends Tracker> trackers, Consumer<String> warn) {
    this.trackers = new ArrayList<>(trackers);
    this.warn = warn;
  }

  /** The same; where the JVM is told to stop, trackers are told that the run was killed. */
  public Tracking orKilled() {
    Runtime.getRuntime().addShutdownHook(whenKilled);
    return this;
  }

  @Override
  public synchronized void resumed(long step) {
    startStep = step;
  }

  @Override
  public synchronized void started(List<ParameterGroup> groups, long totalSteps) {
    started = true;
    tell(tracker -> tracker.start(startStep));
  }

  @Override
  public void logged(StepReport report) {
    Map<String, Double> values = new LinkedHashMap<>();
    values.put("loss", report.loss());
    Map<String, Double> rates = report.learningRates();
    rates.forEach(
        (group, rate) ->
            values.put(rates.size() == 1 ? "learning_rate" : "learning_rate/" + group, rate));
    values.put("grad_norm", report.gradientNorm());
    values.put("tokens_per_second", report.tokensPerSecond());
    values.put("seconds", report.seconds());
    record(new Measurement(report.step(), report.epoch(), Kind.TRAIN, values, null));
  }

  @Override
  public void evaluated(StepEvaluation result) {
    Evaluation evaluation = result.evaluation();
    Map<String, Double> values = new LinkedHashMap<>();
    values.put("eval_loss", evaluation.loss());
    evaluation.metrics().forEach((name, value) -> values.put("eval_" + name, value));
    values.put("eval_seconds", evaluation.seconds());
    record(
        new Measurement(
            result.step(),
            result.epochsDone(),
            Kind.EVALUATION,
            values,
            "eval_" + evaluation.main()));
  }

  private synchronized void record(Measurement measurement) {
    if (!ended) {
      tell(tracker -> tracker.record(measurement));
    }
  }

  /** Says how the run ended; only the first word counts. */
  public synchronized void end(Outcome outcome) {
    if (started && !ended) {
      ended = true;
      tell(tracker -> tracker.end(outcome));
    }
  }

  @Override
  public void close() {
    end(Outcome.FAILED);
    try {
      Runtime.getRuntime().removeShutdownHook(whenKilled);
    } catch (IllegalStateException e) {
      // The JVM is stopping, and the hook has run or runs.
    }
  }

  /** What a tracker is told. */
  private interface Message {
    void to(Tracker tracker) throws IOException;
  }

  private void tell(Message message) {
    trackers.removeIf(
        tracker -> {
          try {
            message.to(tracker);
            return false;
          } catch (IOException | RuntimeException e) {
            warn.accept(warning(tracker, e));
            return true;
          }
        });
  }

  private static String warning(Tracker tracker, Exception e) {
    String reason = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
    return "warning: "
        + tracker.name()
        + " is left out from here on: "
        + reason.lines().findFirst().orElse(reason);
  }
}
