package dev.lorikeet.training.tracking;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lorikeet.training.Evaluation;
import dev.lorikeet.training.StepEvaluation;
import dev.lorikeet.training.StepReport;
import dev.lorikeet.training.TrainingListener;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Runs as trackers hear them, without training anything. */
final class Runs {
  static final JsonNode SETTINGS =
      json(
          """
          {"model": "minilm", "output": null, "seed": 1,
           "adapter": {"r": 8, "target_modules": ["query", "value"]},
           "training": {"lr": 0.001, "groups": {"layer\\\\.(0|1)": {"lr": 0.002}}}}
          """);

  private Runs() {}

  static JsonNode json(String text) {
    try {
      return new ObjectMapper().readTree(text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A step: its loss is 2 / step, and two groups have rates. */
  static StepReport step(long step) {
    Map<String, Double> rates = new LinkedHashMap<>();
    rates.put("default", 1e-3);
    rates.put("lora_B", 4e-3);
    return new StepReport(step, step / 10.0, 2.0 / step, rates, 0.5, 1000, step);
  }

  static Evaluation evaluation(double accuracy) {
    Map<String, Double> metrics = new LinkedHashMap<>();
    metrics.put("accuracy", accuracy);
    metrics.put("macro_f1", Double.NaN);
    return new Evaluation(0.75, metrics, "accuracy", 8, 0.25);
  }

  static StepEvaluation evaluated(long step, double accuracy) {
    return new StepEvaluation(step, (int) step / 10, step / 10.0, false, evaluation(accuracy));
  }

  /** Steps {@code from} to {@code to}; an evaluation every tenth. */
  static void steps(TrainingListener listener, int from, int to) {
    listener.started(List.of(), to);
    for (int step = from; step <= to; step++) {
      listener.logged(step(step));
      if (step % 10 == 0) {
        listener.evaluated(evaluated(step, step / 100.0));
      }
    }
  }
}
