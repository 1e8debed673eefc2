package dev.lorikeet.models;

import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Tensor;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A model's forward pass. */
public interface Architecture {
  /**
   * What the head reads: the state that stands for a text or an image, [B, D], or those of all
   * tokens asked for, [B, T, D].
   */
  Tensor features(ModelInput input);

  /**
   * What the head answers of states, each by itself.
   *
   * @param features [..., D]
   * @return [..., C], where C is the vocabulary for a language model; the states themselves where
   *     there is no head
   */
  Tensor head(Tensor features);

  /**
   * An encoder-decoder's encoder alone, so that a text is read once for an answer of many tokens:
   * see {@link ModelInput#withEncoderStates}.
   *
   * @return [B, T, D]
   * @throws LorikeetException when it is no encoder-decoder
   */
  default Tensor encode(ModelInput input) {
    throw new LorikeetException("the model has no encoder apart from its decoder");
  }

  /**
   * The architectures of a file: a service, named in {@code META-INF/services}, so that a new
   * architecture is a file and a line there.
   */
  interface Provider {
    /** One for each {@code model_type}. */
    List<? extends Factory> factories();
  }

  /** How to build an architecture from its configuration and weights; one a {@code model_type}. */
  interface Factory extends Provider {
    /** What config.json calls it. */
    String modelType();

    @Override
    default List<? extends Factory> factories() {
      return List.of(this);
    }

    /** The model's parts, found by walking {@code weights}. */
    Architecture build(ModelConfig config, @Nullable HeadType type, Weights weights);

    /**
     * The name of the encoder inside models with a head: {@code bert} in {@code bert.embeddings};
     * empty where the encoder's names are the same with and without a head.
     */
    String basePrefix();

    /** How the names of transformers' classes for it start: {@code Bert}, ... */
    String className();

    /** transformers' class with a head. */
    default String className(HeadType type) {
      return className() + type.classSuffix();
    }

    /**
     * The names that a table of word embeddings may have in a checkpoint beside its own, by that:
     * those of the output weights that can be one with it. Checkpoints hold either, or both.
     */
    default Map<String, List<String>> tiedWeights() {
      return Map.of();
    }

    /** Whether config.json says that word embeddings and output weights are one. */
    default boolean tiesWeights(ModelConfig config) {
      return config.flag("tie_word_embeddings", true);
    }

    /**
     * Whether a checkpoint whose output weights are not its word embeddings has to say so in
     * config.json; else they are parted where it has both and they differ.
     */
    default boolean isUntiedByConfig() {
      return true;
    }

    /** Where transformers' names of modules in memory are not those on disk. */
    default ModuleNames moduleNames() {
      return ModuleNames.AS_ON_DISK;
    }

    /** The most tokens that a checkpoint has places for. */
    default int maxTokens(ModelConfig config) {
      int positions = config.integer("n_positions", Integer.MAX_VALUE);
      return config.integer("max_position_embeddings", positions);
    }

    /**
     * The most tokens that it can read: those that it has places for, and any number where its
     * rotations are scaled ({@code rope_scaling}), which exists to go beyond them.
     */
    default int mostTokens(ModelConfig config) {
      return RotaryEmbedding.isScaled(config) ? Integer.MAX_VALUE : maxTokens(config);
    }

    /** Under which keys of config.json it has its dropout probabilities. */
    Dropouts.Keys dropouts();

    /** The heads it has. */
    List<HeadType> heads();

    /** The modules of one of its heads. */
    HeadModules headModules(ModelConfig config, HeadType type);

    /** The name before a layer's number in the paths of modules in memory: {@code layers}. */
    String layerPattern();

    /**
     * The modules that PEFT 0.21 adapts with a method where nobody says which; none where PEFT has
     * no choice. Most methods have LoRA's.
     *
     * @param peftType PEFT's name of the method: {@code LORA}
     */
    default List<String> defaultTargets(String peftType) {
      return List.of();
    }

    /**
     * Of (IA)³'s default targets those whose inputs are scaled: the last, the second layer of a
     * feed-forward.
     */
    default List<String> feedForwardTargets() {
      List<String> targets = defaultTargets("IA3");
      return targets.isEmpty() ? targets : targets.subList(targets.size() - 1, targets.size());
    }
  }
}
