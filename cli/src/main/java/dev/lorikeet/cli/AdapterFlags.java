package dev.lorikeet.cli;

import picocli.CommandLine.Option;

/**
 * The flags of training that say by which method, with which settings of the adapter. Each sets a
 * key of the recipe.
 */
final class AdapterFlags {
  private final RecipeTree flags = new RecipeTree();

  /** The recipe's keys that were typed. */
  RecipeTree tree() {
    return flags;
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
}
