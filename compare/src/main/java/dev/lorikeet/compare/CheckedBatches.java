package dev.lorikeet.compare;

import dev.lorikeet.data.Batch;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.data.LengthGroupedBatches;
import dev.lorikeet.export.Checked;
import dev.lorikeet.models.Model;
import dev.lorikeet.training.Predictor;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;

/**
 * Batches with a model's answers to them, for the check of an export. The model is asked when a
 * batch is, so that the answers of one alone are in memory.
 */
final class CheckedBatches implements Iterable<Checked> {
  private final Model model;
  private final List<EncodedExample> examples;
  private final List<int[]> batches;
  private final int padTokenId;

  CheckedBatches(Model model, List<EncodedExample> examples, int batchSize, int padTokenId) {
    this.model = model;
    this.examples = examples;
    this.padTokenId = padTokenId;
    batches = LengthGroupedBatches.evaluation(EncodedExample.lengths(examples), batchSize);
  }

  @Override
  public Iterator<Checked> iterator() {
    return batches.stream().map(this::checked).iterator();
  }

  private Checked checked(int[] indices) {
    Batch batch = Batch.of(examples, indices, padTokenId);
    List<EncodedExample> own = Arrays.stream(indices).mapToObj(examples::get).toList();
    float[][] logits = new Predictor(model, own.size(), padTokenId).logits(own);
    return new Checked(
        batch.rows(),
        batch.length(),
        batch.inputIds(),
        batch.attentionMask(),
        batch.tokenTypeIds(),
        padded(logits));
  }

  /** The logits of a batch's rows, each row's stretched to the longest with zeros for padding. */
  private static float[] padded(float[][] logits) {
    int width = Arrays.stream(logits).mapToInt(row -> row.length).max().orElse(0);
    float[] all = new float[width * logits.length];
    for (int row = 0; row < logits.length; row++) {
      System.arraycopy(logits[row], 0, all, row * width, logits[row].length);
    }
    return all;
  }
}
