package dev.lorikeet.training;

import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.Tensor;
import java.util.List;
import java.util.Map;

/** Moves parameters along their gradients, group by group. Closing it frees its state. */
public interface Optimizer extends AutoCloseable {
  /**
   * One step.
   *
   * @param gradients of the parameters that are to move; the others are left as they are
   * @param rates the learning rate of each group now, in the groups' order
   */
  void step(Map<Parameter, Tensor> gradients, List<Double> rates);

  /**
   * What the optimizer remembers, by a name that is the same in every process; overwriting these
   * tensors sets it. They belong to the optimizer.
   */
  Map<String, Tensor> state();

  @Override
  void close();
}
