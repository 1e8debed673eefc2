package dev.lorikeet.adapters;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.models.Embedding;
import dev.lorikeet.models.Linear;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.torch.Scope;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A method's settings, under PEFT's names. */
public interface AdapterConfig {
  /** PEFT's name of the method. */
  String peftType();

  /** Which modules are adapted. */
  Targets targets();

  /** Modules that are trained and saved whole; an entry matches module paths that end with it. */
  List<String> modulesToSave();

  /** The same settings with other {@link #targets} and {@link #modulesToSave}. */
  AdapterConfig with(Targets targets, List<String> modulesToSave);

  /** The same settings with what they leave open as PEFT chooses it for an architecture. */
  default AdapterConfig resolvedFor(ModelConfig model) {
    return with(targets().orDefaultsOf(model, peftType()), modulesToSave());
  }

  /**
   * Whether a tied embedding and output weights that are saved whole, or adapted, stay one ({@code
   * ensure_weight_tying}).
   */
  default boolean ensuresWeightTying() {
    return false;
  }

  /** Which of the base's biases are trained. */
  default Bias bias() {
    return Bias.NONE;
  }

  /** The method's keys and values in adapter_config.json. */
  ObjectNode json();

  /**
   * A layer around {@code base}, initialised from the engine's random state.
   *
   * @param owner the scope for the layer's parameters
   */
  AdapterLayer layer(Linear base, Scope owner);

  /**
   * What makes the layers around all of {@code adapted}; by itself one {@link #layer} after the
   * other.
   *
   * @param owner the scope for the parameters
   */
  default LayerMaker layers(List<Linear> adapted, Scope owner) {
    return base -> layer(base, owner);
  }

  /** Whether files hold the layers' {@link LayerMaker#shared} tensors too. */
  default boolean savesShared() {
    return true;
  }

  /**
   * Where the method trains copies of the matched modules instead of layers around them, what files
   * call the copies.
   */
  default Optional<String> copiesAs() {
    return Optional.empty();
  }

  /** Whether embedding tables can be targets too, by name or expression. */
  default boolean adaptsEmbeddings() {
    return false;
  }

  /**
   * A layer around an embedding table, for methods that {@link #adaptsEmbeddings}.
   *
   * @param owner the scope for the layer's parameters
   */
  default AdapterEmbedding embedding(Embedding base, Scope owner) {
    throw new UnsupportedOperationException(peftType() + " adapts no embeddings");
  }

  /**
   * A layer around output weights that are an embedding's table, for methods that {@link
   * #ensuresWeightTying}.
   *
   * @param table what {@link #embedding} made, whose update it shares and starts
   * @throws dev.lorikeet.torch.UsageException when by the settings there are two updates
   */
  default TiedLayer tied(Linear base, AdapterEmbedding table) {
    throw new UnsupportedOperationException(peftType() + " ties no updates");
  }

  /** Tokens whose embeddings are trained beside what the method does. */
  default TrainableTokens trainableTokens() {
    return TrainableTokens.NONE;
  }

  /** The same layers with a start that needs no values of the base, for counting them. */
  default AdapterConfig planned() {
    return this;
  }

  /** Whether a new adapter is started from data, which {@link Adapter#attach} has none of. */
  default boolean startsFromData() {
    return false;
  }

  /** The settings of the adapter as its folder holds it ({@link Adapted#saved}). */
  default AdapterConfig saved() {
    return this;
  }

  /**
   * The same, where it depends on what has become of the layers.
   *
   * @param layers by their path
   */
  default AdapterConfig saved(Map<String, Adapted> layers) {
    return saved();
  }

  /**
   * Checks against the adapted paths what {@link #targets} cannot know, such as patterns of ranks.
   *
   * @throws dev.lorikeet.torch.UsageException when a pattern matches none of them
   */
  default void mustMatch(List<String> adaptedPaths) {}
}
