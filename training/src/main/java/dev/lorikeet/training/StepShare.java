package dev.lorikeet.training;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What one run puts into an optimizer step, and the gradients that come of it: those of the mean
 * loss over all labels of its batches, times the loss's scale.
 */
final class StepShare {
  final List<Trainable> trainables;
  final Loss loss;
  final LossScale lossScale;
  final RunState state;
  final List<EncodedExample> examples;
  final List<int[]> batches;

  /** How many terms the loss of all its rows has. */
  double terms;

  private final Map<Parameter, Tensor> sums = new LinkedHashMap<>();
  private @Nullable NonFinite failure;

  /**
   * A share without gradients yet.
   *
   * @param lossScale multiplies the loss, and so the gradients
   * @param state counts the losses and tokens
   * @param batches the examples' indices
   */
  StepShare(
      List<Trainable> trainables,
      Loss loss,
      LossScale lossScale,
      RunState state,
      List<EncodedExample> examples,
      List<int[]> batches) {
    this.trainables = trainables;
    this.loss = loss;
    this.lossScale = lossScale;
    this.state = state;
    this.examples = examples;
    this.batches = batches;
  }

  int rows() {
    return batches.stream().mapToInt(batch -> batch.length).sum();
  }

  /** Its parameters that train at this step. */
  List<Parameter> active() {
    return trainables.stream().map(Trainable::parameter).filter(Parameter::isTrainable).toList();
  }

  /** Gives up the step. */
  void fail(NonFinite found) {
    failure = found;
  }

  boolean hasFailed() {
    return failure != null;
  }

  /**
   * Adds the gradients of some rows; the sums outlive the scope.
   *
   * @param ofHead what the head's pass gives, for all that is active
   * @param below what the rest of the model gives, for parameters of other runs too, or nothing
   */
  void add(Map<Parameter, Tensor> ofHead, Map<Parameter, Tensor> below, Scope scope) {
    Map<Parameter, Tensor> own = new LinkedHashMap<>(below);
    own.keySet().retainAll(ofHead.keySet());
    HeadPass.add(ofHead, own);
    if (sums.isEmpty()) {
      mustAllHaveGradients(ofHead);
    }
    HeadPass.add(sums, ofHead);
    sums.values().forEach(scope::keep);
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

  /**
   * The gradients of all its rows.
   *
   * @throws NonFinite when the loss is not finite, or no label counts
   */
  Map<Parameter, Tensor> gradients() {
    if (failure != null) {
      throw failure;
    }
    return sums;
  }
}
