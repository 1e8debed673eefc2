package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.compare.FineTuningConfig;
import dev.lorikeet.compare.Regime;
import dev.lorikeet.data.DataReader;
import dev.lorikeet.data.EvalSplit;
import dev.lorikeet.models.Initialization;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.settings.Binder;
import dev.lorikeet.models.settings.Section;
import dev.lorikeet.tasks.Task;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.FreezeConfig;
import dev.lorikeet.training.RateConfig;
import dev.lorikeet.training.TrainingConfig;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * All settings of a training run, read from a recipe and flags. The defaults are those of the
 * library's own records.
 *
 * @param model the checkpoint's folder, or its name on the hub
 * @param output the folder to write; null for none
 * @param data where the examples are
 * @param config what and how to train
 * @param baselineTraining the loop of the baseline in a comparison
 * @param baselineInitialization of the baseline's weights
 * @param threads CPU threads an operation
 */
record Recipe(
    String model,
    @Nullable Path output,
    DataSettings data,
    FineTuningConfig config,
    TrainingConfig baselineTraining,
    Initialization baselineInitialization,
    int threads) {

  /**
   * Reads a recipe.
   *
   * @throws dev.lorikeet.torch.UsageException when a key is unknown, a value is of the wrong kind
   *     or out of range, or {@code model} or the training data are missing
   */
  static Recipe read(ObjectNode tree) {
    return read(tree, true);
  }

  /** {@link #read} of a recipe that may lack training data. */
  static Recipe withoutData(ObjectNode tree) {
    return read(tree, false);
  }

  private static Recipe read(ObjectNode tree, boolean mustHaveData) {
    Section root = Section.root(tree);
    String model = root.required("model", "--model");
    RecipeKeys.Top top = Binder.read(root, RecipeKeys.Top.DEFAULT);
    Device device = Device.of(top.device());
    Section data = root.section("data");
    Task task = Tasks.named(top.task());
    RecipeKeys.Data dataKeys = Binder.read(data, RecipeKeys.Data.DEFAULT);
    DataSettings dataSettings =
        DataSettings.read(data, dataKeys, task, top.problemType() != null, mustHaveData);
    Regime regime = Regime.of(top.method());
    Section adapter = root.section("adapter");
    Section training = root.section("training");
    TrainingConfig trainingConfig =
        Binder.read(training, Preset.over(startingFrom(regime), top.preset(), regime))
            .withSeed(top.seed());
    FineTuningConfig config =
        new FineTuningConfig(
            task,
            top.problemType() == null ? problemType(dataSettings.columns()) : top.problemType(),
            regime,
            AdapterSection.read(adapter, top.method()),
            trainingConfig,
            top.initialization(),
            dataKeys.maxLength(),
            dataKeys.trainOn(),
            Precision.of(top.precision(), device),
            device,
            top.padToken());
    Section baseline = root.section("baseline");
    RecipeKeys.Baseline baselineKeys = Binder.read(baseline, RecipeKeys.Baseline.DEFAULT);
    baselineKeys.mustBeBuilt();
    Recipe recipe =
        new Recipe(
            model,
            top.output() == null ? null : Path.of(top.output()),
            dataSettings,
            config,
            allAtOneRate(trainingConfig, baselineKeys.lr()),
            baselineKeys.initialization(),
            top.threads() == null ? CpuThreads.unlessGiven() : top.threads());
    List<Section> sections = List.of(data, adapter, training, baseline, root);
    for (Section section : sections) {
      section.done(sections);
    }
    return recipe;
  }

  /** Several columns of labels can only be labels of which several hold. */
  private static ProblemType problemType(DataReader.Columns columns) {
    return columns.labels().size() > 1
        ? ProblemType.MULTI_LABEL
        : FineTuningConfig.DEFAULT.problemType();
  }

  private static TrainingConfig startingFrom(Regime regime) {
    return regime == Regime.SCRATCH
        ? TrainingConfig.DEFAULT.withLr(RecipeKeys.Baseline.DEFAULT.lr(), List.of())
        : TrainingConfig.DEFAULT;
  }

  /** Nothing of a baseline is pretrained, so nothing is frozen, and no layer's rate differs. */
  private static TrainingConfig allAtOneRate(TrainingConfig training, double lr) {
    return training
        .withLr(lr, List.of())
        .with(
            draft -> {
              draft.rates = RateConfig.DEFAULT;
              draft.freeze = FreezeConfig.NONE;
            });
  }

  /**
   * Cuts texts to what a model takes, where the recipe does not say their length and the default is
   * more.
   *
   * @param checkpoint the model's folder
   * @param tree the recipe as it was given
   */
  Recipe fitting(Path checkpoint, ObjectNode tree) {
    int virtual =
        config.regime() == Regime.ADAPTER
            ? config.adapter().json().path("num_virtual_tokens").asInt()
            : 0;
    int most = ModelConfig.read(checkpoint).maxTokens() - virtual;
    return tree.path("data").hasNonNull("max_length") || most >= config.maxLength() || most < 3
        ? this
        : withConfig(config.withMaxLength(most));
  }

  /** The same recipe for another run. */
  Recipe withConfig(FineTuningConfig other) {
    return new Recipe(
        model, output, data, other, baselineTraining, baselineInitialization, threads);
  }

  /** The recipe that spells out every setting of this one. */
  ObjectNode json() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("model", model);
    json.put("output", output == null ? null : output.toString());
    json.put("task", config.task().id());
    json.put("problem_type", config.problemType().id());
    if (config.padToken() != null) {
      json.put("pad_token", config.padToken());
    }
    json.put("method", config.method());
    json.put("initialization", config.initialization().id());
    json.put("precision", config.precision().name().toLowerCase(Locale.ROOT));
    json.put("device", config.device().name());
    json.put("threads", threads);
    json.put("seed", config.training().seed());
    ObjectNode dataJson = json.putObject("data");
    dataJson
        .put("train", data.train())
        .put("eval", data.eval())
        .put("eval_fraction", data.evalFraction());
    ColumnNames.write(data.columns(), config.task(), dataJson);
    dataJson
        .put("max_length", config.maxLength())
        .put("train_on", config.trainOn().id())
        .put("on_bad_row", data.onBadRow().name().toLowerCase(Locale.ROOT));
    ObjectNode adapter = config.adapter().json();
    adapter.remove("fan_in_fan_out");
    json.set("adapter", adapter);
    Binder.write(config.training(), json.putObject("training"));
    return json;
  }

  /**
   * Where the examples are, and how to read them.
   *
   * @param evalFraction the part of the training examples that is held out for evaluation; null for
   *     none
   * @param saysProblemType whether the user said what the labels are
   */
  record DataSettings(
      String train,
      @Nullable String eval,
      @Nullable Double evalFraction,
      DataReader.Columns columns,
      DataReader.OnBadRow onBadRow,
      boolean saysProblemType) {

    private static DataSettings read(
        Section data,
        RecipeKeys.Data keys,
        Task task,
        boolean saysProblemType,
        boolean mustHaveTrain) {
      if (keys.evalFraction() != null) {
        EvalSplit.mustBeFraction(keys.evalFraction());
        if (keys.eval() != null) {
          throw new UsageException(
              "eval_fraction splits the training data where there are no evaluation data: leave it"
                  + " or --eval-data out");
        }
      }
      return new DataSettings(
          mustHaveTrain
              ? data.required("train", "--data")
              : keys.train() == null ? "" : keys.train(),
          keys.eval(),
          keys.evalFraction(),
          ColumnNames.of(data).columns(task),
          OnBadRowNames.of(keys.onBadRow()),
          saysProblemType);
    }
  }
}
