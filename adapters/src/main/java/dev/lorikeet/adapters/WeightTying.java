package dev.lorikeet.adapters;

import dev.lorikeet.models.EmbeddingSlot;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.ProjectionSlot;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What PEFT's {@code ensure_weight_tying} asks for: where an adapter saves a model's input
 * embedding or output weights whole, or adapts either, and the two are tied, they stay one, trained
 * once and saved under both names. Without it each has a copy or an update of its own.
 *
 * @param table the input embedding, or null for nothing to tie
 * @param outputs the layers whose weights are tied to it
 * @param saved whether they are saved whole; else they are adapted
 */
record WeightTying(@Nullable EmbeddingSlot table, List<ProjectionSlot> outputs, boolean saved) {
  private static final WeightTying NONE = new WeightTying(null, List.of(), false);

  /**
   * What there is to tie: as in PEFT, modules to save come before targets, and either must name a
   * layer as embeddings and output weights usually are called.
   *
   * @throws UsageException when updates are to be one that PEFT would not make one
   */
  static WeightTying of(Model model, AdapterConfig asked) {
    EmbeddingSlot words = model.embeddings().values().stream().findFirst().orElse(null);
    if (!asked.ensuresWeightTying() || words == null) {
      return NONE;
    }
    List<ProjectionSlot> outputs = model.tiedTo(words);
    boolean saved = asked.modulesToSave().stream().anyMatch(Targets::isEmbedding);
    if (outputs.isEmpty() || !(saved || asked.targets().haveEmbeddings())) {
      return NONE;
    }
    WeightTying tying = new WeightTying(words, outputs, saved);
    if (!saved) {
      tying.mustHaveOneUpdate(model, asked.targets());
    }
    return tying;
  }

  private void mustHaveOneUpdate(Model model, Targets targets) {
    boolean nested = outputs.stream().anyMatch(output -> output.path().contains("."));
    if (nested || model.isEncoderDecoder()) {
      throw new UsageException(
          "ensure_weight_tying is on and target_modules "
              + targets.modules()
              + " name an embedding or output layer, whose updates PEFT does not make one in a "
              + model.config().modelType()
              + " model: leave these out, or set it to false");
    }
  }

  /**
   * The settings of a saved adapter with its outputs among the targets. PEFT leaves them out, and
   * does not know them again where the embedding has not one of the usual names, as GPT-2's.
   *
   * @param names of the tensors that were saved
   */
  static AdapterConfig asStored(AdapterConfig config, Model model, Collection<String> names) {
    EmbeddingSlot words = model.embeddings().values().stream().findFirst().orElse(null);
    if (!config.ensuresWeightTying() || words == null || config.targets().regex()) {
      return config;
    }
    List<String> targets = new ArrayList<>(config.targets().modules());
    model.tiedTo(words).stream()
        .map(ProjectionSlot::path)
        .filter(path -> names.stream().anyMatch(name -> PeftNames.isUpdateOf(path, name)))
        .filter(path -> !targets.contains(path))
        .forEach(targets::add);
    return config.with(config.targets().withModules(targets), config.modulesToSave());
  }

  // ---- modules that are saved whole ----

  /** The entries with the embedding in place of the outputs. */
  List<String> modulesToSave(List<String> entries) {
    if (table == null || !saved) {
      return entries;
    }
    List<String> own = new ArrayList<>(entries);
    own.removeIf(entry -> outputs.stream().anyMatch(output -> output.path().endsWith(entry)));
    own.add(table.path());
    return own;
  }

  /** Whether a parameter's copy stands for the outputs' too. */
  boolean saves(String parameter) {
    return table != null && saved && parameter.equals(table.path() + ".weight");
  }

  // ---- layers that are adapted ----

  /** Whether a path is the embedding's, whose update is the outputs' too. */
  boolean isAdaptedTable(String path) {
    return table != null && !saved && path.equals(table.path());
  }

