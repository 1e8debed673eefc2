package dev.lorikeet.models;

import java.util.List;
import java.util.Map;

/** The factory of a {@link Decoder} with a {@link DecoderHead}, under Llama's names. */
interface DecoderFactory extends Architecture.Factory {
  @Override
  default String basePrefix() {
    return "model";
  }

  @Override
  default Map<String, List<String>> tiedWeights() {
    return Map.of("model.embed_tokens.weight", List.of("lm_head.weight"));
  }

  @Override
  default boolean tiesWeights(ModelConfig config) {
    return config.flag("tie_word_embeddings", false);
  }

  @Override
  default Dropouts.Keys dropouts() {
    return Dropouts.Keys.ATTENTION_ONLY;
  }

  @Override
  default List<HeadType> heads() {
    return List.of(HeadType.SEQUENCE_CLASSIFICATION, HeadType.CAUSAL_LM);
  }

  @Override
  default HeadModules headModules(ModelConfig config, HeadType type) {
    return DecoderHead.modules(type);
  }

  @Override
  default String layerPattern() {
    return "layers";
  }
}
