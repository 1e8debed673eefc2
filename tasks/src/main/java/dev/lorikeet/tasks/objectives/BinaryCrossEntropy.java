package dev.lorikeet.tasks.objectives;

import dev.lorikeet.data.Batch;
import dev.lorikeet.models.Model;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.training.RegularizationConfig;

/** Sigmoid cross entropy of each of several labels, of which any number may hold. */
public final class BinaryCrossEntropy extends LabelObjective {
  private final double focalGamma;

  /**
   * Of a model's labels.
   *
   * @throws dev.lorikeet.torch.UsageException when a setting is for one class of several
   */
  public BinaryCrossEntropy(Model model, RegularizationConfig settings) {
    super(model, LogitChunks.ofLabels(model), false);
    Unsuited.smoothing(settings);
    Unsuited.classWeights(settings);
    focalGamma = settings.focalGamma();
  }

  @Override
  public Tensor sum(Tensor logits, Tensor labels) {
    Tensor scores = logits.to(DType.FLOAT32);
    return focalGamma > 0
        ? Ops.focalBinaryCrossEntropy(scores, labels, focalGamma)
        : Ops.binaryCrossEntropy(scores, labels);
  }

  /** Each label of each row is a term. */
  @Override
  public double terms(Batch batch) {
    return batch.targets().length;
  }
}
