package dev.lorikeet.models;

import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Weights that layers make of trained parameters, such as one with an adapter folded in. They are
 * the same until the optimizer's step: where a batch goes through the model in several parts, the
 * first part makes them and the others find them here.
 *
 * <p>Closing it frees them.
 */
public final class StepWeights implements AutoCloseable {
  private final Mode mode;
  private final Scope kept = Scope.unbound();
  private final Map<Object, Tensor> weights = new HashMap<>();

  /** Weights that the model's layers keep until they are closed; nothing may train meanwhile. */
  public static StepWeights of(Model model) {
    StepWeights weights = new StepWeights(model.mode());
    model.mode().stepWeights(weights);
    return weights;
  }

  private StepWeights(Mode mode) {
    this.mode = mode;
  }

  Tensor get(Object owner, Supplier<Tensor> make) {
    return weights.computeIfAbsent(owner, o -> kept.adopt(make.get()));
  }

  /** Frees them before the step ends; who asks for one again makes it again. */
  public void clear() {
    weights.values().forEach(kept::release);
    weights.clear();
  }

  @Override
  public void close() {
    mode.stepWeights(null);
    kept.close();
  }
}
