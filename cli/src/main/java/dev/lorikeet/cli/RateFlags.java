package dev.lorikeet.cli;

import picocli.CommandLine.Option;

/** The flags of training that say what learns, where, how fast. Each sets a key of the recipe. */
final class RateFlags {
  private final RecipeTree flags = new RecipeTree();

  /** The recipe's keys that were typed. */
  RecipeTree tree() {
    return flags;
  }

  @Option(
      names = "--layer-lr-decay",
      order = 1101,
      paramLabel = "FACTOR",
      description = "Each layer below the head learns so much slower.")
  void layerLrDecay(String value) {
    flags.set("training.layer_lr_decay", value);
  }

  @Option(
      names = "--head-lr-multiplier",
      order = 1102,
      paramLabel = "FACTOR",
      description = "The head's rate over the others'.")
  void headLrMultiplier(String value) {
    flags.set("training.head_lr_multiplier", value);
  }

  @Option(
      names = "--loraplus-lr-ratio",
      order = 1103,
      paramLabel = "RATIO",
      description = "LoRA+: the rate of lora_B over that of lora_A.")
  void loraplusLrRatio(String value) {
    flags.set("training.loraplus_lr_ratio", value);
  }

  @Option(
      names = "--loraplus-lr-embedding",
      order = 1104,
      paramLabel = "RATE",
      description = "LoRA+: the rate of LoRA on embeddings.")
  void loraplusLrEmbedding(String value) {
    flags.set("training.loraplus_lr_embedding", value);
  }

  @Option(names = "--lora-fa", order = 1105, description = "Leave lora_A as it is drawn.")
  void loraFa(boolean value) {
    flags.set("training.lora_fa", Boolean.toString(value));
  }

  @Option(
      names = "--freeze-layers",
      order = 1106,
      paramLabel = "N",
      description = "Leave the first N layers as they are.")
  void freezeLayers(String value) {
    flags.set("training.freeze_layers", value);
  }

  @Option(
      names = "--freeze-embeddings",
      order = 1107,
      description = "Leave the embeddings as they are.")
  void freezeEmbeddings(boolean value) {
    flags.set("training.freeze_embeddings", Boolean.toString(value));
  }

  @Option(
      names = "--unfreeze-epochs",
      order = 1108,
      paramLabel = "N",
      description = "Thaw a layer more every N epochs, from the head down.")
  void unfreezeEpochs(String value) {
    flags.set("training.unfreeze_epochs", value);
  }

  @Option(
      names = "--unfreeze-steps",
      order = 1109,
      paramLabel = "N",
      description = "Or every N steps.")
  void unfreezeSteps(String value) {
    flags.set("training.unfreeze_steps", value);
  }
}
