package dev.lorikeet.tasks.objectives;

import dev.lorikeet.data.Batch;
import dev.lorikeet.models.Model;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.training.RegularizationConfig;

/** Squared error of numbers. */
public final class SquaredError extends LabelObjective {
  /**
   * Of a model's answers.
   *
   * @throws dev.lorikeet.torch.UsageException when a setting is for classes
   */
  public SquaredError(Model model, RegularizationConfig settings) {
    super(model, LogitChunks.ofLabels(model), false);
    Unsuited.smoothing(settings);
    Unsuited.focus(settings);
    Unsuited.classWeights(settings);
  }

  @Override
  public Tensor sum(Tensor logits, Tensor labels) {
    return Ops.squaredError(logits.to(DType.FLOAT32), labels);
  }

  @Override
  public double terms(Batch batch) {
    return batch.targets().length;
  }
}
