package dev.lorikeet.training;

import dev.lorikeet.torch.Nearest;
import dev.lorikeet.torch.UsageException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Parameters that share a learning rate and weight decay.
 *
 * @param name the rule's pattern, or {@code default}; and {@code no decay} for one-dimensional ones
 * @param lr the learning rate before the schedule
 */
public record ParameterGroup(String name, double lr, double weightDecay, List<Trainable> members) {
  private static final String DEFAULT = "default";

  /** How the name of a group ends that has a rule's rate but not its decay. */
  static final String NO_DECAY = ", no decay";

  /**
   * Sorts parameters into groups by the first rule that matches each; what no rule matches takes
   * the run's settings. One-dimensional parameters, which are biases and norms, do not decay.
   *
   * @throws UsageException when a rule matches no parameter, naming the nearest names
   */
  public static List<ParameterGroup> of(
      List<Trainable> trainables, double lr, double weightDecay, List<GroupRule> rules) {
    rules.forEach(rule -> mustMatch(rule, trainables));
    Map<String, ParameterGroup> groups = new LinkedHashMap<>();
    for (Trainable trainable : trainables) {
      GroupRule rule =
          rules.stream()
              .filter(candidate -> candidate.matches(trainable))
              .findFirst()
              .orElse(new GroupRule(DEFAULT, null, 1, null));
      ParameterGroup settings = settings(rule, trainable, lr, weightDecay);
      groups.computeIfAbsent(settings.name(), name -> settings).members().add(trainable);
    }
    return List.copyOf(groups.values());
  }

  private static ParameterGroup settings(
      GroupRule rule, Trainable trainable, double lr, double weightDecay) {
    double decay = rule.weightDecay() == null ? weightDecay : rule.weightDecay();
    boolean decays = decay != 0 && trainable.parameter().original().shape().length > 1;
    double rate = (rule.lr() == null ? lr : rule.lr()) * rule.multiplier();
    String name = rule.pattern() + (decay != 0 && !decays ? NO_DECAY : "");
    return new ParameterGroup(name, rate, decays ? decay : 0, new ArrayList<>());
  }

  private static void mustMatch(GroupRule rule, List<Trainable> trainables) {
    if (trainables.stream().noneMatch(rule::matches)) {
      Set<String> names = new LinkedHashSet<>(Set.of(GroupRule.HEAD));
      trainables.forEach(t -> names.addAll(List.of(t.name().split("\\.", -1))));
      throw new UsageException(
          "no trainable parameter matches group \""
              + rule.pattern()
              + "\"; nearest: "
              + String.join(", ", Nearest.of(rule.pattern(), names, 2)));
    }
  }
}
