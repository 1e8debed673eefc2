package dev.lorikeet.export;

import dev.lorikeet.export.OnnxGraph.Value;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.LorikeetException;
import java.util.List;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/**
 * BERT (Devlin et al. 2019, arXiv:1810.04805) in standard operators, with the inputs and outputs
 * that Hugging Face's Optimum gives its exports: {@code input_ids}, {@code attention_mask} and
 * {@code token_type_ids}, all int64, to {@code logits}, or {@code last_hidden_state} without a
 * head.
 *
 * <p>Axes: B batch, T tokens, H heads, d width of a head, D width of the model, V vocabulary, C
 * classes.
 */
final class BertOnnx implements OnnxArchitecture {
  private static final String B = "batch_size";
  private static final String T = "sequence_length";

  /** What config.json says, under its names. */
  private record Config(
      int vocabSize,
      int hiddenSize,
      int numHiddenLayers,
      int numAttentionHeads,
      int intermediateSize,
      BiFunction<OnnxPart, Value, Value> activation,
      int maxPositionEmbeddings,
      int typeVocabSize,
      double layerNormEps,
      int numLabels) {

    static Config of(ModelConfig json) {
      json.mustBe("position_embedding_type", "absolute");
      json.mustBe("is_decoder", "false");
      json.mustBe("add_cross_attention", "false");
      return new Config(
          json.integer("vocab_size"),
          json.integer("hidden_size"),
          json.integer("num_hidden_layers"),
          json.integer("num_attention_heads"),
          json.integer("intermediate_size"),
          OnnxActivation.of(json.text("hidden_act", "gelu")),
          json.integer("max_position_embeddings"),
          (int) json.number("type_vocab_size", 2),
          json.number("layer_norm_eps", 1e-12),
          json.labelCount());
    }

    Config {
      if (hiddenSize % numAttentionHeads != 0) {
        throw new LorikeetException(
            "config.json: hidden_size "
                + hiddenSize
                + " is not a multiple of num_attention_heads "
                + numAttentionHeads
                + ": is this config.json from another checkpoint?");
      }
    }

    int headSize() {
      return hiddenSize / numAttentionHeads;
    }
  }

  @Override
  public void build(OnnxPart checkpoint, ModelConfig json, @Nullable HeadType task) {
    Config config = Config.of(json);
    OnnxGraph graph = checkpoint.graph();
    Value inputIds = graph.input("input_ids", DType.INT64, B, T);
    Value attentionMask = graph.input("attention_mask", DType.INT64, B, T);
    Value tokenTypeIds = graph.input("token_type_ids", DType.INT64, B, T);

    boolean prefixed = task != null || checkpoint.has("bert.embeddings.word_embeddings.weight");
    OnnxPart bert = prefixed ? checkpoint.at("bert") : checkpoint;
    Value hidden = embed(config, bert.at("embeddings"), inputIds, tokenTypeIds); // [B, T, D]
    Value mask = mask(bert, attentionMask); // [B, 1, 1, T]
    for (int i = 0; i < config.numHiddenLayers; i++) {
      OnnxPart layer = bert.at("encoder.layer." + i);
      hidden = attention(config, layer.at("attention"), hidden, mask);
      hidden = feedForward(config, layer, hidden);
    }

    if (task == null) {
      graph.output("last_hidden_state", hidden, DType.FLOAT32, B, T, config.hiddenSize);
      return;
    }
    String output = json.headModules(task).output();
    switch (task.reads()) {
      case TEXT -> sequenceHead(config, checkpoint, output, hidden);
      case TOKENS -> tokenHead(config, checkpoint, output, hidden);
      case MASKED_TOKENS -> maskedLmHead(config, checkpoint, output, hidden);
      default -> throw new IllegalStateException("no head for " + task);
    }
  }

  private static Value embed(Config config, OnnxPart part, Value inputIds, Value tokenTypeIds) {
    int width = config.hiddenSize;
    Value words = part.embedding("word_embeddings", config.vocabSize, width, inputIds);
    Value types =
        part.embedding("token_type_embeddings", config.typeVocabSize, width, tokenTypeIds);
    Value sum = part.add(part.add(words, types), positions(config, part, inputIds)); // [B, T, D]
    // Lets ONNX Runtime prove that no sum of a layer broadcasts, and so fuse it with the norm after
    // it (SkipLayerNormalization). MiniLM runs 12 % faster by that in ONNX Runtime 1.29, whose norm
    // alone is slow; in 1.30, whose fused one is the slow one, 10 % slower.
    part.graph().shape(sum, DType.FLOAT32, B, T, width);
    return part.layerNorm("LayerNorm", width, config.layerNormEps, sum);
  }

  /** The first T rows of the table, [T, D]. */
  private static Value positions(Config config, OnnxPart part, Value inputIds) {
    Value table =
        part.weight("position_embeddings.weight", config.maxPositionEmbeddings, config.hiddenSize);
    Value length =
        part.node(
            "Shape",
            List.of(OnnxGraph.attribute("start", 1), OnnxGraph.attribute("end", 2)),
            inputIds); // [1]
    return part.node("Slice", table, part.graph().integers(0), length);
  }

