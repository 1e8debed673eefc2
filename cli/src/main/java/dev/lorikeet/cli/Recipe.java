package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterConfig;
import dev.lorikeet.adapters.AdapterMethod;
import dev.lorikeet.adapters.AdapterMethods;
import dev.lorikeet.adapters.Bias;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.adapters.TrainableTokens;
import dev.lorikeet.compare.FineTuningConfig;
import dev.lorikeet.compare.Regime;
import dev.lorikeet.data.DataReader;
import dev.lorikeet.data.EvalSplit;
import dev.lorikeet.data.TrainOn;
import dev.lorikeet.lora.EvaConfig;
import dev.lorikeet.lora.LoftqConfig;
import dev.lorikeet.lora.LoraConfig;
import dev.lorikeet.lora.LoraInit;
import dev.lorikeet.models.Initialization;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.Task;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.FreezeConfig;
import dev.lorikeet.training.RateConfig;
import dev.lorikeet.training.TrainingConfig;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
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

  /** The learning rate of a baseline from scratch: below the adapter's, since all weights move. */
  private static final double BASELINE_LR = 5e-4;

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
    String output = root.text("output", null);
    FineTuningConfig defaults = FineTuningConfig.DEFAULT;
    long seed = root.longInteger("seed", defaults.training().seed());
    Device device = Device.of(text(root, "device", "auto"));
    Section data = root.section("data");
    Task task = Task.of(text(root, "task", defaults.task().id()));
    DataSettings dataSettings =
        DataSettings.read(data, task, root.has("problem_type"), mustHaveData);
    ProblemType problemType =
        ProblemType.of(
            text(root, "problem_type", problemType(dataSettings.columns(), defaults).id()));
    String method = text(root, "method", defaults.method());
    Regime regime = Regime.of(method);
    Section adapter = root.section("adapter");
    Section training = root.section("training");
    TrainingConfig trainingConfig =
        TrainingSection.read(
                training,
                Preset.over(
                    startingFrom(defaults.training(), regime), root.text("preset", null), regime))
            .withSeed(seed);
    FineTuningConfig config =
        new FineTuningConfig(
            task,
            problemType,
            regime,
            adapter(adapter, method),
            trainingConfig,
            Initialization.of(text(root, "initialization", defaults.initialization().id())),
            data.integer("max_length", defaults.maxLength()),
            TrainOn.of(text(data, "train_on", defaults.trainOn().id())),
            Precision.of(text(root, "precision", "float32"), device),
            device,
            root.text("pad_token", null));
    Section baseline = root.section("baseline");
    Recipe recipe =
        new Recipe(
            model,
            output == null ? null : Path.of(output),
            dataSettings,
            config,
            allAtOneRate(trainingConfig, baseline.number("lr", BASELINE_LR)),
            Initialization.of(text(baseline, "initialization", Initialization.PAPER.id())),
            root.integer("threads", CpuThreads.unlessGiven()));
    baseline(baseline);
    List<Section> sections = List.of(data, adapter, training, baseline, root);
    for (Section section : sections) {
      section.done(sections);
    }
    return recipe;
  }

  /** Several columns of labels can only be labels of which several hold. */
  private static ProblemType problemType(DataReader.Columns columns, FineTuningConfig defaults) {
    return columns.labels().size() > 1 ? ProblemType.MULTI_LABEL : defaults.problemType();
  }

  /** The one baseline there is; other names are mistakes. */
  private static void baseline(Section baseline) {
    Regime kind = Regime.of(text(baseline, "kind", Regime.SCRATCH.id()));
    if (kind != Regime.SCRATCH) {
      throw new UsageException("baseline " + kind.id() + " is not built: use scratch");
    }
  }

  /** The settings of an adapter method; where nothing is adapted, LoRA's, which nobody reads. */
  private static AdapterConfig adapter(Section adapter, String method) {
    AdapterMethod other = AdapterMethods.ofId(method).orElse(null);
    return other == null || other.peftType().equals(LoraConfig.DEFAULT.peftType())
        ? lora(adapter, LoraConfig.DEFAULT)
        : AdapterSection.read(adapter, other);
  }

  private static TrainingConfig startingFrom(TrainingConfig defaults, Regime regime) {
    return regime == Regime.SCRATCH ? defaults.withLr(BASELINE_LR, List.of()) : defaults;
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

  private static LoraConfig lora(Section adapter, LoraConfig defaults) {
    Map<String, Integer> ranks = new LinkedHashMap<>();
    adapter
        .entries("rank_pattern")
        .forEach((key, value) -> ranks.put(key, adapter.integer("rank_pattern." + key, value)));
    Map<String, Double> alphas = new LinkedHashMap<>();
    adapter
        .entries("alpha_pattern")
        .forEach((key, value) -> alphas.put(key, adapter.number("alpha_pattern." + key, value)));
    return defaults
        .but()
        .r(adapter.integer("r", defaults.r()))
        .loraAlpha(adapter.number("lora_alpha", defaults.loraAlpha()))
        .loraDropout(adapter.number("lora_dropout", defaults.loraDropout()))
        .targets(AdapterSection.targets(adapter, Targets.allLinear()))
        .rankPattern(ranks)
        .alphaPattern(alphas)
        .bias(Bias.of(text(adapter, "bias", defaults.bias().id())))
        .modulesToSave(adapter.texts("modules_to_save"))
        .useRslora(adapter.flag("use_rslora", defaults.useRslora()))
        .init(init(adapter, defaults.init()))
        .useDora(adapter.flag("use_dora", defaults.useDora()))
        .loraBias(adapter.flag("lora_bias", defaults.loraBias()))
        .trainableTokens(TrainableTokens.of(adapter.integers("trainable_token_indices")))
        .ensureWeightTying(adapter.flag("ensure_weight_tying", defaults.ensuresWeightTying()))
        .build();
  }

  private static LoraInit init(Section adapter, LoraInit otherwise) {
    LoraInit init = LoraInit.of(text(adapter, "init_lora_weights", otherwise.id()));
    if (init.kind() == LoraInit.Kind.LOFTQ) {
      Section loftq = adapter.section("loftq_config");
      LoftqConfig config =
          new LoftqConfig(
              loftq.integer("loftq_bits", init.loftq().bits()),
              loftq.integer("loftq_iter", init.loftq().iterations()));
      loftq.done();
      return init.with(config, init.eva());
    }
    if (init.kind() == LoraInit.Kind.EVA) {
      Section eva = adapter.section("eva_config");
      EvaConfig config =
          new EvaConfig(
              eva.number("rho", init.eva().rho()),
              eva.number("tau", init.eva().tau()),
              eva.flag("use_label_mask", init.eva().useLabelMask()),
              eva.flag("whiten", init.eva().whiten()),
              eva.flag("adjust_scaling_factors", init.eva().adjustScalingFactors()));
      eva.done();
      return init.with(init.loftq(), config);
    }
    return init;
  }

  private static String text(Section section, String key, String otherwise) {
    String text = section.text(key, otherwise);
    return text == null ? otherwise : text;
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
    json.set("training", TrainingSection.json(config.training()));
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
        Section data, Task task, boolean saysProblemType, boolean mustHaveTrain) {
      Double evalFraction =
          data.has("eval_fraction") ? (Double) data.number("eval_fraction", 0) : null;
      if (evalFraction != null) {
        EvalSplit.mustBeFraction(evalFraction);
        if (data.has("eval")) {
          throw new UsageException(
              "eval_fraction splits the training data where there are no evaluation data: leave it"
                  + " or --eval-data out");
        }
      }
      return new DataSettings(
          mustHaveTrain ? data.required("train", "--data") : text(data, "train", ""),
          data.text("eval", null),
          evalFraction,
          ColumnNames.of(data).columns(task),
          OnBadRowNames.of(text(data, "on_bad_row", "fail")),
          saysProblemType);
    }
  }
}
