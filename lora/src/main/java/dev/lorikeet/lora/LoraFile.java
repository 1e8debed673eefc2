package dev.lorikeet.lora;

import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.adapters.Bias;
import dev.lorikeet.adapters.PeftNames;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Tensor;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * A LoRA adapter's folder without its base: an update for each of its layers, and what it saved
 * whole beside them.
 */
final class LoraFile {
  /** What files call A and B of a layer. */
  enum Kind {
    LINEAR("lora_A.weight", "lora_B.weight"),
    EMBEDDING("lora_embedding_A", "lora_embedding_B");

    final String a;
    final String b;

    Kind(String a, String b) {
      this.a = a;
      this.b = b;
    }
  }

  private final AdapterFolder adapter;
  private final LoraConfig config;
  private final Safetensors file;
  private final SortedMap<String, Kind> layers = new TreeMap<>();
  private final SortedSet<String> whole = new TreeSet<>();

  private LoraFile(AdapterFolder adapter, LoraConfig config) {
    this.adapter = adapter;
    this.config = config;
    file = adapter.weights();
    file.names().forEach(this::sort);
    layers.forEach(this::mustFit);
    if (layers.isEmpty()) {
      throw refused("it has no tensor that ends with lora_A.weight or lora_embedding_A");
    }
  }

  /**
   * Opens an adapter whose updates can be weighted and added without the base.
   *
   * @throws LorikeetException when they cannot, with the setting that is the reason
   */
  static LoraFile open(AdapterFolder adapter) {
    if (!(adapter.config() instanceof LoraConfig config)) {
      throw new LorikeetException(
          adapter.folder()
              + ": peft_type is "
              + adapter.config().peftType()
              + ", and only adapters of "
              + LoraMethod.PEFT_TYPE
              + " can be combined: merge them into the base one after the other");
    }
    LoraFile opened = new LoraFile(adapter, config);
    opened.mustBeSumOfUpdates();
    return opened;
  }

  private void sort(String name) {
    for (Kind kind : Kind.values()) {
      String path = PeftNames.layerOf(name, kind.a);
      if (!path.isEmpty()) {
        layers.put(path, kind);
        return;
      }
      if (!PeftNames.layerOf(name, kind.b).isEmpty()) {
        return;
      }
    }
    whole.add(name);
  }

  /** Settings under which the adapter is more than its updates, or not those of the base. */
  private void mustBeSumOfUpdates() {
    if (config.useDora()) {
      throw refused("use_dora is true, and lengths of weights cannot be added without the weights");
    }
    if (config.loraBias()) {
      throw refused("lora_bias is true, and a bias has no share in the product of A and B");
    }
    if (config.bias() != Bias.NONE) {
      throw refused(
          "bias is " + config.bias().id() + ", and trained biases are no differences to the base");
    }
    if (!config.trainableTokens().isEmpty()) {
      throw refused("trainable_token_indices are set, and trained rows are no differences");
    }
    if (config.init().changesBase()) {
      throw refused(
          "init_lora_weights is "
              + config.init().id()
              + ", so that it belongs to a changed base; saved by lorikeet from its base it does"
              + " not");
    }
  }

  private LorikeetException refused(String reason) {
    return new LorikeetException(
        adapter.folder()
            + " cannot be combined: "
            + reason
            + ": merge such adapters into the base one after the other");
  }

  private void mustFit(String path, Kind kind) {
    long[] a = file.entry(PeftNames.ofLayer(path, kind.a)).shape();
    long[] b = file.entry(PeftNames.ofLayer(path, kind.b)).shape();
    int rank = config.rank(path);
    if (a.length != 2 || b.length != 2 || a[0] != rank || b[1] != rank) {
      throw new LorikeetException(
          adapter.folder()
              + ": at "
              + path
              + " A is "
              + Arrays.toString(a)
              + " and B "
              + Arrays.toString(b)
              + ", where the rank is "
              + rank
              + " by "
              + AdapterFolder.CONFIG
              + ": do the two files belong together?");
    }
  }

  Path folder() {
    return adapter.folder();
  }

  AdapterFolder adapter() {
    return adapter;
  }

  LoraConfig config() {
    return config;
  }

  /** Whether an output layer has the update of an embedding. */
  boolean tiesUpdates() {
    return config.ensuresWeightTying()
        && layers.containsValue(Kind.EMBEDDING)
        && config.modulesToSave().stream().noneMatch(Targets::isEmbedding);
  }

  /** The adapted layers by path, in alphabetical order. */
  SortedMap<String, Kind> layers() {
    return layers;
  }

  int largestRank() {
    return layers.keySet().stream().mapToInt(config::rank).max().orElseThrow();
  }

  /** Tensors that are no updates: modules saved whole, tables of adapted embeddings. */
  SortedSet<String> whole() {
    return whole;
  }

  /** A tensor as it is stored. */
  Tensor tensor(String name) {
    return file.tensor(name);
  }

  /** [out, in] of what a layer's update is added to; of an embedding [D, V]. */
  long[] shape(String path) {
    Kind kind = Objects.requireNonNull(layers.get(path), path);
    return new long[] {
      file.entry(PeftNames.ofLayer(path, kind.b)).shape()[0],
      file.entry(PeftNames.ofLayer(path, kind.a)).shape()[1]
    };
  }

  /** The update of a layer that is there, with a weight. */
  Combination.Term term(String path, double weight) {
    Kind kind = Objects.requireNonNull(layers.get(path), path);
    return new Combination.Term(
        tensor(PeftNames.ofLayer(path, kind.a)).to(DType.FLOAT32),
        tensor(PeftNames.ofLayer(path, kind.b)).to(DType.FLOAT32),
        config.scaling(path),
        weight);
  }
}
