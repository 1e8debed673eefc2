package dev.lorikeet.cli;

import dev.lorikeet.compare.Table;
import dev.lorikeet.training.EvaluationReport;
import dev.lorikeet.training.metrics.Calibration;
import dev.lorikeet.training.metrics.ClassScores;
import dev.lorikeet.training.metrics.ClassificationReport;
import dev.lorikeet.training.metrics.ConfusionMatrix;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** An evaluation's details as tables for people. */
final class ReportTables {
  /** Wider tables than of so many labels are for programs: {@code --json} has them. */
  private static final int WIDEST = 20;

  private ReportTables() {}

  /** The tables, each behind a blank line; empty where there is none. */
  static String of(EvaluationReport report) {
    StringBuilder text = new StringBuilder();
    if (report.classes() != null) {
      text.append("\n\n").append(table(report.classes()));
    }
    if (report.entities() != null) {
      text.append("\nentities\n").append(table(report.entities()));
    }
    if (report.confusion() != null) {
      text.append('\n').append(table(report.confusion()));
    }
    if (report.calibration() != null) {
      text.append('\n').append(line(report.calibration()));
    }
    return text.toString();
  }

  private static String table(ClassificationReport report) {
    Table table = new Table(List.of("precision", "recall", "f1", "support"));
    report.classes().forEach((name, scores) -> add(table, name, scores));
    add(table, "micro avg", report.micro());
    add(table, "macro avg", report.macro());
    add(table, "weighted avg", report.weighted());
    return table.toString();
  }

  private static void add(Table table, String name, ClassScores scores) {
    table.row(
        name,
        Map.of(
            "precision", format(scores.precision()),
            "recall", format(scores.recall()),
            "f1", format(scores.f1()),
            "support", Long.toString(scores.support())));
  }

  private static String table(ConfusionMatrix confusion) {
    List<String> labels = confusion.labels();
    if (labels.size() > WIDEST) {
      return "the confusion matrix of " + labels.size() + " labels: --json has it\n";
    }
    Table table = new Table(labels);
    for (int row = 0; row < labels.size(); row++) {
      Map<String, String> counts = new LinkedHashMap<>();
      for (int column = 0; column < labels.size(); column++) {
        counts.put(labels.get(column), Long.toString(confusion.counts()[row][column]));
      }
      table.row(labels.get(row), counts);
    }
    return "label, and how often each answer was given\n" + table;
  }

  private static String line(Calibration calibration) {
    return "expected calibration error "
        + format(calibration.error())
        + " ("
        + calibration.of()
        + " bins)";
  }

  private static String format(double score) {
    return String.format(Locale.ROOT, "%.4f", score);
  }
}
