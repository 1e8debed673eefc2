package dev.lorikeet.training;

import dev.lorikeet.adapters.TrainingPart;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.List;
import java.util.Map;

/**
 * What an adapter method does in training beside answering, such as AdaLoRA's sharing out of ranks:
 * its term of the loss, which is not part of the loss that is reported, and its look at the
 * parameters after each update.
 */
final class MethodHook implements Hook {
  private final TrainingPart part;
  private final RunState state;

  /** The part of a method, which starts now; what it remembers belongs to the present scope. */
  MethodHook(TrainingPart part, RunState state) {
    this.part = part;
    this.state = state;
    part.start();
  }

  @Override
  public void beforeClipping(Map<Parameter, Tensor> gradients) {
    try (Scope scope = Scope.open();
        GradMode on = GradMode.enabled()) {
      List<Tensor> trained = gradients.keySet().stream().map(Parameter::original).toList();
      List<Tensor> added = Ops.grad(part.penalty(), trained);
      int i = 0;
      for (Tensor gradient : gradients.values()) {
        Tensor term = added.get(i++);
        if (term.count() > 0) {
          gradient.addInPlace(term, 1);
        }
      }
    }
  }

  @Override
  public void afterUpdate(Map<Parameter, Tensor> gradients) {
    part.afterStep(state.step, gradients);
  }

  @Override
  public Map<String, Tensor> state() {
    return part.state();
  }
}
