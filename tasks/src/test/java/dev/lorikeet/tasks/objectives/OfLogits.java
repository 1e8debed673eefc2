package dev.lorikeet.tasks.objectives;

import dev.lorikeet.data.Batch;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.training.Objective;

/** The loss of all logits of a batch, for comparison with what goes through the head in chunks. */
public final class OfLogits {
  private OfLogits() {}

  /** The sum over the labels that count, which autograd may take back. */
  public static Tensor sum(Objective objective, Tensor logits, Batch batch) {
    return ((LogitLoss) objective)
        .sum(objective.states(logits, batch), LabelPositions.labels(batch));
  }
}