  /** What is added to a row's scores: 0 for tokens, the lowest number for padding. */
  private static Value mask(OnnxPart part, Value attentionMask) {
    Value tokens = part.toFloat(part.unsqueeze(part.unsqueeze(attentionMask, 1), 2));
    return part.mul(
        part.node("Sub", part.graph().scalar(1), tokens), -Float.MAX_VALUE); // [B, 1, 1, T]
  }

  private static Value attention(Config config, OnnxPart part, Value x, Value mask) {
    int width = config.hiddenSize;
    OnnxPart self = part.at("self");
    Value q = self.transpose(heads(config, self, "query", x), 0, 2, 1, 3); // [B, H, T, d]
    Value k = self.transpose(heads(config, self, "key", x), 0, 2, 3, 1); // [B, H, d, T]
    Value v = self.transpose(heads(config, self, "value", x), 0, 2, 1, 3); // [B, H, T, d]
    Value scores = self.div(self.matMul(q, k), Math.sqrt(config.headSize())); // [B, H, T, T]
    Value probabilities = self.softmax(self.add(scores, mask));
    Value context = self.transpose(self.matMul(probabilities, v), 0, 2, 1, 3); // [B, T, H, d]
    Value merged = self.reshape(context, 0, 0, width); // [B, T, D]
    OnnxPart output = part.at("output");
    Value sum = output.add(output.linear("dense", width, width, merged), x);
    return output.layerNorm("LayerNorm", width, config.layerNormEps, sum);
  }

  /** A projection of x, [B, T, H, d]. */
  private static Value heads(Config config, OnnxPart self, String name, Value x) {
    Value projected = self.linear(name, config.hiddenSize, config.hiddenSize, x);
    return self.reshape(projected, 0, 0, config.numAttentionHeads, config.headSize());
  }

  private static Value feedForward(Config config, OnnxPart layer, Value x) {
    int width = config.hiddenSize;
    OnnxPart intermediate = layer.at("intermediate");
    Value projected = intermediate.linear("dense", config.intermediateSize, width, x);
    Value h = config.activation.apply(intermediate.at("intermediate_act_fn"), projected);
    OnnxPart output = layer.at("output");
    Value sum = output.add(output.linear("dense", width, config.intermediateSize, h), x);
    return output.layerNorm("LayerNorm", width, config.layerNormEps, sum);
  }

  // ---- heads ----

  /** A linear map of the tanh of the first token's projection: logits [B, C]. */
  private static void sequenceHead(
      Config config, OnnxPart checkpoint, String output, Value hidden) {
    int width = config.hiddenSize;
    OnnxPart pooler = checkpoint.at("bert.pooler");
    Value first =
        pooler.node(
            "Gather",
            List.of(OnnxGraph.attribute("axis", 1)),
            hidden,
            checkpoint.graph().index(0)); // [B, D]
    Value pooled =
        pooler.at("activation").node("Tanh", pooler.linear("dense", width, width, first));
    Value logits = checkpoint.linear(output, config.numLabels, width, pooled);
    checkpoint.graph().output("logits", logits, DType.FLOAT32, B, config.numLabels);
  }

  /** A linear map of each token's state: logits [B, T, C]. */
  private static void tokenHead(Config config, OnnxPart checkpoint, String output, Value hidden) {
    Value logits = checkpoint.linear(output, config.numLabels, config.hiddenSize, hidden);
    checkpoint.graph().output("logits", logits, DType.FLOAT32, B, T, config.numLabels);
  }

  /** A transform, then the scores of all words: logits [B, T, V]. */
  private static void maskedLmHead(
      Config config, OnnxPart checkpoint, String output, Value hidden) {
    int width = config.hiddenSize;
    OnnxPart predictions = checkpoint.at("cls.predictions");
    OnnxPart transform = predictions.at("transform");
    Value h =
        config.activation.apply(
            transform.at("transform_act_fn"), transform.linear("dense", width, width, hidden));
    Value normed = transform.layerNorm("LayerNorm", width, config.layerNormEps, h); // [B, T, D]
    OnnxPart decoder = checkpoint.at(output);
    // Stored once, as the checkpoint does: ONNX Runtime folds the transpose when it loads the file.
    Value scores =
        decoder.matMul(normed, decoder.transpose(words(config, checkpoint, decoder), 1, 0));
    Value logits = decoder.add(scores, predictions.weight("bias", config.vocabSize));
    checkpoint.graph().output("logits", logits, DType.FLOAT32, B, T, config.vocabSize);
  }

  /** The output's table [V, D]: the input's own, unless the checkpoint has another. */
  private static Value words(Config config, OnnxPart checkpoint, OnnxPart decoder) {
    return decoder.has("weight")
        ? decoder.weight("weight", config.vocabSize, config.hiddenSize)
        : checkpoint.weight(
            "bert.embeddings.word_embeddings.weight", config.vocabSize, config.hiddenSize);
  }
}
