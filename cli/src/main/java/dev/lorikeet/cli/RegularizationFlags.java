package dev.lorikeet.cli;

import java.util.List;
import picocli.CommandLine.Option;

/**
 * The flags of training that regularise, and say what bad steps do. Each sets a key of the recipe.
 */
final class RegularizationFlags {
  private final RecipeTree flags = new RecipeTree();

  /** The recipe's keys that were typed. */
  RecipeTree tree() {
    return flags;
  }

  @Option(
      names = "--label-smoothing-factor",
      order = 1201,
      paramLabel = "PART",
      description = "Spread this part of a label over all classes.")
  void labelSmoothingFactor(String value) {
    flags.set("training.label_smoothing_factor", value);
  }

  @Option(
      names = "--class-weights",
      order = 1202,
      paramLabel = "balanced|LABEL=WEIGHT",
      description = "How much a class's labels count.")
  void classWeights(List<String> values) {
    values.forEach(
        value -> {
          int equals = value.lastIndexOf('=');
          if (equals < 0) {
            flags.set("training.class_weights", value);
          } else {
            flags.setEntry(
                "training.class_weights", value.substring(0, equals), value.substring(equals + 1));
          }
        });
  }

  @Option(names = "--focal-gamma", order = 1203, paramLabel = "GAMMA", description = "Focal loss.")
  void focalGamma(String value) {
    flags.set("training.focal_gamma", value);
  }

  @Option(
      names = "--neftune-noise-alpha",
      order = 1204,
      paramLabel = "ALPHA",
      description = "Noise on embedded tokens.")
  void neftuneNoiseAlpha(String value) {
    flags.set("training.neftune_noise_alpha", value);
  }

  @Option(
      names = "--ema-decay",
      order = 1205,
      paramLabel = "DECAY",
      description = "Keep averaged weights.")
  void emaDecay(String value) {
    flags.set("training.ema_decay", value);
  }

  @Option(names = "--ema-warmup", order = 1206, description = "With a decay that starts low.")
  void emaWarmup(boolean value) {
    flags.set("training.ema_warmup", Boolean.toString(value));
  }

  @Option(
      names = "--average-last-epochs",
      order = 1207,
      paramLabel = "N",
      description = "Keep the mean of the last N epochs.")
  void averageLastEpochs(String value) {
    flags.set("training.average_last_epochs", value);
  }

  @Option(
      names = "--mixout",
      order = 1208,
      paramLabel = "P",
      description = "Return elements of the weights to the checkpoint's.")
  void mixout(String value) {
    flags.set("training.mixout", value);
  }

  @Option(
      names = "--hidden-dropout",
      order = 1209,
      paramLabel = "P",
      description = "In place of that in config.json.")
  void hiddenDropout(String value) {
    flags.set("training.dropout", value);
  }

  @Option(
      names = "--attention-dropout",
      order = 1210,
      paramLabel = "P",
      description = "In place of that in config.json.")
  void attentionDropout(String value) {
    flags.set("training.attention_dropout", value);
  }

  @Option(
      names = "--classifier-dropout",
      order = 1211,
      paramLabel = "P",
      description = "In place of that in config.json.")
  void classifierDropout(String value) {
    flags.set("training.classifier_dropout", value);
  }

  @Option(
      names = "--word-dropout",
      order = 1212,
      paramLabel = "P",
      description = "Leave words out, others in each epoch.")
  void wordDropout(String value) {
    flags.set("training.word_dropout", value);
  }

  @Option(
      names = "--word-swap",
      order = 1213,
      paramLabel = "P",
      description = "Exchange neighbouring words.")
  void wordSwap(String value) {
    flags.set("training.word_swap", value);
  }

  @Option(names = "--token-masking", order = 1214, paramLabel = "P", description = "Mask tokens.")
  void tokenMasking(String value) {
    flags.set("training.token_masking", value);
  }

  @Option(
      names = "--l1-penalty",
      order = 1215,
      paramLabel = "RATE",
      description = "Added to the gradients of matrices: rate times sign.")
  void l1Penalty(String value) {
    flags.set("training.l1_penalty", value);
  }

  @Option(
      names = "--l2-penalty",
      order = 1216,
      paramLabel = "RATE",
      description = "Added to the gradients of matrices: rate times weight.")
  void l2Penalty(String value) {
    flags.set("training.l2_penalty", value);
  }

  @Option(
      names = "--on-nan",
      order = 1217,
      paramLabel = "stop|skip",
      description = "Steps with NaN.")
  void onNan(String value) {
    flags.set("training.on_nan", value);
  }

  @Option(
      names = "--max-nan-steps",
      order = 1218,
      paramLabel = "N",
      description = "Stop at N bad steps in a row.")
  void maxNanSteps(String value) {
    flags.set("training.max_nan_steps", value);
  }
}
