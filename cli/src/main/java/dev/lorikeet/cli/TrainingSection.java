package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.training.FreezeConfig;
import dev.lorikeet.training.GroupRule;
import dev.lorikeet.training.LoggingConfig;
import dev.lorikeet.training.MaskingConfig;
import dev.lorikeet.training.OptimizerConfig;
import dev.lorikeet.training.OptimizerType;
import dev.lorikeet.training.RateConfig;
import dev.lorikeet.training.ReportTo;
import dev.lorikeet.training.Schedule;
import dev.lorikeet.training.ScheduleConfig;
import dev.lorikeet.training.ThroughputConfig;
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
    ScheduleConfig schedule = schedule(section, defaults.schedule());
    return new TrainingConfig(
        section.number("lr", defaults.lr()),
        groups(section, schedule),
        section.number("weight_decay", defaults.weightDecay()),
        section.integer("epochs", defaults.epochs()),
        section.integer("max_steps", defaults.maxSteps()),
        section.integer("batch_size", defaults.batchSize()),
        section.integer("gradient_accumulation", defaults.gradientAccumulation()),
        section.has("max_tokens_per_pass")
            ? (Integer) section.integer("max_tokens_per_pass", 0)
            : defaults.maxTokensPerPass(),
        section.number("max_grad_norm", defaults.maxGradNorm()),
        optimizer(section, defaults.optimizer()),
        schedule,
        rates(section, defaults.rates()),
        freeze(section, defaults.freeze()),
        IntervalKeys.evaluation(section, defaults.evaluation()),
        IntervalKeys.checkpoint(section, defaults.checkpoint()),
        RegularizationSection.read(section, defaults.regularization()),
        RegularizationSection.nonFinite(section, defaults.nonFinite()),
        throughput(section, defaults.throughput()),
        new MaskingConfig(
            section.number("mlm_probability", defaults.masking().mlmProbability()),
            section.flag("whole_word_mask", defaults.masking().wholeWordMask())),
        logging(section, defaults.logging()),
        defaults.seed());
  }

  private static OptimizerConfig optimizer(Section section, OptimizerConfig defaults) {
    OptimizerType type = OptimizerType.of(text(section, "optimizer", defaults.type().id()));
    OptimizerConfig own = type == defaults.type() ? defaults : OptimizerConfig.of(type);
    return own.with(
        draft -> {
          draft.beta1 = section.number("beta1", own.beta1());
          draft.beta2 = section.number("beta2", own.beta2());
          draft.eps = section.number("eps", own.eps());
          draft.momentum = section.number("momentum", own.momentum());
          draft.dampening = section.number("dampening", own.dampening());
          draft.nesterov = section.flag("nesterov", own.nesterov());
          draft.alpha = section.number("alpha", own.alpha());
          draft.centered = section.flag("centered", own.centered());
          draft.decayRate = section.number("decay_rate", own.decayRate());
          draft.clipThreshold = section.number("clip_threshold", own.clipThreshold());
          draft.scaleParameter = section.flag("scale_parameter", own.scaleParameter());
          draft.decoupledWeightDecay =
              section.flag("decoupled_weight_decay", own.decoupledWeightDecay());
          draft.l1Penalty = section.number("l1_penalty", own.l1Penalty());
          draft.l2Penalty = section.number("l2_penalty", own.l2Penalty());
        });
  }

  private static ScheduleConfig schedule(Section section, ScheduleConfig defaults) {
    Schedule schedule = Schedule.of(text(section, "schedule", defaults.schedule().id()));
    ScheduleConfig own = schedule == defaults.schedule() ? defaults : ScheduleConfig.of(schedule);
    boolean steps = section.has("warmup_steps");
    return own.with(
        draft -> {
          draft.warmupRatio = section.number("warmup_ratio", steps ? 0 : own.warmupRatio());
          draft.warmupSteps =
              steps
                  ? (Integer) section.integer("warmup_steps", 0)
                  : section.has("warmup_ratio") ? null : own.warmupSteps();
          draft.numCycles = section.number("num_cycles", own.numCycles());
          draft.minLrRatio = section.number("min_lr_ratio", own.minLrRatio());
          draft.power = section.number("power", own.power());
          draft.lrEnd = section.number("lr_end", own.lrEnd());
          draft.timescale = section.integer("timescale", own.timescale());
          draft.factor = section.number("factor", own.factor());
          draft.patience = section.integer("patience", own.patience());
          draft.threshold = section.number("threshold", own.threshold());
          draft.numDecaySteps = section.integer("num_decay_steps", own.numDecaySteps());
          draft.pctStart = section.number("pct_start", own.pctStart());
          draft.divFactor = section.number("div_factor", own.divFactor());
          draft.finalDivFactor = section.number("final_div_factor", own.finalDivFactor());
        });
  }

  private static RateConfig rates(Section section, RateConfig defaults) {
    return new RateConfig(
        section.number("layer_lr_decay", defaults.layerLrDecay()),
        section.number("head_lr_multiplier", defaults.headLrMultiplier()),
        section.has("loraplus_lr_ratio")
            ? (Double) section.number("loraplus_lr_ratio", 1)
            : defaults.loraplusLrRatio(),
        section.number("loraplus_lr_embedding", defaults.loraplusLrEmbedding()));
  }

  private static ThroughputConfig throughput(Section section, ThroughputConfig defaults) {
    return new ThroughputConfig(
        section.flag("cache_features", defaults.cacheFeatures()),
        section.flag("cache_frozen_layers", defaults.cacheFrozenLayers()),
        section.flag("packing", defaults.packing()),
        section.flag("gradient_checkpointing", defaults.gradientCheckpointing()));
  }

  private static FreezeConfig freeze(Section section, FreezeConfig defaults) {
    return new FreezeConfig(
        section.integer("freeze_layers", defaults.freezeLayers()),
        section.flag("freeze_embeddings", defaults.freezeEmbeddings()),
        section.flag("lora_fa", defaults.loraFa()),
        section.integer("unfreeze_epochs", defaults.unfreezeEpochs()),
        section.integer("unfreeze_steps", defaults.unfreezeSteps()));
  }

  private static LoggingConfig logging(Section section, LoggingConfig defaults) {
    List<String> reportTo = section.texts("report_to").stream().map(String::strip).toList();
    return new LoggingConfig(
        section.integer("logging_steps", defaults.steps()),
        reportTo.equals(List.of("none")) ? List.of() : reportTo.stream().map(ReportTo::of).toList(),
        section.text("logging_dir", defaults.dir()),
        section.text("run_name", defaults.runName()));
  }

  /**
   * Patterns with a rate, with {@code xMULTIPLIER}, or with a section of both, a decay and a
   * schedule.
   */
  private static List<GroupRule> groups(Section training, ScheduleConfig schedule) {
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
              optional(settings, "weight_decay"),
              schedule(settings, schedule).equals(schedule) ? null : schedule(settings, schedule)));
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
      if (rule.schedule() != null) {
        group.setAll(json(rule.schedule()));
      }
    }
    json.put("epochs", training.epochs());
    json.put("max_steps", training.maxSteps());
    json.put("batch_size", training.batchSize());
    json.put("gradient_accumulation", training.gradientAccumulation());
    json.put("weight_decay", training.weightDecay());
    json.put("max_tokens_per_pass", training.maxTokensPerPass());
    json.put("max_grad_norm", training.maxGradNorm());
    json.setAll(json(training.optimizer()));
    json.setAll(json(training.schedule()));
    json.put("layer_lr_decay", training.rates().layerLrDecay());
    json.put("head_lr_multiplier", training.rates().headLrMultiplier());
    json.put("loraplus_lr_ratio", training.rates().loraplusLrRatio());
    json.put("loraplus_lr_embedding", training.rates().loraplusLrEmbedding());
    json.put("freeze_layers", training.freeze().freezeLayers());
    json.put("freeze_embeddings", training.freeze().freezeEmbeddings());
    json.put("lora_fa", training.freeze().loraFa());
    json.put("unfreeze_epochs", training.freeze().unfreezeEpochs());
    json.put("unfreeze_steps", training.freeze().unfreezeSteps());
    IntervalKeys.write(json, training.evaluation(), training.checkpoint());
    RegularizationSection.put(json, training.regularization());
    json.put("on_nan", training.nonFinite().onNan().id());
    json.put("max_nan_steps", training.nonFinite().maxInARow());
    json.put("cache_features", training.throughput().cacheFeatures());
    json.put("cache_frozen_layers", training.throughput().cacheFrozenLayers());
    json.put("packing", training.throughput().packing());
    json.put("gradient_checkpointing", training.throughput().gradientCheckpointing());
    json.put("mlm_probability", training.masking().mlmProbability());
    json.put("whole_word_mask", training.masking().wholeWordMask());
    LoggingConfig logging = training.logging();
    json.put("logging_steps", logging.steps());
    ArrayNode reportTo = json.putArray("report_to");
    logging.reportTo().forEach(tracker -> reportTo.add(tracker.id()));
    json.put("logging_dir", logging.dir());
    json.put("run_name", logging.runName());
    return json;
  }

  private static ObjectNode json(OptimizerConfig optimizer) {
    ObjectNode all =
        JsonNodeFactory.instance
            .objectNode()
            .put("beta1", optimizer.beta1())
            .put("beta2", optimizer.beta2())
            .put("eps", optimizer.eps())
            .put("momentum", optimizer.momentum())
            .put("dampening", optimizer.dampening())
            .put("nesterov", optimizer.nesterov())
            .put("alpha", optimizer.alpha())
            .put("centered", optimizer.centered())
            .put("decay_rate", optimizer.decayRate())
            .put("clip_threshold", optimizer.clipThreshold())
            .put("scale_parameter", optimizer.scaleParameter());
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("optimizer", optimizer.type().id());
    json.setAll(all.retain(optimizer.type().keys()));
    json.put("decoupled_weight_decay", optimizer.decoupledWeightDecay());
    json.put("l1_penalty", optimizer.l1Penalty());
    json.put("l2_penalty", optimizer.l2Penalty());
    return json;
  }

  private static ObjectNode json(ScheduleConfig schedule) {
    boolean bySteps = schedule.warmupSteps() != null;
    ObjectNode all =
        JsonNodeFactory.instance
            .objectNode()
            .put("warmup_ratio", bySteps ? null : (Double) schedule.warmupRatio())
            .put("warmup_steps", schedule.warmupSteps())
            .put("num_cycles", schedule.numCycles())
            .put("min_lr_ratio", schedule.minLrRatio())
            .put("power", schedule.power())
            .put("lr_end", schedule.lrEnd())
            .put("timescale", schedule.timescale())
            .put("factor", schedule.factor())
            .put("patience", schedule.patience())
            .put("threshold", schedule.threshold())
            .put("num_decay_steps", schedule.numDecaySteps())
            .put("pct_start", schedule.pctStart())
            .put("div_factor", schedule.divFactor())
            .put("final_div_factor", schedule.finalDivFactor());
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("schedule", schedule.schedule().id());
    json.setAll(all.retain(schedule.schedule().keys()));
    return json;
  }

  private static String text(Section section, String key, String otherwise) {
    String text = section.text(key, otherwise);
    return text == null ? otherwise : text;
  }
}
