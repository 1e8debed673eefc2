package dev.lorikeet.cli;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

/**
 * The flags of training. Each sets a key of the recipe, over what the recipe's file says; {@code
 * --set} comes last and reaches every key.
 */
@Command
final class TrainFlags {
  private final RecipeTree flags = new RecipeTree();

  @Mixin private final RateFlags rates = new RateFlags();
  @Mixin private final RegularizationFlags regularization = new RegularizationFlags();

  @Parameters(arity = "0..1", paramLabel = "RECIPE", description = "A YAML recipe.")
  private @Nullable Path recipe;

  @Option(
      names = "--set",
      order = 199,
      paramLabel = "KEY=VALUE",
      description = "Set any key of the recipe.")
  private List<String> assignments = List.of();

  /** The recipe's keys, the flags' over the file's. */
  RecipeTree tree() {
    return tree(null);
  }

  /** The recipe's keys, that file's where one is given. */
  RecipeTree tree(@Nullable Path other) {
    RecipeTree tree = new RecipeTree();
    for (Path file : Arrays.asList(recipe, other)) {
      if (file != null) {
        tree.load(file);
      }
    }
    tree.merge(flags);
    tree.merge(regularization.tree());
    tree.merge(rates.tree());
    assignments.forEach(tree::assign);
    return tree;
  }

  /** The recipe's key that a flag sets; null where it is none, or sets several. */
  static @Nullable String keyOf(String flag) {
    if (flag.equals("--set")) {
      return null;
    }
    TrainFlags fresh = new TrainFlags();
    try {
      CommandLine command = new CommandLine(fresh);
      OptionSpec option = command.getCommandSpec().findOption(flag);
      command.parseArgs(option == null || option.arity().max() == 0 ? flag : flag + "=0");
    } catch (ParameterException e) {
      return null;
    }
    return fresh.tree().onlyPath();
  }

  @Option(
      names = "--model",
      order = 101,
      paramLabel = "MODEL",
      description = "A checkpoint's folder, or ORG/NAME[@REVISION] on the hub.")
  void model(String value) {
    flags.set("model", value);
  }

  @Option(
      names = "--output",
      order = 102,
      paramLabel = "DIR",
      description = "Where to write the result.")
  void output(String value) {
    flags.set("output", value);
  }

  @Option(
      names = "--data",
      order = 201,
      paramLabel = "FILE",
      description =
          "Training examples: .jsonl, .json, .csv, .tsv, .txt, .conll (also .gz, .zst), .parquet,"
              + " a folder, - or sql:QUERY.")
  void data(String value) {
    flags.set("data.train", value);
  }

  @Option(
      names = "--eval-data",
      order = 202,
      paramLabel = "FILE",
      description = "Evaluation examples.")
  void evalData(String value) {
    flags.set("data.eval", value);
  }

  @Option(
      names = "--eval-fraction",
      order = 203,
      paramLabel = "PART",
      description = "Without --eval-data: hold this part of the training examples out, by label.")
  void evalFraction(String value) {
    flags.set("data.eval_fraction", value);
  }

  @Option(
      names = "--task",
      order = 204,
      paramLabel = "TASK",
      description =
          "sequence-classification, token-classification, image-classification, masked-lm,"
              + " causal-lm or seq2seq-lm.")
  void task(String value) {
    flags.set("task", value);
  }

  @Option(
      names = "--problem-type",
      order = 205,
      paramLabel = "TYPE",
      description = "single_label_classification, multi_label_classification or regression.")
  void problemType(String value) {
    flags.set("problem_type", value);
  }

  @Option(names = "--text", order = 206, paramLabel = "COLUMN", description = "The texts' column.")
  void text(String value) {
    flags.set("data.text", value);
  }

  @Option(
      names = "--text-pair",
      order = 207,
      paramLabel = "COLUMN",
      description = "The second texts' column.")
  void textPair(String value) {
    flags.set("data.text_pair", value);
  }

  @Option(
      names = "--label",
      order = 208,
      paramLabel = "COLUMN[,...]",
      description = "The labels' column; several are columns of 0 and 1, a label each.")
  void label(String value) {
    flags.set("data.label", value);
  }

  @Option(
      names = "--messages",
      order = 209,
      paramLabel = "COLUMN",
      description = "The chats' column.")
  void messages(String value) {
    flags.set("data.messages", value);
  }

  @Option(
      names = "--prompt",
      order = 210,
      paramLabel = "COLUMN",
      description = "The prompts' column.")
  void prompt(String value) {
    flags.set("data.prompt", value);
  }

