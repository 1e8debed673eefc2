package dev.lorikeet.training;

import dev.lorikeet.data.Batch;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
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
 * loss over all terms of its batches, times the loss's scale.
 */
final class StepBatch {
  final List<Trainable> trainables;
  final Objective objective;
  final LossScale lossScale;
  final RunState state;
  final List<EncodedExample> examples;
  final List<int[]> batches;

  /** How many terms the loss of all its rows has. */
  double terms;

  private final Map<Parameter, Tensor> sums = new LinkedHashMap<>();
  private @Nullable NonFinite failure;

  /**
   * A step without gradients yet.
   *
   * @param lossScale multiplies the loss, and so the gradients
   * @param state counts the losses and tokens
   * @param batches the examples' indices
   */
  StepBatch(
      List<Trainable> trainables,
      Objective objective,
      LossScale lossScale,
      RunState state,
      List<EncodedExample> examples,
      List<int[]> batches) {
    this.trainables = trainables;
    this.objective = objective;
    this.lossScale = lossScale;
    this.state = state;
    this.examples = examples;
    this.batches = batches;
  }

  private int count() {
    return batches.stream().mapToInt(batch -> batch.length).sum();
  }

  /** Its parameters that train at this step. */
  List<Parameter> active() {
    return trainables.stream().map(Trainable::parameter).filter(Parameter::isTrainable).toList();
  }

  /** Counts the terms of all parts, and gives up the step where there are none. */
  void expect(List<Batch> parts) {
    terms = parts.stream().mapToDouble(objective::terms).sum();
    if (!(terms > 0)) {
      failure = NonFinite.noLabels(count());
    }
  }

  boolean hasFailed() {
    return failure != null;
  }

  /**
   * The loss of some rows and its gradients; where it is not finite, the step is given up.
   *
   * @param states of the rows, [n, D]
   * @return null where it is given up
   */
  @Nullable LossGradients loss(Model model, Tensor states, Batch batch) {
    LossGradients loss = objective.gradients(states, batch, lossScale.scale() / terms, active());
    if (Double.isFinite(loss.sum())) {
      return loss;
    }
    failure = NonFinite.loss(loss.sum(), batch, states, objective, model, trainables);
    return null;
  }

  /**
   * Adds the gradients of some rows; the sums outlive the scope.
   *
   * @param ofHead what the objective gives, for all that is active
   * @param below what the rest of the model gives, for parameters of other runs too, or nothing
   */
  void add(Map<Parameter, Tensor> ofHead, Map<Parameter, Tensor> below, Scope scope) {
    Map<Parameter, Tensor> own = new LinkedHashMap<>(below);
    own.keySet().retainAll(ofHead.keySet());
    LossGradients.add(ofHead, own);
    if (sums.isEmpty()) {
      mustAllHaveGradients(ofHead);
    }
    LossGradients.add(sums, ofHead);
    keep(scope);
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

  /** Lets the gradients so far outlive a scope. */
  void keep(Scope scope) {
    sums.values().forEach(scope::keep);
  }

  /** Forgets the gradients of the rows so far. */
  void clear() {
    sums.clear();
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
