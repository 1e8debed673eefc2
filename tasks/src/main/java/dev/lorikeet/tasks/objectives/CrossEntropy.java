package dev.lorikeet.tasks.objectives;

import dev.lorikeet.data.Batch;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.training.RegularizationConfig;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/**
 * Softmax cross entropy of one class of several, or of the tokens of a vocabulary; with labels
 * smoothed (Szegedy et al. 2016, arXiv:1512.00567), weighted by class, or focused on hard ones (Lin
 * et al. 2017, arXiv:1708.02002).
 */
public final class CrossEntropy extends LabelObjective {
  private final double smoothing;
  private final double focalGamma;
  private final float @Nullable [] weights;

  private CrossEntropy(
      Model model,
      LogitChunks chunks,
      boolean nextToken,
      RegularizationConfig settings,
      float @Nullable [] weights) {
    super(model, chunks, nextToken);
    smoothing = settings.labelSmoothingFactor();
    focalGamma = settings.focalGamma();
    this.weights = weights;
  }

  /**
   * Of classes.
   *
   * @param examples whose classes are counted where weights are to be balanced
   * @throws dev.lorikeet.torch.UsageException when weights are for a label that there is not
   */
  public static CrossEntropy ofClasses(
      Model model, RegularizationConfig settings, List<EncodedExample> examples) {
    float[] weights =
        settings.classWeights().isNone()
            ? null
            : settings.classWeights().of(model.config().labels(), examples);
    return new CrossEntropy(model, LogitChunks.ofLabels(model), false, settings, weights);
  }

  /**
   * Of tokens, each answered where it stands, as masked ones are.
   *
   * @throws dev.lorikeet.torch.UsageException when classes have weights
   */
  public static CrossEntropy ofTokens(Model model, RegularizationConfig settings) {
    Unsuited.classWeights(settings);
    return new CrossEntropy(model, LogitChunks.ofVocabulary(model), false, settings, null);
  }

  /**
   * Of tokens, each answered from the state before it; the first of a row never counts.
   *
   * @throws dev.lorikeet.torch.UsageException when classes have weights
   */
  public static CrossEntropy ofNextTokens(Model model, RegularizationConfig settings) {
    Unsuited.classWeights(settings);
    return new CrossEntropy(model, LogitChunks.ofVocabulary(model), true, settings, null);
  }

  @Override
  public Tensor sum(Tensor logits, Tensor labels) {
    Tensor scores = logits.to(DType.FLOAT32);
    Tensor weight = weights == null ? null : Tensor.of(weights, weights.length).to(logits.device());
    return focalGamma > 0
        ? Ops.focalCrossEntropy(scores, labels, weight, focalGamma)
        : Ops.crossEntropy(scores, labels, weight, smoothing);
  }

  @Override
  public Optional<LogitGradient> gradient(Tensor logits, Tensor labels, double factor) {
    if (focalGamma > 0 || smoothing > 0 || weights != null) {
      return Optional.empty();
    }
    List<Tensor> both = Ops.crossEntropySlope(logits, labels, factor);
    return Optional.of(new LogitGradient(both.get(0), both.get(1)));
  }

  /** The labels, each counted by its weight, as torch's weighted mean does. */
  @Override
  public double terms(Batch batch) {
    return weights == null
        ? batch.labelled()
        : LongStream.of(batch.classes())
            .filter(id -> id != EncodedExample.IGNORED)
            .mapToDouble(id -> weights[(int) id])
            .sum();
  }
}
