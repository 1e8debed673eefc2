package dev.lorikeet.training;

import dev.lorikeet.data.Batch;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.Tape;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.OutOfMemory;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/**
 * The gradients of one optimizer step. Its batches go through the model in parts of so many tokens
 * at most, which bounds the memory of activations; the parts' gradients add up to those of all rows
 * together, since a loss is a sum that is divided once.
 *
 * <p>A part that does not fit in memory is cut in halves, with those after it, and the step goes
 * on: the same rows, the same sum, smaller parts from then on.
 */
final class GradientPass {
  /** Examples a batch where what the head reads is computed once for all epochs. */
  private static final int KEPT_AT_ONCE = 32;

  private final Model model;
  private final List<Trainable> trainables;
  private final List<Parameter> parameters;
  private final Loss loss;
  private final HeadPass head;
  private final LabelledStates labelled;
  private final Features features;
  private final int padTokenId;
  private final LossScale lossScale;
  private final Consumer<String> remarks;
  private int maxTokens;

  /**
   * Passes through one model.
   *
   * @param maxTokens at most so many positions a part, but at least one row
   * @param lossScale multiplies the loss, and so the gradients
   * @param remarks hears when a part did not fit in memory
   */
  GradientPass(
      Model model,
      List<Trainable> trainables,
      Loss loss,
      int padTokenId,
      int maxTokens,
      LossScale lossScale,
      Consumer<String> remarks) {
    this.model = model;
    this.trainables = trainables;
    this.parameters = trainables.stream().map(Trainable::parameter).toList();
    this.loss = loss;
    this.padTokenId = padTokenId;
    this.maxTokens = maxTokens;
    this.lossScale = lossScale;
    this.remarks = remarks;
    head = new HeadPass(model, loss, HeadChunks.of(model));
    labelled = new LabelledStates(model);
    features = new Features(model, new Predictor(model, KEPT_AT_ONCE, padTokenId));
  }

  /** What the head reads of the examples. */
  Features features() {
    return features;
  }

  /**
   * The gradients of the mean loss over all labels of some batches, times the loss's scale, in the
   * present scope.
   *
   * @param batches the examples' indices
   * @param state counts the losses and tokens
   * @throws NonFinite when the loss is not finite, or no label counts
   * @throws LorikeetException when a single row does not fit in memory
   */
  Map<Parameter, Tensor> gradients(
      List<EncodedExample> examples, List<int[]> batches, RunState state) {
    int[] lengths = EncodedExample.lengths(examples);
    Deque<Batch> left = new ArrayDeque<>(cut(batches, examples, lengths));
    double terms = left.stream().mapToDouble(loss::terms).sum();
    if (!(terms > 0)) {
      throw NonFinite.noLabels(left.stream().mapToInt(Batch::rows).sum());
    }
    Map<Parameter, Tensor> gradients = new LinkedHashMap<>();
    while (!left.isEmpty()) {
      try {
        add(gradients, left.getFirst(), terms, state);
        left.removeFirst();
      } catch (OutOfMemory e) {
        halve(left.getFirst(), e);
        List<int[]> rows = left.stream().map(Batch::indices).toList();
        left = new ArrayDeque<>(cut(rows, examples, lengths));
      }
    }
    return gradients;
  }

  private List<Batch> cut(List<int[]> batches, List<EncodedExample> examples, int[] lengths) {
    return batches.stream()
        .flatMap(indices -> parts(indices, lengths, maxTokens).stream())
        .map(indices -> Batch.of(examples, indices, padTokenId))
        .toList();
  }

  /** Lowers the limit to half of a part that was too large. */
  private void halve(Batch tooLarge, OutOfMemory failure) {
    int rows = tooLarge.indices().length;
    if (rows == 1) {
      throw new LorikeetException(
          "one example of "
              + tooLarge.length()
              + " tokens does not fit in memory: lower max_length, or use a smaller model or"
              + " precision: bfloat16 ("
              + failure.getMessage()
              + ")",
          failure);
    }
    maxTokens = rows / 2 * (tooLarge.rows() * tooLarge.length() / rows);
    remarks.accept(
        rows
            + " examples of "
            + tooLarge.length()
            + " tokens do not fit in memory: going on with at most "
            + maxTokens
            + " tokens at once (max_tokens_per_pass), and the same batches");
  }

  /** Cuts a batch, its longest rows first, where more rows would be too many tokens. */
  static List<int[]> parts(int[] indices, int[] lengths, int maxTokens) {
    int longest = Arrays.stream(indices).map(i -> lengths[i]).max().orElseThrow();
    if ((long) indices.length * longest <= maxTokens) {
      return List.of(indices);
    }
    int[] sorted =
        IntStream.of(indices)
            .boxed()
            .sorted(Comparator.comparingInt(i -> -lengths[i]))
            .mapToInt(i -> i)
            .toArray();
    List<int[]> parts = new ArrayList<>();
    for (int start = 0; start < sorted.length; ) {
      int rows = Math.max(1, maxTokens / Math.max(1, lengths[sorted[start]]));
      int end = Math.min(sorted.length, start + rows);
      parts.add(Arrays.copyOfRange(sorted, start, end));
      start = end;
    }
    return parts;
  }

  /** Adds a part's gradients to the sums; the first part's become the sums. */
  private void add(Map<Parameter, Tensor> sums, Batch part, double terms, RunState state) {
    double partTerms = loss.terms(part);
    if (partTerms == 0) {
      state.count(part, 0, 0);
      return;
    }
    try (Scope scope = Scope.open();
        GradMode on = GradMode.enabled();
        Tape tape = Tape.of(model)) {
      List<Parameter> active = parameters.stream().filter(Parameter::isTrainable).toList();
      Tensor states = features.of(part); // [n, D]
      Tensor labels = labelled.labels(part).to(states.device());
      HeadPass.Result result = head.run(states, labels, lossScale.scale() / terms, active);
      if (!Double.isFinite(result.sum())) {
        throw NonFinite.loss(result.sum(), part, states, loss, model, trainables);
      }
      Map<Parameter, Tensor> gradients = result.ofParameters();
      if (result.ofStates() != null) {
        HeadPass.add(gradients, tape.gradients(states, result.ofStates(), active));
      }
      if (sums.isEmpty()) {
        mustAllHaveGradients(gradients);
      }
      HeadPass.add(sums, gradients);
      sums.values().forEach(scope::keep);
      state.count(part, result.sum(), partTerms);
    }
  }

  private void mustAllHaveGradients(Map<Parameter, Tensor> gradients) {
    for (Trainable trainable : trainables) {
      Tensor gradient = gradients.get(trainable.parameter());
      boolean isMissing = gradient == null || gradient.count() == 0;
      if (isMissing && trainable.parameter().isTrainable()) {
        throw new LorikeetException(
            "the loss does not depend on trainable parameter "
                + trainable.name()
                + ": leave it out of the targets");
      }
    }
  }
}
