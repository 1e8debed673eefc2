package dev.lorikeet.training;

import dev.lorikeet.data.Batch;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.data.LengthGroupedBatches;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/**
 * Runs a model over a data set without gradients or dropout, in batches of similar length, which go
 * through the model in parts of so many tokens at most, as in training. Its passes see the same
 * weights and adapters from the first to the last ({@link Model#share}).
 */
public final class Predictor {
  private final Model model;
  private final Forward forward;
  private final int batchSize;
  private final int padTokenId;
  private final int maxTokens;

  /** Who answers a batch. */
  @FunctionalInterface
  public interface Forward {
    /**
     * The logits of a batch.
     *
     * @param indices for each row the place of its example in the data set
     */
    Tensor logits(ModelInput input, int[] indices);
  }

  public Predictor(Model model, int batchSize, int padTokenId) {
    this(model, (input, indices) -> model.logits(input), batchSize, padTokenId);
  }

  /** Asks something else for the model's answers, such as different adapters for different rows. */
  public Predictor(Model model, Forward forward, int batchSize, int padTokenId) {
    this(
        model,
        forward,
        batchSize,
        padTokenId,
        TrainingConfig.DEFAULT.maxTokensPerPass(model.mode().device()));
  }

  Predictor(Model model, Forward forward, int batchSize, int padTokenId, int maxTokens) {
    this.model = model;
    this.forward = forward;
    this.batchSize = batchSize;
    this.padTokenId = padTokenId;
    this.maxTokens = maxTokens;
  }

  /**
   * The logits of each example, in the order of the examples.
   *
   * @return a row an example: [C], or [T × C] row-major for tokens, without padding
   */
  public float[][] logits(List<EncodedExample> examples) {
    float[][] all = new float[examples.size()][];
    batches(
        examples,
        batch -> {
          Tensor logits = forward.logits(Inputs.of(batch, model), batch.indices());
          float[] values = logits.toFloats();
          int width = values.length / batch.rows();
          int perToken = logits.shape().length == 3 ? (int) logits.size(-1) : 0;
          for (int row = 0; row < batch.rows(); row++) {
            int index = batch.indices()[row];
            int own = perToken == 0 ? width : examples.get(index).ids().length * perToken;
            all[index] = new float[own];
            System.arraycopy(values, row * width, all[index], 0, own);
          }
        });
    return all;
  }

  /** Gives all batches to {@code consumer}, and frees afterwards what it made of each. */
  void batches(List<EncodedExample> examples, Consumer<Batch> consumer) {
    batches(examples, false, (parts, batch) -> consumer.accept(batch));
  }

  /**
   * Gives all batches to {@code consumer}, and frees afterwards what it made of each.
   *
   * @param whole whether the parts of a batch belong together
   * @param consumer takes the parts that go through the model one after the other, and all their
   *     rows; those of one part alone, unless {@code whole}
   */
  void batches(
      List<EncodedExample> examples, boolean whole, BiConsumer<List<Batch>, Batch> consumer) {
    model.training(false);
    int[] lengths = EncodedExample.lengths(examples);
    int[] positions = new int[lengths.length]; // of all texts of an example
    Arrays.setAll(positions, i -> lengths[i] * (1 + examples.get(i).others().size()));
    try (Model.Lease passes = model.share()) {
      for (int[] indices : LengthGroupedBatches.evaluation(lengths, batchSize)) {
        List<int[]> parts = Part.cut(indices, positions, maxTokens);
        for (List<int[]> together :
            whole ? List.of(parts) : parts.stream().map(List::of).toList()) {
          try (Scope scope = Scope.open();
              GradMode off = GradMode.disabled()) {
            int[] all = together.stream().flatMapToInt(IntStream::of).toArray();
            List<Batch> batches = together.stream().map(part -> batch(examples, part)).toList();
            consumer.accept(batches, batches.size() == 1 ? batches.get(0) : batch(examples, all));
          }
        }
      }
    }
  }

  Batch batch(List<EncodedExample> examples, int[] indices) {
    return Batch.of(examples, indices, padTokenId);
  }
}
