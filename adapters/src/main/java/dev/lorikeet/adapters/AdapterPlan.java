package dev.lorikeet.adapters;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lorikeet.models.EmbeddingSlot;
import dev.lorikeet.models.Linear;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.ProjectionSlot;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What an adapter would be on a model, without training it: what each setting matches, and how much
 * each module trains. On the model of a {@link dev.lorikeet.models.Blueprint} no weights are
 * needed.
 *
 * @param adapter the adapter, on the model; its values mean nothing
 * @param matches what each entry of a setting means, in the order of the settings
 * @param modules what is trained, in the order of the model
 * @param trainable the adapter's parameters
 * @param total those of the base and the adapter together, as PEFT counts them: a module that is
 *     saved whole is there twice, a bias that is trained once
 * @param adapterBytes memory of the adapter's tensors
 * @param weightBytes memory of the base's tensors
 * @param fileBytes the size of adapter_model.safetensors
 */
public record AdapterPlan(
    Adapter adapter,
    List<Match> matches,
    List<Module> modules,
    long trainable,
    long total,
    long adapterBytes,
    long weightBytes,
    long fileBytes) {

  /** What an entry of a setting means: the paths of modules. */
  public record Match(String setting, String entry, List<String> paths) {}

  /** Why a module is trained. */
  public enum Kind {
    /** A linear layer with an adapter around it. */
    LINEAR,
    /** An embedding table with an adapter around it. */
    EMBEDDING,
    /** An embedding table of which some rows are trained. */
    TOKENS,
    /** A copy of the whole module is trained. */
    WHOLE,
    /** The module's bias is trained. */
    BIAS,
    /** What stands before the tokens. */
    INPUT
  }

  /**
   * A module that trains something.
   *
   * @param shape of the base's weight there as a matrix [out, in], a table [V, D] or a vector [D]
   * @param rank the update's rank; null where the method has none
   * @param alpha what its scaling is made of; null where the method has none
   * @param trainable the parameters trained there
   * @param frozen the base's parameters there, which stay as they are
   */
  public record Module(
      String path,
      Kind kind,
      List<Long> shape,
      @Nullable Integer rank,
      @Nullable Double alpha,
      long trainable,
      long frozen) {}

  /**
   * Plans an adapter.
   *
   * @param model whose layers have no adapter; the plan's is removed with the model
   * @throws dev.lorikeet.torch.UsageException when a target, a module to save or a pattern matches
   *     nothing, as {@link Adapter#attach}
   */
  public static AdapterPlan of(Model model, AdapterConfig asked) {
    Adapter adapter = Adapter.planned(model, asked);
    List<Module> modules = new Modules(adapter).all();
    long trainable = Model.count(adapter.parameters().values());
    long inPlace =
        modules.stream()
            .filter(module -> module.kind() == Kind.BIAS)
            .mapToLong(Module::trainable)
            .sum();
    Stored stored = stored(model, asked, adapter);
    return new AdapterPlan(
        adapter,
        new Matches(adapter, asked).all(),
        modules,
        trainable,
        Model.count(model.parameters().values()) + trainable - inPlace,
        stored.memory(),
        bytes(model.parameters().values()),
        stored.file());
  }

  /** The share of all parameters that is trained, in percent. */
  public double percent() {
    return 100.0 * trainable / total;
  }

  /** What an adapter takes, in bytes. */
  private record Stored(long memory, long file) {
    static Stored of(Adapter adapter) {
      try (Scope scope = Scope.open()) {
        return new Stored(
            bytes(adapter.parts().tensors()),
            Safetensors.size(adapter.saved(), AdapterFolder.METADATA));
      }
    }
  }

  /** A start that is kept beside A and B is saved as a part of a larger adapter. */
  private static Stored stored(Model model, AdapterConfig asked, Adapter adapter) {
    AdapterConfig saved = asked.saved();
    if (saved.equals(asked)) {
      return Stored.of(adapter);
    }
    adapter.disable();
    Adapter larger = Adapter.planned(model, saved);
    Stored stored = Stored.of(larger);
    larger.remove();
    adapter.enable();
    return stored;
  }

  private static long bytes(Collection<Parameter> parameters) {
    return parameters.stream()
        .map(Parameter::original)
        .mapToLong(tensor -> tensor.count() * tensor.dtype().bytes())
        .sum();
  }

  /** Finds the modules that train something. */
  private record Modules(Adapter adapter) {
    List<Module> all() {
      List<Module> modules = new ArrayList<>();
      InputAdapter input = adapter.parts().input;
      if (input != null) {
        modules.add(input(input));
      }
      adapter.layers().forEach((path, layer) -> modules.add(layer(path, layer)));
      Map<String, List<Parameter>> copies = new LinkedHashMap<>();
      AdapterParts parts = adapter.parts();
      parts
          .copies
          .keySet()
          .forEach(
              base ->
                  copies.computeIfAbsent(parts.module(base), key -> new ArrayList<>()).add(base));
      copies.forEach((path, bases) -> modules.add(copy(path, bases)));
      return modules;
    }

    private static Module input(InputAdapter input) {
      try (Scope scope = Scope.open()) {
        List<Long> shape = shape(input.promptEmbeddings());
        long trained = Model.count(input.parameters().values());
        return new Module("prompt", Kind.INPUT, shape, null, null, trained, 0);
      }
    }

    private Module layer(String path, Adapted layer) {
      ProjectionSlot slot = adapter.model().projections().get(path);
      Kind kind =
          slot != null ? Kind.LINEAR : layer instanceof TokenRows ? Kind.TOKENS : Kind.EMBEDDING;
      boolean ranked = kind == Kind.LINEAR || kind == Kind.EMBEDDING;
      return new Module(
          path,
          kind,
          slot == null ? shape(table(path)) : List.of(slot.base().out(), slot.base().in()),
          ranked ? rank(path) : null,
          ranked ? alpha(path) : null,
          Model.count(layer.parameters().values()),
          slot == null ? table(path).count() : frozen(slot.base()));
    }

    private Tensor table(String path) {
      EmbeddingSlot slot = adapter.model().embeddings().get(path);
      return Objects.requireNonNull(slot, path).weight().original();
    }

    private long frozen(Linear base) {
      boolean keepsBias = base.bias() != null && !adapter.parts().copies.containsKey(base.bias());
      return base.weight().count() + (keepsBias && base.bias() != null ? base.bias().count() : 0);
    }

    private Module copy(String path, List<Parameter> bases) {
      boolean whole =
          adapter.config().copiesAs().isPresent()
              || ModulesToSave.of(adapter.model(), adapter.config().modulesToSave()).contains(path);
      long count = Model.count(bases);
      return new Module(
          path,
          whole ? Kind.WHOLE : Kind.BIAS,
          shape(bases.get(0).original()),
          null,
          null,
          count,
          whole ? count : 0);
    }

    private static List<Long> shape(Tensor tensor) {
      List<Long> shape = new ArrayList<>();
      for (long size : tensor.shape()) {
        shape.add(size);
      }
      return shape;
    }

    private @Nullable Integer rank(String path) {
      Double rank = number("r", "rank_pattern", path);
      return rank == null || rank == 0 ? null : rank.intValue();
    }

    private @Nullable Double alpha(String path) {
      Double loraAlpha = number("lora_alpha", "alpha_pattern", path);
      return loraAlpha == null ? number("alpha", "alpha_pattern", path) : loraAlpha;
    }

    /** A number of the method's settings, that of the first pattern that matches; null for none. */
    private @Nullable Double number(String key, String patterns, String path) {
      JsonNode json = adapter.config().json();
      if (!json.path(key).isNumber()) {
        return null;
      }
      Map<String, Double> byPattern = new LinkedHashMap<>();
      json.path(patterns)
          .properties()
          .forEach(entry -> byPattern.put(entry.getKey(), entry.getValue().asDouble()));
      return PathPatterns.first(patterns, byPattern, path).orElse(json.path(key).asDouble());
    }
  }

  /** Finds what each entry of a setting means. */
  private static final class Matches {
    private final Adapter adapter;
    private final AdapterConfig asked;
    private final JsonNode json;
    private final Targets targets;
    private final Map<String, String> onDisk;
    private final List<String> adapted;
    private final List<Match> matches = new ArrayList<>();

    Matches(Adapter adapter, AdapterConfig asked) {
      this.adapter = adapter;
      this.asked = asked;
      Model model = adapter.model();
      AdapterConfig chosen = asked.resolvedFor(model.config());
      targets = chosen.targets();
      json = chosen.json();
      onDisk = AdapterParts.namesOnDisk(model);
      adapted = adapter.parts().adapted;
    }

    List<Match> all() {
      List<String> candidates = adapter.parts().paths(asked);
      for (String entry : targets.modules()) {
        boolean all = entry.equals(Targets.ALL_LINEAR);
        add(
            "target_modules",
            entry,
            all ? adapted : meant("target_modules", entry, targets.regex(), adapted));
      }
      for (String entry : targets.exclude()) {
        add(
            "exclude_modules",
            entry,
            meant("exclude_modules", entry, targets.excludeRegex(), candidates));
      }
      if (targets.layersToTransform() != null) {
        targets.layersToTransform().stream().sorted().forEach(this::addLayer);
      }
      json.path("feedforward_modules").forEach(entry -> addFeedForward(entry.asText()));
      addPatterns("rank_pattern");
      addPatterns("alpha_pattern");
      addSaved();
      asked
          .trainableTokens()
          .byPath(adapter.model().embeddings().keySet())
          .forEach((path, ids) -> add("trainable_token_indices", ids.toString(), List.of(path)));
      addBiases();
      return matches;
    }

    private void add(String setting, String entry, List<String> paths) {
      matches.add(new Match(setting, entry, List.copyOf(paths)));
    }

    /** What an entry means among some paths, by its names in memory or on disk. */
    private List<String> meant(String setting, String entry, boolean regex, List<String> paths) {
      Targets alone =
          new Targets(List.of(entry), regex, List.of(), false, null, List.of()).inMemory(onDisk);
      return paths.stream()
          .filter(Targets.matcher(setting, alone.modules(), alone.regex()))
          .toList();
    }

    private void addLayer(int layer) {
      List<String> paths = adapted.stream().filter(path -> targets.layer(path) == layer).toList();
      add("layers_to_transform", Integer.toString(layer), paths);
    }

    private void addFeedForward(String entry) {
      add("feedforward_modules", entry, meant("feedforward_modules", entry, false, adapted));
    }

    private void addPatterns(String setting) {
      Map<String, String> keys = new LinkedHashMap<>();
      Map<String, String> values = new LinkedHashMap<>();
      json.path(setting).properties().stream()
          .filter(entry -> entry.getValue().isNumber()) // AdaLoRA's tell which ranks are left
          .forEach(
              entry -> {
                keys.put(entry.getKey(), entry.getKey());
                values.put(entry.getKey(), entry.getValue().asText());
              });
      for (String key : keys.keySet()) {
        List<String> paths =
            adapted.stream()
                .filter(path -> PathPatterns.first(setting, keys, path).orElse("").equals(key))
                .toList();
        add(setting, key + ": " + values.get(key), paths);
      }
    }

    private void addSaved() {
      List<String> typed = asked.modulesToSave();
      List<String> saved = adapter.config().modulesToSave();
      List<String> whole = List.copyOf(ModulesToSave.of(adapter.model(), saved).modules());
      for (String entry : typed) {
        List<String> meant = whole.stream().filter(path -> path.endsWith(entry)).toList();
        if (!meant.isEmpty()) { // PEFT names two heads for any classifier
          add("modules_to_save", entry, meant);
        }
      }
      List<String> bySelf =
          whole.stream().filter(path -> typed.stream().noneMatch(path::endsWith)).toList();
      if (!bySelf.isEmpty()) {
        add("modules_to_save", "(of itself)", bySelf);
      }
    }

    private void addBiases() {
      if (asked.bias() != Bias.NONE) {
        ModulesToSave saved = ModulesToSave.of(adapter.model(), adapter.config().modulesToSave());
        List<String> paths =
            adapter.parts().copies.keySet().stream()
                .map(adapter.parts()::module)
                .filter(path -> !saved.contains(path))
                .toList();
        add("bias", asked.bias().id(), paths);
      }
    }
  }
}
