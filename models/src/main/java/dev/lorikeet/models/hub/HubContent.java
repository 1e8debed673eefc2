package dev.lorikeet.models.hub;

import dev.lorikeet.torch.LorikeetException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/** What is fetched of a repository, which may hold the same weights in many formats. */
enum HubContent {
  /** A checkpoint: settings, tokenizer, and weights as safetensors. */
  MODEL("config.json", "model.safetensors"),

  /** A checkpoint's settings alone. */
  CONFIG("config.json", "config.json"),

  /** PEFT's two files, the tokenizer, and what Lorikeet wrote beside them. */
  ADAPTER("adapter_config.json", "adapter_model.safetensors");

  /** Names the shards of weights that are several files. */
  static final String INDEX = "model.safetensors.index.json";

  private static final List<String> SMALL =
      List.of(
          "generation_config.json",
          "tokenizer.json",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "added_tokens.json",
          "vocab.txt",
          "vocab.json",
          "merges.txt",
          "spiece.model",
          "sentencepiece.bpe.model",
          "tokenizer.model",
          "chat_template.jinja",
          "preprocessor_config.json",
          "lorikeet.json");

  private static final Pattern PICKLE = Pattern.compile("[^/]*\\.(bin|pt|pth|ckpt)");

  private final String config;
  private final String weights;

  HubContent(String config, String weights) {
    this.config = config;
    this.weights = weights;
  }

  String config() {
    return config;
  }

  String weights() {
    return weights;
  }

  /**
   * The files to fetch, small ones first, the weights last: they, or the index of their shards,
   * which are fetched after it.
   *
   * @param files all of the repository
   * @throws LorikeetException when it has no such content, or pickles only
   */
  List<String> select(HubName name, List<String> files) {
    String last = this == CONFIG ? config : weightsOf(name, files);
    if (!files.contains(config)) {
      throw new LorikeetException(name + " has no " + config + ": is it a repository of models?");
    }
    if (this == CONFIG) {
      return List.of(config);
    }
    List<String> selected = new ArrayList<>(List.of(config));
    SMALL.stream().filter(files::contains).forEach(selected::add);
    selected.add(last);
    return selected;
  }

  private String weightsOf(HubName name, List<String> files) {
    if (files.contains(weights)) {
      return weights;
    }
    if (this == MODEL && files.contains(INDEX)) {
      return INDEX;
    }
    if (this == MODEL && files.contains(ADAPTER.config)) {
      throw new LorikeetException(
          name + " holds an adapter, not a model: give it as --adapter, and its base as --model");
    }
    Optional<String> pickle =
        files.stream().filter(file -> PICKLE.matcher(file).matches()).findFirst();
    if (pickle.isPresent()) {
      throw new LorikeetException(
          name
              + " has its weights in "
              + SafeNames.shown(pickle.get())
              + " only, and opening a pickle can run any code: convert it to safetensors"
              + " (transformers: model.save_pretrained(folder, safe_serialization=True)), or look"
              + " for a revision that has them (often refs/pr/1)");
    }
    throw new LorikeetException(
        name + " has no " + weights + (this == MODEL ? ", nor " + INDEX : ""));
  }
}
