package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.torch.Printable;
import dev.lorikeet.training.TrainingPlan;

/** What a run would do, for people and as JSON. */
final class DryRun {
  private static final String ROW = "%-28s %8s %12s %10s %8s %-22s %8s %10s%n";

  private DryRun() {}

  static String text(TrainingPlan plan) {
    StringBuilder text = new StringBuilder();
    text.append(
        row("group", "tensors", "elements", "lr", "decay", "schedule", "warm-up", "from step"));
    for (TrainingPlan.Group group : plan.groups()) {
      text.append(
          row(
              group.name(),
              group.tensors(),
              format("%,d", group.elements()),
              format("%.3g", group.lr()),
              format("%.3g", group.weightDecay()),
              group.schedule().schedule().id(),
              group.warmupSteps(),
              steps(group, plan.totalSteps())));
    }
    if (plan.frozenTensors() > 0) {
      String elements = format("%,d", plan.frozenElements());
      text.append(row("frozen", plan.frozenTensors(), elements, "", "", "", "", ""));
    }
    return text
        + format("%,d steps, %,d an epoch; ", plan.totalSteps(), plan.stepsPerEpoch())
        + "nothing was trained or written";
  }

  private static String steps(TrainingPlan.Group group, long totalSteps) {
    if (group.firstStep() >= totalSteps) {
      return "never";
    }
    return group.firstStep() == group.lastFirstStep()
        ? Long.toString(group.firstStep())
        : group.firstStep() + "-" + group.lastFirstStep();
  }

  private static String row(Object... cells) {
    return format(ROW, cells).stripTrailing() + "\n";
  }

  private static String format(String pattern, Object... values) {
    return Printable.format(pattern, values);
  }

  static ObjectNode json(TrainingPlan plan) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("steps", plan.totalSteps());
    json.put("steps_per_epoch", plan.stepsPerEpoch());
    json.put("frozen_tensors", plan.frozenTensors());
    json.put("frozen_parameters", plan.frozenElements());
    ArrayNode groups = json.putArray("groups");
    for (TrainingPlan.Group group : plan.groups()) {
      groups
          .addObject()
          .put("name", group.name())
          .put("tensors", group.tensors())
          .put("parameters", group.elements())
          .put("lr", group.lr())
          .put("weight_decay", group.weightDecay())
          .put("warmup_steps", group.warmupSteps())
          .put("first_step", group.firstStep())
          .put("last_first_step", group.lastFirstStep())
          .put("schedule", group.schedule().schedule().id());
    }
    return json;
  }
}
