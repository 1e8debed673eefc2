package dev.lorikeet.training;

import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToLongFunction;

/**
 * Finds parameters that training left untouched. Their norms before and after are compared: cheap,
 * and equal to the last bit only when nothing moved.
 */
final class MovementCheck {
  private final Map<Trainable, Double> norms = new LinkedHashMap<>();

  private MovementCheck(List<ParameterGroup> groups) {
    for (ParameterGroup group : groups) {
      if (group.lr() > 0) {
        group.members().forEach(member -> norms.put(member, norm(member.parameter())));
      }
    }
  }

  /**
   * The state before training.
   *
   * @throws LorikeetException when every learning rate is zero
   */
  static MovementCheck before(List<ParameterGroup> groups) {
    if (groups.stream().allMatch(group -> group.lr() == 0)) {
      throw new LorikeetException("every learning rate is 0, nothing would be trained: raise lr");
    }
    return new MovementCheck(groups);
  }

  /**
   * Checks after training.
   *
   * @param steps how many steps moved a parameter; LoRA's A moves in the second only
   * @throws LorikeetException when a parameter with a learning rate above zero did not move, or is
   *     not finite
   */
  void after(ToLongFunction<Trainable> steps) {
    int unmoved = 0;
    for (Map.Entry<Trainable, Double> entry : norms.entrySet()) {
      String name = entry.getKey().name();
      double norm = norm(entry.getKey().parameter());
      if (!Double.isFinite(norm)) {
        throw new LorikeetException(
            "training left " + name + " with NaN or infinite elements: lower the learning rate");
      }
      long moves = steps.applyAsLong(entry.getKey());
      unmoved += norm == entry.getValue() ? 1 : 0;
      if (norm == entry.getValue() && (moves > 1 || unmoved == norms.size())) {
        throw new LorikeetException(
            "training did not change "
                + name
                + ": its gradients were zero; check the learning rate, the targets and the data");
      }
    }
  }

  private static double norm(Parameter parameter) {
    try (Scope scope = Scope.open()) {
      return parameter.original().norm(DType.FLOAT64).item();
    }
  }
}
