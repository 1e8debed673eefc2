package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterPlan;
import dev.lorikeet.compare.FineTuningConfig;
import dev.lorikeet.compare.Regime;
import dev.lorikeet.models.Blueprint;
import dev.lorikeet.models.Checkpoint;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.tasks.Task;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.TrainingMemory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Says what an adapter would train, before any training. */
@Command(
    name = "plan",
    abbreviateSynopsis = true,
    description = {
      "Show which modules an adapter's settings match, what it would train and what that takes.",
      "Nothing is trained, and no weights are needed: --model may be a config.json alone."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class AdapterPlanCommand implements Callable<Integer> {
  @Mixin private Console console;
  @Mixin private TrainFlags flags;

  @Option(names = "--recipe", paramLabel = "FILE", description = "The recipe, as a flag.")
  private @Nullable Path recipe;

  @Option(
      names = "--num-labels",
      paramLabel = "N",
      description = "How many labels the data have; unless given, as many as config.json names.")
  private @Nullable Integer labels;

  @Override
  public Integer call() {
    Recipe asked = Recipe.withoutData(flags.tree(recipe).root());
    FineTuningConfig config = asked.config();
    if (config.regime() != Regime.ADAPTER) {
      throw new UsageException(
          "method " + config.method() + " is no adapter: name one, lora for example");
    }
    Path model = Folders.config(asked.model(), console.messages());
    try (Blueprint blueprint = blueprint(model, config)) {
      AdapterPlan plan = AdapterPlan.of(blueprint.model(), config.adapter());
      PlanReport report =
          new PlanReport(
              about(asked, blueprint),
              plan,
              TrainingMemory.of(plan.adapter(), config.training()),
              config.precision().name().toLowerCase(Locale.ROOT),
              config.training().optimizer().type().id());
      console.print(report.json(), heading(asked, blueprint) + "\n\n" + report.text());
    }
    return 0;
  }

  private Blueprint blueprint(Path model, FineTuningConfig config) {
    boolean folder = Files.isDirectory(model);
    ModelConfig read = folder ? ModelConfig.read(model) : ModelConfig.readFile(model);
    read.mustHaveHead(config.task().headType());
    ModelOptions options =
        ModelOptions.DEFAULT
            .withHead(config.task().headType(), labels(read, config))
            .withPrecision(config.precision())
            .withProblemType(config.task().hasProblemTypes() ? config.problemType() : null);
    return folder && Checkpoint.isIn(model)
        ? Blueprint.of(Checkpoint.open(model), options)
        : Blueprint.of(read, options);
  }

  /** Names for as many labels as the head is to have. */
  private List<String> labels(ModelConfig read, FineTuningConfig config) {
    if (!config.task().hasLabels()) {
      if (labels != null) {
        throw new UsageException("--num-labels is for classification, not " + config.task().id());
      }
      return List.of();
    }
    boolean regression =
        config.task().hasProblemTypes() && config.problemType() == ProblemType.REGRESSION;
    int count = labels != null ? labels : regression ? 1 : read.labelCount();
    if (count < 1) {
      throw new UsageException("--num-labels is " + count + ": it must be at least 1");
    }
    return IntStream.range(0, count).mapToObj(id -> "LABEL_" + id).toList();
  }

  private static ObjectNode about(Recipe asked, Blueprint blueprint) {
    ModelConfig config = blueprint.model().config();
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("model", asked.model()).put("model_type", config.modelType());
    json.put("task", asked.config().task().id());
    if (asked.config().task().hasLabels()) {
      json.put("labels", config.labelCount());
    }
    json.put("method", asked.config().method());
    json.put("precision", asked.config().precision().name().toLowerCase(Locale.ROOT));
    json.put("optimizer", asked.config().training().optimizer().type().id());
    ObjectNode adapter = asked.config().adapter().json();
    adapter.remove("fan_in_fan_out");
    json.set("adapter", adapter);
    return json;
  }

  private static String heading(Recipe asked, Blueprint blueprint) {
    ModelConfig config = blueprint.model().config();
    Task task = asked.config().task();
    String head = !task.hasLabels() ? "" : " of " + config.labelCount() + " labels";
    return asked.config().method()
        + " on "
        + asked.model()
        + ": "
        + config.modelType()
        + ", "
        + task.id()
        + head;
  }
}
