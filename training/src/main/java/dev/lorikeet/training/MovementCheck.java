package dev.lorikeet.training;

import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;

/**
 * Finds parameters that training left untouched. Their norms before and after are compared: cheap,
 * and equal to the last bit only when nothing moved.
 */
final class MovementCheck {
  private final Map<Trainable, Double> norms = new LinkedHashMap<>();
  private final boolean byModule;

  private MovementCheck(List<ParameterGroup> groups, boolean byModule) {
    this.byModule = byModule;
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
    return before(groups, OptimizerType.ADAMW);
  }

  /**
   * The state before training with an optimizer. Steps of SGD are as small as the gradients, and
   * that of a key's bias is zero but for roundings: there it is enough that a part of its module
   * moves.
   *
   * @throws LorikeetException when every learning rate is zero
   */
  static MovementCheck before(List<ParameterGroup> groups, OptimizerType optimizer) {
    if (groups.stream().allMatch(group -> group.lr() == 0)) {
      throw new LorikeetException("every learning rate is 0, nothing would be trained: raise lr");
    }
    return new MovementCheck(groups, optimizer == OptimizerType.SGD);
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
    Set<String> movedModules = byModule ? movedModules() : Set.of();
    for (Map.Entry<Trainable, Double> entry : norms.entrySet()) {
      String name = entry.getKey().name();
      double norm = norm(entry.getKey().parameter());
      if (!Double.isFinite(norm)) {
        throw new LorikeetException(
            "training left " + name + " with NaN or infinite elements: lower the learning rate");
      }
      long moves = steps.applyAsLong(entry.getKey());
      unmoved += norm == entry.getValue() ? 1 : 0;
      boolean excused = moves < 2 || movedModules.contains(module(name));
      if (norm == entry.getValue() && (!excused || unmoved == norms.size())) {
        throw new LorikeetException(
            "training did not change "
                + name
                + ": its gradients were zero; check the learning rate, the targets and the data");
      }
    }
  }

  private Set<String> movedModules() {
    return norms.entrySet().stream()
        .filter(entry -> norm(entry.getKey().parameter()) != entry.getValue())
        .map(entry -> module(entry.getKey().name()))
        .collect(Collectors.toSet());
  }

  private static String module(String name) {
    return name.substring(0, Math.max(0, name.lastIndexOf('.')));
  }

  private static double norm(Parameter parameter) {
    try (Scope scope = Scope.open()) {
      return parameter.original().norm(DType.FLOAT64).item();
    }
  }
}
