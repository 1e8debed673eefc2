package dev.lorikeet.export;

import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.function.Supplier;

/**
 * Lets an exported model pass when it answers as the trained one does: no logit further off than a
 * tolerance, and no label changed.
 *
 * <p>Only tokens are compared, not padding. Labels that the trained model itself holds apart by no
 * more than the tolerance are ties, and may come out either way.
 */
public final class ParityGate {
  /** Some forty times what another order of its float32 sums changes in MiniLM's answers. */
  public static final double DEFAULT_TOLERANCE = 1e-4;

  private final LabelRule rule;
  private final double tolerance;

  /** Runs the exported model on a batch. */
  @FunctionalInterface
  interface Runner {
    OnnxModel.Logits logits(Checked batch);
  }

  /**
   * A gate for models whose labels follow {@code rule}.
   *
   * @param tolerance the largest difference of two logits that passes
   * @throws UsageException when the tolerance is not a positive number
   */
  public ParityGate(LabelRule rule, double tolerance) {
    if (!(tolerance > 0) || Double.isInfinite(tolerance)) {
      throw new UsageException("tolerance is " + tolerance + ": use a positive number");
    }
    this.rule = rule;
    this.tolerance = tolerance;
  }

  /**
   * Runs {@code model} on all batches and compares.
   *
   * @return what was found, within the tolerance
   * @throws LorikeetException when a logit is further off or a label is changed, with the numbers
   *     and the place of the worst; when there is nothing to compare
   */
  public Parity check(OnnxModel model, Iterable<Checked> batches) {
    return check(
        batch ->
            model.logits(
                batch.inputIds(),
                batch.attentionMask(),
                batch.tokenTypeIds(),
                batch.rows(),
                batch.length()),
        batches);
  }

  Parity check(Runner model, Iterable<Checked> batches) {
    Tally tally = new Tally();
    for (Checked batch : batches) {
      tally.add(batch, model.logits(batch));
    }
    if (tally.rows == 0) {
      throw new LorikeetException("no examples to check the exported model on: give it some");
    }
    Parity parity = new Parity(tally.largest, tally.changedLabels, tally.rows);
    if (parity.largestDifference() > tolerance || parity.changedLabels() > 0) {
      throw new LorikeetException(tally.disagreement());
    }
    return parity;
  }

  /** What has been found so far. */
  private final class Tally {
    private double largest;
    private String worst = "";
    private long changedLabels;
    private String firstChange = "";
    private long rows;

    void add(Checked batch, OnnxModel.Logits actual) {
      long[] shape = actual.shape();
      int size = (int) shape[shape.length - 1];
      boolean tokens = shape.length == 3;
      int units = tokens ? batch.rows() * batch.length() : batch.rows();
      if (batch.expectedLogits().length != (long) units * size
          || actual.values().length != batch.expectedLogits().length) {
        throw new LorikeetException(
            "the exported model answers "
                + Arrays.toString(shape)
                + " to "
                + batch.rows()
                + " rows of "
                + batch.length()
                + " tokens, the trained one "
                + batch.expectedLogits().length
                + " logits: do both have the same head?");
      }
      for (int unit = 0; unit < units; unit++) {
        if (!tokens || batch.attentionMask()[unit] != 0) {
          long row = rows + (tokens ? unit / batch.length() : unit) + 1;
          String token = tokens ? ", token " + (unit % batch.length() + 1) : "";
          compare(
              slice(batch.expectedLogits(), unit, size),
              slice(actual.values(), unit, size),
              () -> "row " + row + token);
        }
      }
      rows += batch.rows();
    }

    private void compare(FloatBuffer expected, FloatBuffer actual, Supplier<String> place) {
      for (int i = 0; i < expected.limit(); i++) {
        double difference = Math.abs((double) actual.get(i) - expected.get(i));
        if (Double.isNaN(difference)) {
          difference = Double.POSITIVE_INFINITY;
        }
        if (difference > largest) {
          largest = difference;
          worst =
              " at "
                  + place.get()
                  + ", logit "
                  + i
                  + ": "
                  + expected.get(i)
                  + " expected, "
                  + actual.get(i)
                  + " exported";
        }
      }
      int changed = rule.changed(expected, actual, tolerance);
      if (changed > 0 && changedLabels == 0) {
        firstChange = ", the first at " + place.get();
      }
      changedLabels += changed;
    }

    String disagreement() {
      return "the exported model disagrees with the trained one: largest logit difference "
          + largest
          + " (tolerance "
          + tolerance
          + ")"
          + worst
          + "; "
          + changedLabels
          + " labels changed in "
          + rows
          + " rows"
          + firstChange
          + ": raise the tolerance only if the trained model ran in lower precision";
    }
  }

  /** The logits of one sequence or of one token. */
  private static FloatBuffer slice(float[] logits, int unit, int size) {
    return FloatBuffer.wrap(logits, unit * size, size).slice();
  }
}
