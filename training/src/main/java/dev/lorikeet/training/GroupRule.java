package dev.lorikeet.training;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.models.PythonRegex;
import dev.lorikeet.models.settings.Binder;
import dev.lorikeet.models.settings.Form;
import dev.lorikeet.models.settings.Section;
import dev.lorikeet.models.settings.Setting;
import dev.lorikeet.torch.UsageException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A learning rate, its schedule and a weight decay for the parameters that a pattern matches.
 *
 * @param pattern {@code head}; a part of the path between dots, such as {@code lora_B} or {@code
 *     layer.3}; or any regular expression of Python's that is found in the parameter's name
 * @param schedule how the learning rate changes, or null to take the run's
 */
public record GroupRule(
    String pattern,
    @Setting("The learning rate; unless given, the run's.") @Nullable Double lr,
    @Setting("Of the learning rate.") double multiplier,
    @Setting("The weight decay; unless given, the run's.") @Nullable Double weightDecay,
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
    int equals = Math.max(typed.lastIndexOf('='), 0);
    return of(typed.substring(0, equals), typed.substring(equals).replaceFirst("=", ""), typed);
  }

  /**
   * A rule of a pattern and its rate.
   *
   * @param typed what errors tell of
   */
  private static GroupRule of(String pattern, String rate, String typed) {
    try {
      if (!pattern.isEmpty()) {
        return rate.startsWith("x")
            ? new GroupRule(pattern, null, Double.parseDouble(rate.substring(1)), null)
            : new GroupRule(pattern, Double.parseDouble(rate), 1, null);
      }
    } catch (NumberFormatException e) {
      // told below
    }
    throw new UsageException(
        ("lr group \"" + typed)
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

  /**
   * Patterns with a rate, with {@code xMULTIPLIER}, or with a section of both, a decay and a
   * schedule.
   */
  public static final class Rules implements Form<List<GroupRule>> {
    @Override
    public List<GroupRule> read(
        Section section, String key, Record defaults, @Nullable List<GroupRule> otherwise) {
      if (section.get(key).isTextual()) {
        return List.of(parse(section.get(key).asText()));
      }
      ScheduleConfig run = Binder.read(section, ((TrainingConfig) defaults).schedule());
      List<GroupRule> rules = new ArrayList<>();
      section
          .entries(key)
          .forEach(
              (pattern, value) ->
                  rules.add(
                      value.isObject()
                          ? rule(pattern, section.section(key).section(pattern), run)
                          : of(pattern, value.asText(), pattern + "=" + value.asText())));
      return rules;
    }

    private static GroupRule rule(String pattern, Section section, ScheduleConfig run) {
      GroupRule rule = Binder.read(section, new GroupRule(pattern, null, 1, null, run));
      section.done();
      return run.equals(rule.schedule)
          ? new GroupRule(pattern, rule.lr, rule.multiplier, rule.weightDecay)
          : rule;
    }

    @Override
    public void write(ObjectNode json, String key, @Nullable List<GroupRule> value) {
      ObjectNode groups = json.putObject(key);
      requireNonNull(value).forEach(rule -> Binder.write(rule, groups.putObject(rule.pattern)));
    }

    @Override
    public void describe(ObjectNode schema) {
      schema.put("type", "object");
    }

    @Override
    public String label() {
      return "PATTERN=RATE";
    }

    @Override
    public boolean hasEntries() {
      return true;
    }
  }
}