  @Option(
      names = "--completion",
      order = 211,
      paramLabel = "COLUMN",
      description = "Their completions' column.")
  void completion(String value) {
    flags.set("data.completion", value);
  }

  @Option(
      names = "--target",
      order = 212,
      paramLabel = "COLUMN",
      description = "The target texts' column.")
  void target(String value) {
    flags.set("data.target", value);
  }

  @Option(
      names = "--image",
      order = 213,
      paramLabel = "COLUMN",
      description = "The column of images' files.")
  void image(String value) {
    flags.set("data.image", value);
  }

  @Option(
      names = "--train-on",
      order = 214,
      paramLabel = "assistant|all",
      description = "What of chats, and of prompts with completions, is learned.")
  void trainOn(String value) {
    flags.set("data.train_on", value);
  }

  @Option(
      names = "--on-bad-row",
      order = 215,
      paramLabel = "fail|skip",
      description = "Malformed rows.")
  void onBadRow(String value) {
    flags.set("data.on_bad_row", value);
  }

  @Option(
      names = "--max-length",
      order = 216,
      paramLabel = "TOKENS",
      description = "Cut texts to this.")
  void maxLength(String value) {
    flags.set("data.max_length", value);
  }

  @Option(
      names = "--pad-token",
      order = 217,
      paramLabel = "TOKEN",
      description = "Classifying with a decoder that has no padding token: use this one.")
  void padToken(String value) {
    flags.set("pad_token", value);
  }

  @Option(
      names = "--method",
      order = 301,
      paramLabel = "METHOD",
      description =
          "lora, adalora, ia3, vera, loha, lokr, oft, prompt, ptuning, prefix, ln_tuning, bitfit,"
              + " full, probe or scratch.")
  void method(String value) {
    flags.set("method", value);
  }

  @Option(names = "--rank", order = 302, paramLabel = "R", description = "The adapter's rank, r.")
  void rank(String value) {
    flags.set("adapter.r", value);
  }

  @Option(names = "--alpha", order = 303, paramLabel = "ALPHA", description = "lora_alpha.")
  void alpha(String value) {
    flags.set("adapter.lora_alpha", value);
  }

  @Option(names = "--dropout", order = 304, paramLabel = "P", description = "lora_dropout.")
  void dropout(String value) {
    flags.set("adapter.lora_dropout", value);
  }

  @Option(
      names = "--target-modules",
      order = 305,
      paramLabel = "TARGETS",
      description = "all-linear, names between commas, or a regular expression.")
  void targetModules(String value) {
    flags.set("adapter.target_modules", value);
  }

  @Option(
      names = "--exclude-modules",
      order = 306,
      paramLabel = "TARGETS",
      description = "Leave these out.")
  void excludeModules(String value) {
    flags.set("adapter.exclude_modules", value);
  }

  @Option(
      names = "--modules-to-save",
      order = 307,
      paramLabel = "MODULES",
      description = "Train and save these whole.")
  void modulesToSave(String value) {
    flags.set("adapter.modules_to_save", value);
  }

  @Option(
      names = "--bias",
      order = 308,
      paramLabel = "none|all|lora_only",
      description = "Biases to train.")
  void bias(String value) {
    flags.set("adapter.bias", value);
  }

  @Option(names = "--use-rslora", order = 309, description = "Scale by alpha/sqrt(r).")
  void useRslora(boolean value) {
    flags.set("adapter.use_rslora", Boolean.toString(value));
  }

  @Option(
      names = "--preset",
      order = 401,
      paramLabel = "fine-tune|train",
      description = "Defaults: a small rate and few epochs, or a high rate until a plateau.")
  void preset(String value) {
    flags.set("preset", value);
  }

  @Option(names = "--lr", order = 402, paramLabel = "RATE", description = "The learning rate.")
  void lr(String value) {
    flags.set("training.lr", value);
  }

  @Option(
      names = "--lr-group",
      order = 403,
      paramLabel = "PATTERN=RATE",
      description = "Another rate for lora_A, lora_B, head, layer.N or a regular expression.")
  void lrGroup(List<String> values) {
    values.forEach(
        value -> {
          int equals = value.lastIndexOf('=');
          flags.setEntry(
              "training.groups",
              equals < 0 ? value : value.substring(0, equals),
              equals < 0 ? "" : value.substring(equals + 1));
        });
  }

