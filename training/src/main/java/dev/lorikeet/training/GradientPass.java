package dev.lorikeet.training;

import dev.lorikeet.data.Batch;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.Tape;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * The gradients of one optimizer step. Its batches go through the model in parts of so many tokens
 * at most, which bounds the memory of activations; the parts' gradients add up to those of all rows
 * together, since a loss is a sum that is divided once.
 */
final class GradientPass {
  private final Model model;
  private final List<Trainable> trainables;
  private final List<Parameter> parameters;
  private final Loss loss;
  private final int padTokenId;
  private final int maxTokens;

  /**
   * Passes through one model.
   *
   * @param maxTokens at most so many positions a part, but at least one row
   */
  GradientPass(Model model, List<Trainable> trainables, Loss loss, int padTokenId, int maxTokens) {
    this.model = model;
    this.trainables = trainables;
    this.parameters = trainables.stream().map(Trainable::parameter).toList();
    this.loss = loss;
    this.padTokenId = padTokenId;
    this.maxTokens = maxTokens;
  }

  /**
   * The gradients of the mean loss over all labels of some batches, in the present scope.
   *
   * @param batches the examples' indices
   * @param state counts the losses and tokens
   */
  Map<Parameter, Tensor> gradients(
      List<EncodedExample> examples, List<int[]> batches, RunState state) {
    int[] lengths = EncodedExample.lengths(examples);
    List<Batch> parts =
        batches.stream()
            .flatMap(indices -> parts(indices, lengths, maxTokens).stream())
            .map(indices -> Batch.of(examples, indices, padTokenId))
            .toList();
    int terms = parts.stream().mapToInt(loss::terms).sum();
    Map<Parameter, Tensor> gradients = Map.of();
    for (Batch part : parts) {
      gradients = add(gradients, part, terms, state);
      state.tokens += part.tokens();
      state.positions += (long) part.rows() * part.length();
    }
    return gradients;
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

  /** Adds a part's gradients to the sums in place; the first part's become the sums. */
  private Map<Parameter, Tensor> add(
      Map<Parameter, Tensor> sums, Batch part, int terms, RunState state) {
    try (Scope scope = Scope.open();
        GradMode on = GradMode.enabled();
        Tape tape = Tape.of(model)) {
      Tensor logits = model.logits(Inputs.of(part, model));
      Tensor sum = loss.sum(logits, loss.labels(part).to(logits.device()));
      state.addLoss(sum.item(), loss.terms(part));
      Map<Parameter, Tensor> gradients = tape.gradients(sum.mul(1.0 / terms), parameters);
      if (sums.isEmpty()) {
        mustAllHaveGradients(gradients);
        gradients.values().forEach(scope::keep);
        return gradients;
      }
      Ops.accumulateInPlace(
          List.copyOf(sums.values()), sums.keySet().stream().map(gradients::get).toList());
      return sums;
    }
  }

  private void mustAllHaveGradients(Map<Parameter, Tensor> gradients) {
    for (Trainable trainable : trainables) {
      Tensor gradient = gradients.get(trainable.parameter());
      if (gradient == null || gradient.count() == 0) {
        throw new LorikeetException(
            "the loss does not depend on trainable parameter "
                + trainable.name()
                + ": leave it out of the targets");
      }
    }
  }
}
