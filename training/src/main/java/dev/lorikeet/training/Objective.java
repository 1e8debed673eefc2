package dev.lorikeet.training;

import dev.lorikeet.data.Batch;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.Tensor;
import java.util.List;
import java.util.function.BiConsumer;

/**
 * What training minimises: a sum over terms (labels, rows, pairs), which a step divides once by the
 * number of all its terms. So accumulated gradients equal those of the whole batch, however its
 * rows are cut into parts.
 *
 * <p>An objective reads <i>states</i>: what a model answers below its head, at the places that
 * labels are answered from. It gives the gradient at these states, from where the tape takes it on
 * through the rest of the model, and that of the head's parameters.
 *
 * <p>Axes: B rows, T tokens, n states, D width, C classes.
 */
public interface Objective {
  /** Which rows an objective must see at once. */
  enum Pairing {
    /** Each row by itself: its terms are its own. */
    ROWS,
    /** The rows of an example together, such as a chosen and a rejected answer. */
    EXAMPLES,
    /** All rows of a step together, such as texts that are each other's negatives. */
    STEP
  }

  /** Which rows it must see at once. */
  default Pairing pairing() {
    return Pairing.ROWS;
  }

  /** How many terms the loss of some rows has; 0 where nothing of them counts. */
  double terms(Batch batch);

  /** How many states it reads of an example's first row; 0 where nothing of it counts. */
  int states(EncodedExample example);

  /** How many states it reads of each row, [B]. */
  int[] states(Batch batch);

  /**
   * The states that it reads, in the order of the rows.
   *
   * @param features what the model answers below its head, [B, D] or [B, T, D]
   * @return [n, D]
   */
  Tensor states(Tensor features, Batch batch);

  /**
   * The summed loss of states, and the gradients of its product with {@code factor}, in the present
   * scope.
   *
   * @param states [n, D], n at least 1, of all rows of {@code batch}
   * @param parameters that train, of the head or below it
   */
  LossGradients gradients(Tensor states, Batch batch, double factor, List<Parameter> parameters);

  /**
   * The summed loss of states, without gradients.
   *
   * @param answers is told what was answered and what should have been, as it is computed: logits
   *     [n, C] with labels of classes int64 [n], or with numbers float32 [n, C]
   */
  double sum(Tensor states, Batch batch, BiConsumer<Tensor, Tensor> answers);
}
