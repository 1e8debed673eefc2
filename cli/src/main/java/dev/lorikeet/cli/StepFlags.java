package dev.lorikeet.cli;

import java.util.List;
import picocli.CommandLine.Option;

/**
 * The flags of training that say how the steps go: their rate, number and batches, and what passes
 * keep. Each sets a key of the recipe.
 */
final class StepFlags {
  private final RecipeTree flags = new RecipeTree();

  /** The recipe's keys that were typed. */
  RecipeTree tree() {
    return flags;
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
}
