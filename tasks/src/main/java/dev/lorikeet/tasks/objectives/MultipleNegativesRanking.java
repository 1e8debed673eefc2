package dev.lorikeet.tasks.objectives;

import dev.lorikeet.data.Batch;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.training.LossGradients;
import dev.lorikeet.training.Objective;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;

/**
 * Multiple negatives ranking (Henderson et al. 2017, arXiv:1705.00652; InfoNCE): an anchor's own
 * positive is to be likelier than all other candidates of the step, which are the positives of the
 * other examples and all examples' negatives. The loss of an anchor is the cross entropy of its
 * scaled cosine similarities to all candidates.
 *
 * <p>An example is a text (the anchor) and the texts beside it: its positive, and perhaps
 * negatives.
 *
 * <p>Axes: B texts, E examples, K candidates, T tokens, D width.
 *
 * @param pooling what of a text's states is compared
 * @param scale that similarities are multiplied by: 20 in sentence-transformers
 */
public record MultipleNegativesRanking(Pooling pooling, double scale) implements Objective {
  /** No norm is divided by less, as torch's {@code normalize} has it. */
  private static final double LEAST_NORM = 1e-12;

  @Override
  public Pairing pairing() {
    return Pairing.STEP;
  }

  @Override
  public double terms(Batch batch) {
    return IntStream.of(batch.columns()).filter(column -> column == 0).count();
  }

  @Override
  public int states(EncodedExample example) {
    return 1;
  }

  @Override
  public int[] states(Batch batch) {
    return IntStream.generate(() -> 1).limit(batch.rows()).toArray();
  }

  @Override
  public Tensor states(Tensor features, Batch batch) {
    return pooling.of(features, batch);
  }

  @Override
  public LossGradients gradients(
      Tensor states, Batch batch, double factor, List<Parameter> parameters) {
    double[] sum = new double[1];
    Tensor ofStates = states.requiresGrad() ? gradient(states, batch, factor, sum) : null;
    return LossGradients.withoutHead(
        ofStates == null ? sum(states, batch, (scores, own) -> {}) : sum[0], parameters, ofStates);
  }

  private Tensor gradient(Tensor states, Batch batch, double factor, double[] sum) {
    try (Scope scope = Scope.open();
        GradMode on = GradMode.enabled()) {
      Tensor leaf = states.detach().requiresGrad(true);
      Tensor loss = loss(scores(leaf, batch));
      sum[0] = loss.item();
      return scope.keep(Ops.grad(loss.mul(factor), List.of(leaf)).get(0));
    }
  }

  @Override
  public double sum(Tensor states, Batch batch, BiConsumer<Tensor, Tensor> answers) {
    try (Scope scope = Scope.open()) {
      Tensor scores = scores(states, batch);
      answers.accept(scores, own(scores));
      return loss(scores).item();
    }
  }

  /** Cross entropy, the i-th candidate being the i-th anchor's own. */
  private static Tensor loss(Tensor scores) {
    return Ops.crossEntropy(scores, own(scores));
  }

  private static Tensor own(Tensor scores) {
    return Tensor.arange(0, scores.size(0), scores.device());
  }

  /**
   * The anchors' scaled similarities to all candidates, those of the examples' positives first.
   *
   * @param states [B, D]
   * @return [E, K], float32
   */
  private Tensor scores(Tensor states, Batch batch) {
    Tensor unit = unit(states.to(DType.FLOAT32));
    Tensor anchors = unit.index(0, rows(batch, true).to(states.device()));
    Tensor candidates = unit.index(0, rows(batch, false).to(states.device()));
    return anchors.matmul(candidates.transpose(0, 1)).mul(scale);
  }

  /** Rows of length 1. */
  private static Tensor unit(Tensor states) {
    Tensor squares = states.mul(states).sum(1, true).add(LEAST_NORM * LEAST_NORM);
    return states.div(squares.pow(0.5));
  }

  /** The rows of anchors, or of all others, by column and then by example. */
  private static Tensor rows(Batch batch, boolean anchors) {
    List<Integer> rows = new ArrayList<>();
    for (int row = 0; row < batch.rows(); row++) {
      if ((batch.columns()[row] == 0) == anchors) {
        rows.add(row);
      }
    }
    rows.sort(
        Comparator.<Integer>comparingInt(row -> batch.columns()[row])
            .thenComparingInt(row -> batch.indices()[row]));
    return Tensor.of(rows.stream().mapToLong(row -> row).toArray(), rows.size());
  }
}
