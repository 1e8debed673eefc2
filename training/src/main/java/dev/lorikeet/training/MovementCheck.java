package dev.lorikeet.training;

import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import java.util.function.ToLongFunction;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Finds parameters that training left untouched. Their norms before and after are compared: cheap,
 * and equal to the last bit only when nothing moved. What decay alone would move must have had a
 * gradient that is not zero, which most have in the first step.
 */
final class MovementCheck implements Hook {
  /** The second factors of LoRA's updates, which start at zero. */
  private static final Pattern LORA_B = Pattern.compile("\\.lora_(B\\.weight|embedding_A)$");

  private final Map<Trainable, Double> norms = new LinkedHashMap<>();

  /** What decays, and has had no gradient other than zero so far. */
  private final Set<Trainable> decaying = new LinkedHashSet<>();

  /** The steps of this process, which may have gone on from others'. */
  private long seen;

  /** LoRA's second factors that have no learning rate. */
  private final List<Trainable> keptUpdates = new ArrayList<>();

  private final boolean byModule;
  private final Supplier<ToLongFunction<Trainable>> steps;

  private MovementCheck(
      List<ParameterGroup> groups,
      OptimizerConfig optimizer,
      Supplier<ToLongFunction<Trainable>> steps) {
    this.steps = steps;
    byModule = optimizer.type() == OptimizerType.SGD;
    boolean penalized = optimizer.l1Penalty() + optimizer.l2Penalty() > 0;
    for (ParameterGroup group : groups) {
      for (Trainable member : group.members()) {
        if (group.lr() > 0) {
          norms.put(member, norm(member.parameter()));
        } else if (LORA_B.matcher(member.name()).find()) {
          keptUpdates.add(member);
        }
        if (group.lr() > 0 && (group.weightDecay() > 0 || penalized)) {
          decaying.add(member);
        }
      }
    }
  }

  /**
   * The state before training with an optimizer. Steps of SGD are as small as the gradients, and
   * that of a key's bias is zero but for roundings: there it is enough that a part of its module
   * moves.
   *
   * @param steps how many steps moved a parameter, asked after training; LoRA's A moves in the
   *     second only
   * @throws LorikeetException when every learning rate is zero
   */
  static MovementCheck before(
      List<ParameterGroup> groups,
      OptimizerConfig optimizer,
      Supplier<ToLongFunction<Trainable>> steps) {
    if (groups.stream().allMatch(group -> group.lr() == 0)) {
      throw new LorikeetException("every learning rate is 0, nothing would be trained: raise lr");
    }
    return new MovementCheck(groups, optimizer, steps);
  }

  /** Hears the gradients of a step, before penalties. */
  @Override
  public void beforeClipping(Map<Parameter, Tensor> gradients) {
    seen++;
    decaying.removeIf(
        trainable -> {
          Tensor gradient = gradients.get(trainable.parameter());
          return gradient != null && gradient.norm().item() != 0;
        });
  }

  /**
   * Checks after training.
   *
   * @throws LorikeetException when a parameter with a learning rate above zero did not move but by
   *     its decay, or is not finite; or when an update of LoRA's is still zero
   */
  @Override
  public void end() {
    ToLongFunction<Trainable> effective = steps.get();
    int unmoved = 0;
    Set<String> movedModules = byModule ? movedModules() : Set.of();
    for (Map.Entry<Trainable, Double> entry : norms.entrySet()) {
      String name = entry.getKey().name();
      double norm = norm(entry.getKey().parameter());
      if (!Double.isFinite(norm)) {
        throw new LorikeetException(
            "training left " + name + " with NaN or infinite elements: lower the learning rate");
      }
      long moves = effective.applyAsLong(entry.getKey());
      unmoved += norm == entry.getValue() ? 1 : 0;
      boolean excused = moves < 2 || movedModules.contains(module(name));
      if (norm == entry.getValue() && (!excused || unmoved == norms.size())) {
        throw new LorikeetException(
            "training did not change "
                + name
                + ": its gradients were zero; check the learning rate, the targets and the data");
      }
      if (decaying.contains(entry.getKey()) && Math.min(moves, seen) > 1) {
        throw new LorikeetException(
            "only weight decay changed "
                + name
                + ": its gradients were zero; check the learning rate, the targets and the data");
      }
    }
    for (Trainable update : keptUpdates) {
      if (norm(update.parameter()) == 0) {
        throw new LorikeetException(
            update.name()
                + " is still zero, and with it the adapter's update there: its learning rate is 0,"
                + " raise it");
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