  @Option(
      names = "--optimizer",
      order = 404,
      paramLabel = "NAME",
      description = "adamw, adam, sgd, rmsprop, adagrad, adafactor or lion.")
  void optimizer(String value) {
    flags.set("training.optimizer", value);
  }

  @Option(names = "--epochs", order = 405, paramLabel = "N", description = "Passes over the data.")
  void epochs(String value) {
    flags.set("training.epochs", value);
  }

  @Option(names = "--batch-size", order = 406, paramLabel = "N", description = "Examples a batch.")
  void batchSize(String value) {
    flags.set("training.batch_size", value);
  }

  @Option(
      names = "--gradient-accumulation",
      order = 407,
      paramLabel = "N",
      description = "Batches a step.")
  void gradientAccumulation(String value) {
    flags.set("training.gradient_accumulation", value);
  }

  @Option(
      names = "--max-tokens-per-pass",
      order = 408,
      paramLabel = "N",
      description = "Larger batches go through the model in parts; 0 for never.")
  void maxTokensPerPass(String value) {
    flags.set("training.max_tokens_per_pass", value);
  }

  @Option(
      names = "--warmup-ratio",
      order = 409,
      paramLabel = "SHARE",
      description = "Steps of warm-up.")
  void warmupRatio(String value) {
    flags.set("training.warmup_ratio", value);
  }

  @Option(names = "--warmup-steps", order = 410, paramLabel = "N", description = "Or their number.")
  void warmupSteps(String value) {
    flags.set("training.warmup_steps", value);
  }

  @Option(
      names = "--schedule",
      order = 411,
      paramLabel = "NAME",
      description = "linear, cosine, constant ...: transformers' lr_scheduler_type, or one_cycle.")
  void schedule(String value) {
    flags.set("training.schedule", value);
  }

  @Option(names = "--weight-decay", order = 412, paramLabel = "RATE", description = "Of matrices.")
  void weightDecay(String value) {
    flags.set("training.weight_decay", value);
  }

  @Option(
      names = "--max-grad-norm",
      order = 413,
      paramLabel = "NORM",
      description = "Clip; 0 for never.")
  void maxGradNorm(String value) {
    flags.set("training.max_grad_norm", value);
  }

  @Option(
      names = "--max-steps",
      order = 414,
      paramLabel = "N",
      description = "End after N steps, whatever the epochs.")
  void maxSteps(String value) {
    flags.set("training.max_steps", value);
  }

  @Option(
      names = "--eval-strategy",
      order = 501,
      paramLabel = "no|steps|epoch",
      description = "When to evaluate.")
  void evalStrategy(String value) {
    flags.set("training.eval_strategy", value);
  }

  @Option(
      names = "--eval-steps",
      order = 502,
      paramLabel = "N",
      description = "Steps from evaluation to evaluation.")
  void evalSteps(String value) {
    flags.set("training.eval_steps", value);
  }

  @Option(
      names = "--eval-on-start",
      order = 503,
      description = "Evaluate before the first step, too.")
  void evalOnStart(boolean value) {
    flags.set("training.eval_on_start", Boolean.toString(value));
  }

  @Option(
      names = "--keep-best",
      order = 504,
      paramLabel = "true|false",
      description = "Keep the best evaluation's weights, or the last step's.")
  void keepBest(String value) {
    flags.set("training.keep_best", value);
  }

  @Option(
      names = "--metric-for-best-model",
      order = 505,
      paramLabel = "METRIC",
      description = "What evaluations are compared by.")
  void metricForBestModel(String value) {
    flags.set("training.metric_for_best_model", value);
  }

  @Option(
      names = "--greater-is-better",
      order = 506,
      paramLabel = "true|false",
      description = "Of that metric; known for those of Lorikeet's own.")
  void greaterIsBetter(String value) {
    flags.set("training.greater_is_better", value);
  }

  @Option(
      names = "--early-stopping-patience",
      order = 507,
      paramLabel = "N",
      description = "End after N evaluations in a row without a gain.")
  void earlyStoppingPatience(String value) {
    flags.set("training.early_stopping_patience", value);
  }

  @Option(
      names = "--early-stopping-threshold",
      order = 508,
      paramLabel = "GAIN",
      description = "A gain must be above this.")
  void earlyStoppingThreshold(String value) {
    flags.set("training.early_stopping_threshold", value);
  }

  @Option(
      names = "--save-strategy",
      order = 601,
      paramLabel = "no|steps|epoch",
      description = "When to save a checkpoint to resume from.")
  void saveStrategy(String value) {
    flags.set("training.save_strategy", value);
  }

