package dev.lorikeet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lorikeet.training.EpochReport;
import dev.lorikeet.training.Evaluation;
import dev.lorikeet.training.TrainingListener.Progress;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ProgressBarTest {
  private final StringWriter written = new StringWriter();

  private ProgressBar bar(boolean terminal) {
    return new ProgressBar(new PrintWriter(written), "run", terminal);
  }

  private static Progress at(long step, long total) {
    return new Progress(step, total, 1, 1.25, 1_500, 61.4);
  }

  @Test
  void elsewhereThanOnATerminalThereIsALineATenth() {
    ProgressBar bar = bar(false);
    for (int step = 1; step <= 200; step++) {
      bar.progressed(at(step, 200));
    }
    assertThat(written.toString().lines())
        .hasSize(10)
        .startsWith("run epoch 1 step 20/200  loss 1.2500  1,500 tokens/s  1:01 left")
        .endsWith("run epoch 1 step 200/200  loss 1.2500  1,500 tokens/s  1:01 left");
  }

  @Test
  void shortRunHasALineAStep() {
    ProgressBar bar = bar(false);
    for (int step = 1; step <= 3; step++) {
      bar.progressed(at(step, 3));
    }
    assertThat(written.toString().lines()).hasSize(3);
  }

  @Test
  void terminalIsDrawnOver() {
    ProgressBar bar = bar(true);
    bar.progressed(at(1, 2));
    bar.progressed(at(2, 2));
    assertThat(written.toString())
        .startsWith("\rrun [############............] epoch 1 step 1/2")
        .contains("\rrun [########################] epoch 1 step 2/2")
        .doesNotContain("\n");
  }

  @Test
  void shorterTextLeavesNothingOfALongerOne() {
    ProgressBar bar = bar(true);
    bar.progressed(new Progress(1, 2, 1, 1.25, 1_500, 6_000));
    bar.progressed(new Progress(2, 2, 1, 1.25, 900, 0));
    String[] drawn = written.toString().split("\r", -1);
    assertThat(drawn[1]).endsWith("1,500 tokens/s  100:00 left ");
    assertThat(drawn[2]).hasSameSizeAs(drawn[1]).endsWith("900 tokens/s  0:00 left     ");
  }

  @Test
  void whatIsSaidMeanwhileHasALineOfItsOwn() {
    ProgressBar bar = bar(true);
    bar.say("first");
    bar.progressed(at(1, 2));
    bar.say("second");
    String[] lines = written.toString().split(System.lineSeparator(), -1);
    assertThat(lines).hasSize(4).startsWith("first").endsWith("second", "");
    assertThat(lines[1]).startsWith("\rrun [").contains("step 1/2");
  }

  @Test
  void downloadIsALineATenth() {
    ProgressBar bar = bar(false);
    for (long bytes = 0; bytes <= 90_900_000; bytes += 100_000) {
      bar.downloaded(bytes, 90_900_000);
    }
    bar.endLine();
    assertThat(written.toString().lines())
        .hasSize(10)
        .startsWith("run 9.1 of 90.9 MB")
        .endsWith("run 90.9 of 90.9 MB");
  }

  @Test
  void downloadOnATerminalEndsItsLineWhenItIsDoneOrBroken() {
    ProgressBar bar = bar(true);
    bar.downloaded(500_000, 1_000_000);
    bar.downloaded(1_000_000, 1_000_000);
    bar.endLine();
    String whole = "\rrun [########################] 1.0 of 1.0 MB " + System.lineSeparator();
    assertThat(written.toString())
        .startsWith("\rrun [############............] 0.5 of 1.0 MB ")
        .endsWith(whole)
        .containsOnlyOnce(System.lineSeparator());
    bar.downloaded(100_000, 1_000_000);
    bar.endLine();
    bar.endLine();
    assertThat(written.toString().substring(written.toString().indexOf(whole) + whole.length()))
        .isEqualTo(System.lineSeparator());
  }

  @Test
  void downloadOfUnknownSizeIsNotDrawn() {
    bar(true).downloaded(100, -1);
    assertThat(written.toString()).isEmpty();
  }

  @Test
  void epochsEndWithTheirScores() {
    Evaluation evaluation = new Evaluation(0.5, Map.of("accuracy", 0.875), "accuracy", 8, 1);
    bar(false).epochEnded(new EpochReport(2, 0.75, evaluation, 3));
    bar(false).epochEnded(new EpochReport(3, 0.5, null, 3));
    assertThat(written.toString().lines())
        .containsExactly(
            "run: epoch 2  loss 0.7500  eval_loss 0.5000  accuracy 0.8750",
            "run: epoch 3  loss 0.5000");
  }
}
