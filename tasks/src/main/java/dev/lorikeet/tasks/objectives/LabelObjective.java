package dev.lorikeet.tasks.objectives;

import dev.lorikeet.data.Batch;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.training.LossGradients;
import dev.lorikeet.training.Objective;
import java.util.List;
import java.util.function.BiConsumer;

/** The loss of labels, each of which is answered by itself, from one state. */
abstract class LabelObjective implements Objective, LogitLoss {
  private final LabelPositions positions;
  private final ChunkedLoss loss;

  /**
   * A loss of a model's labels.
   *
   * @param nextToken whether a label is answered from the state before it
   */
  LabelObjective(Model model, LogitChunks chunks, boolean nextToken) {
    positions = new LabelPositions(nextToken);
    loss = new ChunkedLoss(model, this, chunks);
  }

  @Override
  public int states(EncodedExample example) {
    return LabelPositions.count(example);
  }

  @Override
  public int[] states(Batch batch) {
    return LabelPositions.counts(batch);
  }

  @Override
  public Tensor states(Tensor features, Batch batch) {
    return positions.of(features, batch);
  }

  @Override
  public LossGradients gradients(
      Tensor states, Batch batch, double factor, List<Parameter> parameters) {
    return loss.gradients(states, labels(states, batch), factor, parameters);
  }

  @Override
  public double sum(Tensor states, Batch batch, BiConsumer<Tensor, Tensor> answers) {
    return loss.sum(states, labels(states, batch), answers);
  }

  private static Tensor labels(Tensor states, Batch batch) {
    return LabelPositions.labels(batch).to(states.device());
  }
}
