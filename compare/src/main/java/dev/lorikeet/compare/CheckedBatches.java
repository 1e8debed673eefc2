package dev.lorikeet.compare;

import dev.lorikeet.data.Batch;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.data.LengthGroupedBatches;
import dev.lorikeet.export.Checked;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.TextTokenizer;
import dev.lorikeet.training.Predictor;
import java.util.Iterator;
import java.util.List;

/** Batches with a model's answers to them, for the check of an export. */
final class CheckedBatches implements Iterable<Checked> {
  private static final int BATCH = 32;

  private final List<EncodedExample> examples;
  private final float[][] logits;
  private final List<int[]> batches;
  private final int padTokenId;

  private CheckedBatches(List<EncodedExample> examples, float[][] logits, int padTokenId) {
    this.examples = examples;
    this.logits = logits;
    this.padTokenId = padTokenId;
    batches = LengthGroupedBatches.evaluation(EncodedExample.lengths(examples), BATCH);
  }

  /** The model's answers as it computes now. */
  static CheckedBatches of(Model model, List<EncodedExample> examples, TextTokenizer tokenizer) {
    float[][] logits = new Predictor(model, BATCH, tokenizer.padTokenId()).logits(examples);
    return new CheckedBatches(examples, logits, tokenizer.padTokenId());
  }

  @Override
  public Iterator<Checked> iterator() {
    return batches.stream().map(this::checked).iterator();
  }

  private Checked checked(int[] indices) {
    Batch batch = Batch.of(examples, indices, padTokenId);
    return new Checked(
        batch.rows(),
        batch.length(),
        batch.inputIds(),
        batch.attentionMask(),
        batch.tokenTypeIds(),
        padded(batch));
  }

  /** The logits of a batch's rows, each row's stretched to the longest with zeros for padding. */
  private float[] padded(Batch batch) {
    int width = 0;
    for (int index : batch.indices()) {
      width = Math.max(width, logits[index].length);
    }
    float[] all = new float[width * batch.rows()];
    for (int row = 0; row < batch.rows(); row++) {
      float[] own = logits[batch.indices()[row]];
      System.arraycopy(own, 0, all, row * width, own.length);
    }
    return all;
  }
}
