package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.training.EvaluationConfig;
import dev.lorikeet.training.GroupRule;
import dev.lorikeet.training.LoggingConfig;
import dev.lorikeet.training.OptimizerConfig;
import dev.lorikeet.training.ReportTo;
import dev.lorikeet.training.Schedule;
import dev.lorikeet.training.ScheduleConfig;
import dev.lorikeet.training.TrainingConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The recipe's section {@code training}: read with the defaults given, and written in full. */
final class TrainingSection {
  private TrainingSection() {}

  /** The settings of the section; what it does not say is as in {@code defaults}. */
  static TrainingConfig read(Section section, TrainingConfig defaults) {
    return new TrainingConfig(
        section.number("lr", defaults.lr()),
        groups(section),
        section.number("weight_decay", defaults.weightDecay()),
        section.integer("epochs", defaults.epochs()),
        section.integer("batch_size", defaults.batchSize()),
        section.integer("gradient_accumulation", defaults.gradientAccumulation()),
        section.has("max_tokens_per_pass")
            ? (Integer) section.integer("max_tokens_per_pass", 0)
            : defaults.maxTokensPerPass(),
        section.number("max_grad_norm", defaults.maxGradNorm()),
        optimizer(section, defaults.optimizer()),
        schedule(section, defaults.schedule()),
        evaluation(section, defaults.evaluation()),
        logging(section, defaults.logging()),
        defaults.seed());
  }

  private static OptimizerConfig optimizer(Section section, OptimizerConfig defaults) {
    return new OptimizerConfig(
        section.number("beta1", defaults.beta1()),
        section.number("beta2", defaults.beta2()),
        section.number("eps", defaults.eps()));
  }

  private static ScheduleConfig schedule(Section section, ScheduleConfig defaults) {
    return new ScheduleConfig(
        Schedule.of(text(section, "schedule", defaults.schedule().id())),
        section.number("warmup_ratio", defaults.warmupRatio()));
  }

  private static EvaluationConfig evaluation(Section section, EvaluationConfig defaults) {
    return new EvaluationConfig(section.flag("keep_best", defaults.keepBest()));
  }

  private static LoggingConfig logging(Section section, LoggingConfig defaults) {
    List<String> reportTo = section.texts("report_to").stream().map(String::strip).toList();
    return new LoggingConfig(
        section.integer("logging_steps", defaults.steps()),
        reportTo.equals(List.of("none")) ? List.of() : reportTo.stream().map(ReportTo::of).toList(),
        section.text("logging_dir", defaults.dir()),
        section.text("run_name", defaults.runName()));
  }

  /** Patterns with a rate, with {@code xMULTIPLIER}, or with a section of both and a decay. */
  private static List<GroupRule> groups(Section training) {
    List<GroupRule> rules = new ArrayList<>();
    for (Map.Entry<String, JsonNode> group : training.entries("groups").entrySet()) {
      if (!group.getValue().isObject()) {
        rules.add(GroupRule.parse(group.getKey() + "=" + group.getValue().asText()));
        continue;
      }
      Section settings = training.section("groups").section(group.getKey());
      rules.add(
          new GroupRule(
              group.getKey(),
              optional(settings, "lr"),
              settings.number("multiplier", 1),
              optional(settings, "weight_decay")));
      settings.done();
    }
    return rules;
  }

  private static @Nullable Double optional(Section section, String key) {
    return section.text(key, null) == null ? null : (Double) section.number(key, 0);
  }

  /** The section that spells out every setting. */
  static ObjectNode json(TrainingConfig training) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("lr", training.lr());
    ObjectNode groups = json.putObject("groups");
    for (GroupRule rule : training.groups()) {
      ObjectNode group = groups.putObject(rule.pattern());
      group.put("lr", rule.lr());
      group.put("multiplier", rule.multiplier());
      group.put("weight_decay", rule.weightDecay());
    }
    json.put("epochs", training.epochs());
    json.put("batch_size", training.batchSize());
    json.put("gradient_accumulation", training.gradientAccumulation());
    json.put("weight_decay", training.weightDecay());
    json.put("max_tokens_per_pass", training.maxTokensPerPass());
    json.put("max_grad_norm", training.maxGradNorm());
    json.put("beta1", training.optimizer().beta1());
    json.put("beta2", training.optimizer().beta2());
    json.put("eps", training.optimizer().eps());
    json.put("schedule", training.schedule().schedule().id());
    json.put("warmup_ratio", training.schedule().warmupRatio());
    json.put("keep_best", training.evaluation().keepBest());
    LoggingConfig logging = training.logging();
    json.put("logging_steps", logging.steps());
    ArrayNode reportTo = json.putArray("report_to");
    logging.reportTo().forEach(tracker -> reportTo.add(tracker.id()));
    json.put("logging_dir", logging.dir());
    json.put("run_name", logging.runName());
    return json;
  }

  private static String text(Section section, String key, String otherwise) {
    String text = section.text(key, otherwise);
    return text == null ? otherwise : text;
  }
}