  @Option(
      names = "--save-steps",
      order = 602,
      paramLabel = "N",
      description = "Steps from checkpoint to checkpoint.")
  void saveSteps(String value) {
    flags.set("training.save_steps", value);
  }

  @Option(
      names = "--save-total-limit",
      order = 603,
      paramLabel = "N",
      description = "Keep the N newest checkpoints; 0 for all.")
  void saveTotalLimit(String value) {
    flags.set("training.save_total_limit", value);
  }

  @Option(
      names = "--cache-features",
      order = 701,
      paramLabel = "true|false",
      description = "Compute a frozen trunk once for all epochs (default: true).")
  void cacheFeatures(String value) {
    flags.set("training.cache_features", value);
  }

  @Option(
      names = "--cache-frozen-layers",
      order = 702,
      description = "Compute what the first trained layer reads once for all epochs.")
  void cacheFrozenLayers(boolean value) {
    flags.set("training.cache_frozen_layers", Boolean.toString(value));
  }

  @Option(
      names = "--mlm-probability",
      order = 703,
      paramLabel = "P",
      description = "For masked-lm: the part of the tokens to find; unless given, 0.15.")
  void mlmProbability(String value) {
    flags.set("training.mlm_probability", value);
  }

  @Option(
      names = "--whole-word-mask",
      order = 704,
      description = "For masked-lm: mask whole words.")
  void wholeWordMask(boolean value) {
    flags.set("training.whole_word_mask", Boolean.toString(value));
  }

  @Option(
      names = "--packing",
      order = 705,
      description = "Lay documents one after the other into rows.")
  void packing(boolean value) {
    flags.set("training.packing", Boolean.toString(value));
  }

  @Option(
      names = "--gradient-checkpointing",
      order = 706,
      description = "Compute activations again instead of keeping them: less memory, more time.")
  void gradientCheckpointing(boolean value) {
    flags.set("training.gradient_checkpointing", Boolean.toString(value));
  }

  @Option(
      names = "--logging-steps",
      order = 801,
      paramLabel = "N",
      description = "Log every so many steps.")
  void loggingSteps(String value) {
    flags.set("training.logging_steps", value);
  }

  @Option(
      names = "--report-to",
      order = 802,
      paramLabel = "TRACKERS",
      description = "tensorboard, mlflow, both with a comma between them, or none.")
  void reportTo(String value) {
    flags.set("training.report_to", value);
  }

  @Option(
      names = "--logging-dir",
      order = 803,
      paramLabel = "DIR",
      description = "For TensorBoard; unless given, runs in the output.")
  void loggingDir(String value) {
    flags.set("training.logging_dir", value);
  }

  @Option(
      names = "--run-name",
      order = 804,
      paramLabel = "NAME",
      description = "What trackers call the run.")
  void runName(String value) {
    flags.set("training.run_name", value);
  }

  @Option(
      names = "--precision",
      order = 901,
      paramLabel = "TYPE",
      description = "float32, bfloat16, float16 or auto.")
  void precision(String value) {
    flags.set("precision", value);
  }

  @Option(
      names = "--device",
      order = 902,
      paramLabel = "DEVICE",
      description = "auto, cpu or cuda:N.")
  void device(String value) {
    flags.set("device", value);
  }

  @Option(
      names = "--threads",
      order = 903,
      paramLabel = "N",
      description = "CPU threads; unless given, OMP_NUM_THREADS, else all CPUs.")
  void threads(String value) {
    flags.set("threads", value);
  }

  @Option(
      names = "--seed",
      order = 904,
      paramLabel = "N",
      description = "Of everything that is drawn.")
  void seed(String value) {
    flags.set("seed", value);
  }

  @Option(
      names = "--initialization",
      order = 1001,
      paramLabel = "NAME",
      description = "Of weights from scratch: paper, xavier or he.")
  void initialization(String value) {
    flags.set("initialization", value);
    flags.set("baseline.initialization", value);
  }

  @Option(
      names = "--baseline",
      order = 1002,
      paramLabel = "scratch",
      description = "What to compare with.")
  void baseline(String value) {
    flags.set("baseline.kind", value);
  }

  @Option(
      names = "--baseline-lr",
      order = 1003,
      paramLabel = "RATE",
      description = "Its learning rate.")
  void baselineLr(String value) {
    flags.set("baseline.lr", value);
  }
}
