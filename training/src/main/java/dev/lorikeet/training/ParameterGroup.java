package dev.lorikeet.training;

import dev.lorikeet.torch.Nearest;
import dev.lorikeet.torch.UsageException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Parameters that share a learning rate, its schedule and weight decay.
 *
 * @param name the rule's pattern, or {@code default}; and {@code no decay} for one-dimensional ones
 * @param lr the learning rate before the schedule
 * @param schedule of the learning rate; null for the run's
 */
public record ParameterGroup(
    String name,
    double lr,
    double weightDecay,
    @Nullable ScheduleConfig schedule,
    List<Trainable> members) {
  /** How the name of a group ends that has a rule's rate but not its decay. */
  static final String NO_DECAY = ", no decay";

  private static final String DEFAULT = "default";

  /** A group that follows the run's schedule. */
  public ParameterGroup(String name, double lr, double weightDecay, List<Trainable> members) {
    this(name, lr, weightDecay, null, members);
  }

  /**
   * Sorts parameters into groups by the first rule that matches each; what no rule matches takes
   * the run's settings. One-dimensional parameters, which are biases and norms, do not decay.
   *
   * @throws UsageException when a rule matches no parameter, naming the nearest names; or none that
   *     no earlier rule matches
   */
  public static List<ParameterGroup> of(
      List<Trainable> trainables, double lr, double weightDecay, List<GroupRule> rules) {
    return of(
        trainables,
        lr,
        weightDecay,
        rules,
        new RateFactors(RateConfig.DEFAULT, trainables, Layers.NONE));
  }

  static List<ParameterGroup> of(
      List<Trainable> trainables,
      double lr,
      double weightDecay,
      List<GroupRule> rules,
      RateFactors factors) {
    rules.forEach(rule -> mustMatch(rule, trainables));
    Set<GroupRule> used = Collections.newSetFromMap(new IdentityHashMap<>());
    Map<String, ParameterGroup> groups = new LinkedHashMap<>();
    for (Trainable trainable : trainables) {
      GroupRule rule = first(rules, trainable).orElse(new GroupRule(DEFAULT, null, 1, null));
      used.add(rule);
      ParameterGroup settings = settings(rule, trainable, lr, weightDecay, factors);
      groups.computeIfAbsent(settings.name(), name -> settings).members().add(trainable);
    }
    rules.stream()
        .filter(rule -> !used.contains(rule))
        .findFirst()
        .ifPresent(rule -> refuseShadowed(rule, trainables, rules));
    return List.copyOf(groups.values());
  }

  private static Optional<GroupRule> first(List<GroupRule> rules, Trainable trainable) {
    return rules.stream().filter(candidate -> candidate.matches(trainable)).findFirst();
  }

  private static ParameterGroup settings(
      GroupRule rule, Trainable trainable, double lr, double weightDecay, RateFactors factors) {
    double decay = rule.weightDecay() == null ? weightDecay : rule.weightDecay();
    boolean decays = decay != 0 && trainable.parameter().original().shape().length > 1;
    RateFactors.Rate rate =
        rule.lr() == null
            ? factors.of(trainable, lr * rule.multiplier())
            : new RateFactors.Rate("", rule.lr() * rule.multiplier());
    String name = rule.pattern() + rate.name() + (decay != 0 && !decays ? NO_DECAY : "");
    return new ParameterGroup(
        name, rate.lr(), decays ? decay : 0, rule.schedule(), new ArrayList<>());
  }

  private static void refuseShadowed(
      GroupRule rule, List<Trainable> trainables, List<GroupRule> rules) {
    String earlier =
        trainables.stream()
            .filter(rule::matches)
            .flatMap(trainable -> first(rules, trainable).stream())
            .map(GroupRule::pattern)
            .distinct()
            .collect(Collectors.joining("\", \""));
    throw new UsageException(
        "group \""
            + rule.pattern()
            + "\" has no parameter of its own, all are in \""
            + earlier
            + "\" before it: move it to the front");
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