  /** Whether a path is an output's that has the embedding's update. */
  boolean isAdaptedOutput(String path) {
    return !saved && outputs.stream().anyMatch(output -> output.path().equals(path));
  }

  /** The targets with the embedding and, in a list, the outputs among them. */
  Targets targets(Targets asked) {
    if (table == null || saved) {
      return asked;
    }
    String path = table.path();
    if (asked.regex()) {
      boolean has = Targets.matcher("target_modules", asked.modules(), true).test(path);
      String either = "(?:" + asked.modules().get(0) + "|^" + path.replace(".", "\\.") + "$)";
      return has ? asked : asked.withModules(List.of(either));
    }
    List<String> all = new ArrayList<>(asked.modules());
    all.add(path);
    outputs.forEach(output -> all.add(output.path()));
    return asked.withModules(all.stream().distinct().toList());
  }

  /**
   * The paths with the outputs behind the embedding.
   *
   * @throws UsageException when one of them is left out
   */
  List<String> adapted(List<String> matched, Targets targets) {
    if (table == null || saved) {
      return matched;
    }
    List<String> adapted = new ArrayList<>(matched);
    adapted.removeIf(this::isAdaptedOutput);
    for (ProjectionSlot output : outputs) {
      if (targets.excludes(output.path())) {
        throw leftOut(output.path());
      }
      adapted.add(output.path());
    }
    if (!adapted.contains(table.path())) {
      throw leftOut(table.path());
    }
    return adapted;
  }

  private static UsageException leftOut(String path) {
    return new UsageException(
        "exclude_modules or modules_to_save leave out "
            + path
            + ", and ensure_weight_tying makes its update and that of what it is tied to one: name"
            + " both or neither");
  }

  /** The targets as PEFT would save them, without the outputs. */
  Targets withoutOutputs(Targets targets) {
    if (table == null || saved || targets.regex()) {
      return targets;
    }
    return targets.withModules(
        targets.modules().stream()
            .filter(entry -> outputs.stream().noneMatch(o -> Targets.names(entry, o.path())))
            .toList());
  }

  // ---- files ----

  /**
   * What a file has once more under an output's name.
   *
   * @param of the name of what it is there
   * @param transposed whether it is the transpose of that
   */
  record Twin(String of, Parameter parameter, boolean transposed) {
    Tensor value() {
      Tensor value = parameter.original();
      return transposed ? value.transpose(0, 1).contiguous() : value;
    }

    /** Whether a file's tensor, in whatever type, is this. */
    boolean is(Tensor stored) {
      return stored.to(value().dtype()).to(value().device()).sameAs(value());
    }
  }

  /** The outputs' names in files. */
  Map<String, Twin> twins(AdapterParts parts) {
    Map<String, Twin> twins = new LinkedHashMap<>();
    if (table != null) {
      for (ProjectionSlot output : outputs) {
        twins.putAll(saved ? copies(table, output, parts) : updates(table, output, parts));
      }
    }
    return twins;
  }

  private static Map<String, Twin> copies(
      EmbeddingSlot table, ProjectionSlot output, AdapterParts parts) {
    String of = PeftNames.ofBase(table.path() + ".weight");
    Parameter copy = parts.parameters.get(of);
    return copy == null
        ? Map.of()
        : Map.of(PeftNames.ofBase(output.path() + ".weight"), new Twin(of, copy, false));
  }

  private static Map<String, Twin> updates(
      EmbeddingSlot table, ProjectionSlot output, AdapterParts parts) {
    Map<String, Twin> twins = new LinkedHashMap<>();
    if (parts.places.get(output.path()) instanceof Place.OfTied place) {
      place
          .adapted()
          .transposes()
          .forEach(
              (name, parameter) -> {
                String of = PeftNames.ofLayer(table.path(), parameter);
                Parameter one = Objects.requireNonNull(parts.parameters.get(of), of);
                twins.put(PeftNames.ofLayer(output.path(), name), new Twin(of, one, true));
              });
    }
    return twins;
  }
}
