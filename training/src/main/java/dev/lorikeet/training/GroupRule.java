package dev.lorikeet.training;

import dev.lorikeet.models.PythonRegex;
import dev.lorikeet.torch.UsageException;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A learning rate, its schedule and a weight decay for the parameters that a pattern matches.
 *
 * @param pattern {@code head}; a part of the path between dots, such as {@code lora_B} or {@code
 *     layer.3}; or any regular expression of Python's that is found in the parameter's name
 * @param lr the learning rate, or null to take the run's
 * @param multiplier of the learning rate
 * @param weightDecay the weight decay, or null to take the run's
 * @param schedule how the learning rate changes, or null to take the run's
 */
public record GroupRule(
    String pattern,
    @Nullable Double lr,
    double multiplier,
    @Nullable Double weightDecay,
    @Nullable ScheduleConfig schedule) {
  /** What the head's parameters are called in a rule. */
  public static final String HEAD = "head";

  private static final Pattern PLAIN_PATH = Pattern.compile("\\w+(\\.\\w+)*");

  public GroupRule {
    if (pattern.isEmpty()) {
      throw new UsageException("a parameter group has an empty pattern: name what it matches");
    }
    mustNotBeNegative(pattern, "lr", lr);
    mustNotBeNegative(pattern, "multiplier", multiplier);
    mustNotBeNegative(pattern, "weight_decay", weightDecay);
    compile(pattern);
  }

  /** A rule that leaves the schedule to the run. */
  public GroupRule(
      String pattern, @Nullable Double lr, double multiplier, @Nullable Double weightDecay) {
    this(pattern, lr, multiplier, weightDecay, null);
  }

  private static void mustNotBeNegative(String pattern, String key, @Nullable Double value) {
    if (value != null && !(value >= 0)) {
      throw new UsageException(
          "parameter group " + pattern + ": " + key + " is " + value + ", it must be at least 0");
    }
  }

  /**
   * What users type: {@code PATTERN=LR}, or {@code PATTERN=xMULTIPLIER} of the run's learning rate.
   *
   * @throws UsageException when it is neither
   */
  public static GroupRule parse(String typed) {
    int equals = typed.lastIndexOf('=');
    if (equals > 0 && equals < typed.length() - 1) {
      String pattern = typed.substring(0, equals);
      String value = typed.substring(equals + 1);
      try {
        return value.startsWith("x")
            ? new GroupRule(pattern, null, Double.parseDouble(value.substring(1)), null)
            : new GroupRule(pattern, Double.parseDouble(value), 1, null);
      } catch (NumberFormatException e) {
        throw usage(typed);
      }
    }
    throw usage(typed);
  }

  private static UsageException usage(String typed) {
    return new UsageException(
        "lr group \""
            + typed
            + "\" is not PATTERN=RATE: write lora_B=4e-3, or lora_B=x4 for four times"
            + " the learning rate");
  }

  boolean matches(Trainable trainable) {
    return pattern.equals(HEAD) ? trainable.head() : compile(pattern).isFoundIn(trainable.name());
  }

  private static PythonRegex compile(String pattern) {
    return PythonRegex.of(
        "parameter group",
        pattern,
        PLAIN_PATH.matcher(pattern).matches()
            ? "(^|\\.)" + pattern.replace(".", "\\.") + "(\\.|$)"
            : pattern);
  }
}
