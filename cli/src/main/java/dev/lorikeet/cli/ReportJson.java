package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.training.EvaluationReport;
import dev.lorikeet.training.metrics.Calibration;
import dev.lorikeet.training.metrics.ClassScores;
import dev.lorikeet.training.metrics.ClassificationReport;
import dev.lorikeet.training.metrics.ConfusionMatrix;

/** An evaluation's details as JSON. */
final class ReportJson {
  private ReportJson() {}

  /** Adds {@code classes}, {@code confusion_matrix}, {@code calibration} and {@code entities}. */
  static void add(ObjectNode json, EvaluationReport report) {
    if (report.classes() != null) {
      json.set("classes", json("class", report.classes()));
    }
    if (report.confusion() != null) {
      json.set("confusion_matrix", json(report.confusion()));
    }
    if (report.calibration() != null) {
      json.set("calibration", json(report.calibration()));
    }
    if (report.entities() != null) {
      json.set("entities", json("type", report.entities()));
    }
  }

  /** The averages are named as in scikit-learn, and no class can take their names. */
  private static ObjectNode json(String what, ClassificationReport report) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    ObjectNode classes = json.putObject("by_" + what);
    report.classes().forEach((name, scores) -> classes.set(name, json(scores)));
    json.set("micro_avg", json(report.micro()));
    json.set("macro_avg", json(report.macro()));
    json.set("weighted_avg", json(report.weighted()));
    return json;
  }

  private static ObjectNode json(ClassScores scores) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("precision", scores.precision())
        .put("recall", scores.recall())
        .put("f1", scores.f1())
        .put("support", scores.support());
  }

  /** A row of counts for each true label, a column for each answer. */
  private static ObjectNode json(ConfusionMatrix confusion) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    confusion.labels().forEach(json.putArray("labels")::add);
    ArrayNode rows = json.putArray("counts");
    for (long[] counts : confusion.counts()) {
      ArrayNode row = rows.addArray();
      for (long count : counts) {
        row.add(count);
      }
    }
    return json;
  }

  private static ObjectNode json(Calibration calibration) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("expected_calibration_error", calibration.error()).put("bins", calibration.of());
    ArrayNode bins = json.putArray("filled");
    for (Calibration.Bin bin : calibration.bins()) {
      bins.addObject()
          .put("from", bin.from())
          .put("to", bin.to())
          .put("count", bin.count())
          .put("confidence", bin.confidence())
          .put("accuracy", bin.accuracy());
    }
    return json;
  }
}
