package dev.lorikeet.models;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lorikeet.torch.LorikeetException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What a DeBERTa's config.json says, under its names.
 *
 * @param distances how distances become rows of the table of relative positions; null without
 *     relative attention
 * @param contentToPosition whether a query looks at distances
 * @param positionToContent whether distances look at a key
 * @param convKernelSize 0 for no convolution
 */
record DebertaV2Config(
    int vocabSize,
    int embeddingSize,
    int hiddenSize,
    int numHiddenLayers,
    int numAttentionHeads,
    int intermediateSize,
    String hiddenAct,
    double hiddenDropoutProb,
    double attentionProbsDropoutProb,
    int maxPositionEmbeddings,
    boolean positionBiasedInput,
    int typeVocabSize,
    double layerNormEps,
    @Nullable LogDistances distances,
    boolean contentToPosition,
    boolean positionToContent,
    boolean shareAttKey,
    boolean normRelEbd,
    int convKernelSize,
    int convGroups,
    String convAct,
    int poolerHiddenSize,
    double poolerDropout,
    String poolerHiddenAct,
    double clsDropout,
    double initializerRange,
    boolean legacy,
    int numLabels) {

  static DebertaV2Config of(ModelConfig json) {
    int width = json.integer("hidden_size");
    int heads = json.integer("num_attention_heads");
    json.mustBe("attention_head_size", Integer.toString(width / Math.max(1, heads)));
    double hiddenDropout = json.number("hidden_dropout_prob", 0.1);
    Set<String> kinds = words(json, "pos_att_type", Set.of("c2p", "p2c"));
    return new DebertaV2Config(
        json.integer("vocab_size"),
        json.integer("embedding_size", width),
        width,
        json.integer("num_hidden_layers"),
        heads,
        json.integer("intermediate_size"),
        json.text("hidden_act", "gelu"),
        hiddenDropout,
        json.number("attention_probs_dropout_prob", 0.1),
        json.integer("max_position_embeddings", 512),
        json.flag("position_biased_input", true),
        json.integer("type_vocab_size", 0),
        json.number("layer_norm_eps", 1e-7),
        json.flag("relative_attention", false) ? LogDistances.of(json) : null,
        kinds.contains("c2p"),
        kinds.contains("p2c"),
        json.flag("share_att_key", false),
        words(json, "norm_rel_ebd", Set.of("none", "layer_norm")).contains("layer_norm"),
        json.integer("conv_kernel_size", 0),
        json.integer("conv_groups", 1),
        json.text("conv_act", "tanh"),
        json.integer("pooler_hidden_size", width),
        json.number("pooler_dropout", 0),
        json.text("pooler_hidden_act", "gelu"),
        json.number("cls_dropout", hiddenDropout),
        json.number("initializer_range", 0.02),
        json.flag("legacy", true),
        json.labelCount());
  }

  DebertaV2Config {
    if (numAttentionHeads < 1 || hiddenSize % numAttentionHeads != 0) {
      throw new LorikeetException(
          "config.json: hidden_size "
              + hiddenSize
              + " is no multiple of num_attention_heads "
              + numAttentionHeads
              + ": is it from this checkpoint?");
    }
    mustBeEqual("pooler_hidden_size", poolerHiddenSize, hiddenSize);
    if (convKernelSize < 0 || (convKernelSize > 0 && convKernelSize % 2 == 0)) {
      throw new LorikeetException(
          "config.json: conv_kernel_size is " + convKernelSize + ": it must be odd, or 0 for none");
    }
  }

  static void mustBeEqual(String key, int value, int hiddenSize) {
    if (value != hiddenSize) {
      throw new LorikeetException(
          "config.json: %s is %d, and only hidden_size, %d, is supported here"
              .formatted(key, value, hiddenSize));
    }
  }

  /** A list, or words with bars between them. */
  private static Set<String> words(ModelConfig json, String key, Set<String> known) {
    JsonNode value = json.get(key);
    List<String> words = new ArrayList<>();
    value.forEach(word -> words.add(word.asText()));
    if (value.isTextual()) {
      words.addAll(Arrays.asList(value.asText().toLowerCase(Locale.ROOT).split("\\|", -1)));
    }
    words.replaceAll(String::strip);
    for (String word : words) {
      if (!known.contains(word)) {
        throw new LorikeetException(
            json.place()
                + ": "
                + key
                + " has \""
                + word
                + "\", and only "
                + String.join(", ", new TreeSet<>(known))
                + " are supported: the model would compute something else");
      }
    }
    return Set.copyOf(words);
  }

  int headSize() {
    return hiddenSize / numAttentionHeads;
  }

  /** Of the sum of as many scores as there are kinds of them. */
  double scale() {
    int kinds = 1 + (contentToPosition ? 1 : 0) + (positionToContent ? 1 : 0);
    return 1 / Math.sqrt((double) headSize() * kinds);
  }
}
