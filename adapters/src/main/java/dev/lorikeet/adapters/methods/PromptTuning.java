package dev.lorikeet.adapters.methods;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterMethod;
import dev.lorikeet.adapters.InputAdapter;
import dev.lorikeet.adapters.InputConfig;
import dev.lorikeet.adapters.Settings;
import dev.lorikeet.models.EmbeddingSlot;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.TextTokenizer;
import dev.lorikeet.models.settings.Setting;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Prompt tuning: vectors in front of the embedded tokens are all that is trained (Lester et al.
 * 2021, arXiv:2104.08691, §2).
 *
 * @param tokens how many, and how wide
 */
public record PromptTuning(
    VirtualTokens tokens,
    @Setting(value = "How the vectors start.", key = "prompt_tuning_init") Init init,
    @Setting(value = "For TEXT: what they start as.", key = "prompt_tuning_init_text") String text,
    @Setting(
            value = "The folder of its tokenizer; where there is none, the model's.",
            key = "tokenizer_name_or_path")
        String tokenizer)
    implements InputConfig {

  /** How a prompt starts. */
  public enum Init {
    /** N(0, 1). */
    RANDOM,
    /** The embeddings of random tokens. */
    SAMPLE_VOCAB,
    /** The embeddings of a text. */
    TEXT;

    static Init of(String id) {
      return Arrays.stream(values())
          .filter(init -> init.name().equals(id.toUpperCase(Locale.ROOT)))
          .findFirst()
          .orElseThrow(
              () ->
                  new UsageException(
                      "prompt_tuning_init \""
                          + id
                          + "\" is unknown: use RANDOM, SAMPLE_VOCAB or"
                          + " TEXT"));
    }
  }

  public PromptTuning {
    if (init == Init.TEXT && text.isEmpty()) {
      throw new UsageException(
          "prompt_tuning_init is TEXT, and there is no prompt_tuning_init_text: give one");
    }
  }

  /** Prompt tuning as PEFT calls it. */
  public static final class Method implements AdapterMethod {
    @Override
    public String peftType() {
      return "PROMPT_TUNING";
    }

    @Override
    public String id() {
      return "prompt";
    }

    @Override
    public PromptTuning read(ObjectNode json) {
      Settings settings = new Settings(json);
      settings.mustBeOff("tokenizer_kwargs");
      return new PromptTuning(
          VirtualTokens.read(settings),
          Init.of(settings.text("prompt_tuning_init", "RANDOM")),
          settings.text("prompt_tuning_init_text", ""),
          settings.text("tokenizer_name_or_path", ""));
    }
  }

  @Override
  public String peftType() {
    return "PROMPT_TUNING";
  }

  @Override
  public List<String> modulesToSave() {
    return tokens.modulesToSave();
  }

  @Override
  public PromptTuning with(List<String> modulesToSave) {
    return new PromptTuning(tokens.with(modulesToSave), init, text, tokenizer);
  }

  @Override
  public PromptTuning resolvedFor(ModelConfig model) {
    return new PromptTuning(tokens.of(model), init, text, tokenizer);
  }

  @Override
  public ObjectNode json() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    tokens.write(json);
    json.put("prompt_tuning_init", init.name());
    json.put("prompt_tuning_init_text", text.isEmpty() ? null : text);
    json.put("tokenizer_name_or_path", tokenizer.isEmpty() ? null : tokenizer);
    json.putNull("tokenizer_kwargs");
    return json;
  }

  @Override
  public InputAdapter input(Model model, boolean stored) {
    SoftPrompt.mustFit(model, peftType());
    try (Scope scope = Scope.open()) {
      Tensor start =
          stored || init == Init.RANDOM
              ? Tensor.normal(0, 1, tokens.count(), tokens.width())
              : words(model).index(0, ids(model)).to(DType.FLOAT32);
      Tensor placed = start.to(model.mode().device());
      return SoftPrompt.of(new Parameter("prompt_embeddings", placed, model.weightScope()));
    }
  }

  /** The tokens whose embeddings the prompt starts as, [V], int64. */
  private Tensor ids(Model model) {
    Tensor table = words(model);
    if (init == Init.SAMPLE_VOCAB) {
      Tensor draws = Tensor.uniform(0, 1, tokens.count()).mul((double) table.size(0));
      return draws.to(DType.INT64).to(table.device()); // rounds down
    }
    long[] own = Arrays.stream(encode(model)).asLongStream().toArray();
    long[] repeated = new long[tokens.count()];
    Arrays.setAll(repeated, i -> own[i % own.length]);
    return Tensor.of(repeated, repeated.length).to(table.device());
  }

  private int[] encode(Model model) {
    Path folder = Path.of(tokenizer);
    if (tokenizer.isEmpty() || !Files.isDirectory(folder)) {
      if (model.checkpoint() == null) {
        throw new LorikeetException(
            "tokenizer_name_or_path \"" + tokenizer + "\" is not a folder: give a tokenizer's");
      }
      folder = model.checkpoint().folder();
    }
    try (TextTokenizer read = TextTokenizer.open(folder)) {
      return read.encode(text, null, Integer.MAX_VALUE).ids();
    }
  }

  private static Tensor words(Model model) {
    int rows = model.config().integer("vocab_size");
    return model.embeddings().values().stream()
        .map(EmbeddingSlot::weight)
        .map(Parameter::value)
        .filter(table -> table.size(0) == rows)
        .findFirst()
        .orElseThrow();
  }
}
