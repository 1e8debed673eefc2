package dev.lorikeet.cli;

import dev.lorikeet.torch.Printable;
import dev.lorikeet.training.EpochReport;
import dev.lorikeet.training.Evaluation;
import dev.lorikeet.training.ParameterGroup;
import dev.lorikeet.training.StepEvaluation;
import dev.lorikeet.training.TrainingListener;
import java.io.PrintWriter;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Shows a run: a bar that is drawn over itself on a terminal, a plain line every tenth of the run
 * elsewhere.
 */
final class ProgressBar implements TrainingListener {
  private static final int WIDTH = 24;

  /** The system property by which the launcher says that standard error is a terminal. */
  private static final String TERMINAL = "lorikeet.terminal";

  private static final long REDRAW_NANOS = 200_000_000;

  private final PrintWriter out;
  private final String name;
  private final boolean terminal;
  private long drawnAt;

  /** Whether the line on the terminal is a download's. */
  private boolean drawn;

  private long tenths;

  /** What was remarked already. */
  private Set<String> remarks = new HashSet<>();

  /** How many characters of the present line are to be drawn over. */
  private int drawnLength;

  /** A bar on {@code out} for the run called {@code name}. */
  ProgressBar(PrintWriter out, String name) {
    this(out, name, Boolean.getBoolean(TERMINAL));
  }

  ProgressBar(PrintWriter out, String name, boolean terminal) {
    this.out = out;
    this.name = name;
    this.terminal = terminal;
  }

  /** Leaves out what {@code said} has, where runs on the same data add what they remark. */
  ProgressBar remarkingOnce(Set<String> said) {
    remarks = said;
    return this;
  }

  @Override
  public void remarked(String remark) {
    if (remarks.add(remark)) {
      line("%s: %s", name, Printable.message(remark));
    }
  }

  @Override
  public void started(List<ParameterGroup> groups, long totalSteps) {
    for (ParameterGroup group : groups) {
      long elements = group.members().stream().mapToLong(m -> m.parameter().count()).sum();
      line(
          "%s: group %s: %,d parameters in %d tensors, lr %s, weight decay %s",
          name, group.name(), elements, group.members().size(), group.lr(), group.weightDecay());
    }
  }

  @Override
  public void progressed(Progress progress) {
    draw(progress.step(), progress.totalSteps(), text(progress));
  }

  /**
   * Shows how much of a file has come.
   *
   * @param size in bytes; below 1 when it is unknown, and then nothing is shown
   */
  void downloaded(long bytes, long size) {
    if (size < 1) {
      return;
    }
    draw(bytes, size, String.format(Locale.ROOT, "%.1f of %.1f MB", bytes / 1e6, size / 1e6));
    drawn = terminal;
    if (bytes == size) {
      endLine();
    }
  }

  /** Leaves the bar of a download as it is, so that something else can be written below it. */
  void endLine() {
    if (drawn) {
      drawn = false;
      drawnLength = 0;
      out.println();
      out.flush();
    }
  }

  /** Says something below the bar, which is drawn again below that. */
  void say(String message) {
    if (drawnLength > 0) {
      out.println();
    }
    line("%s", Printable.message(message));
    drawnLength = 0;
  }

  private void draw(long done, long total, String text) {
    if (terminal) {
      long now = System.nanoTime();
      if (done == total || now - drawnAt > REDRAW_NANOS) {
        drawnAt = now;
        int full = (int) (WIDTH * done / total);
        String bar = "#".repeat(full) + ".".repeat(WIDTH - full);
        String line = Printable.line(name) + " [" + bar + "] " + text + " ";
        out.print("\r" + line + " ".repeat(Math.max(0, drawnLength - line.length())));
        out.flush();
        drawnLength = line.length();
      }
    } else if (done * 10 / total > tenths) {
      tenths = done * 10 / total;
      line("%s %s", name, text);
    }
  }

  private static String text(Progress progress) {
    return String.format(
        Locale.ROOT,
        "epoch %d step %d/%d  loss %.4f  %,.0f tokens/s  %s left",
        progress.epoch(),
        progress.step(),
        progress.totalSteps(),
        progress.loss(),
        progress.tokensPerSecond(),
        time(progress.secondsLeft()));
  }

  @Override
  public void epochEnded(EpochReport report) {
    endBar();
    Evaluation evaluation = report.evaluation();
    String scores = evaluation == null ? "" : "  " + scores(evaluation);
    line("%s: epoch %d  loss %.4f%s", name, report.epoch(), report.trainLoss(), scores);
  }

  @Override
  public void evaluated(StepEvaluation evaluation) {
    if (evaluation.endsEpoch()) {
      return; // the epoch's line says it
    }
    endBar();
    line("%s: step %d  %s", name, evaluation.step(), scores(evaluation.evaluation()));
  }

  private void endBar() {
    if (terminal) {
      out.println();
      drawnLength = 0;
    }
  }

  private static String scores(Evaluation evaluation) {
    return String.format(Locale.ROOT, "eval_loss %.4f  ", evaluation.loss())
        + evaluation.metrics().entrySet().stream()
            .map(e -> String.format(Locale.ROOT, "%s %.4f", e.getKey(), e.getValue()))
            .collect(Collectors.joining("  "));
  }

  private void line(String format, Object... arguments) {
    out.println(Printable.format(format, arguments));
    out.flush();
  }

  private static String time(double seconds) {
    long whole = Math.round(seconds);
    return String.format(Locale.ROOT, "%d:%02d", whole / 60, whole % 60);
  }
}
