package dev.lorikeet.cli;

import picocli.CommandLine.Option;

/**
 * The flags of training that say which examples are learned, and how they are read. Each sets a key
 * of the recipe.
 */
final class ExampleFlags {
  private final RecipeTree flags = new RecipeTree();

  /** The recipe's keys that were typed. */
  RecipeTree tree() {
    return flags;
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
}
