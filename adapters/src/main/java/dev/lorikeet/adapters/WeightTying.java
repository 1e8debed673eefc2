package dev.lorikeet.adapters;

import dev.lorikeet.models.EmbeddingSlot;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.ProjectionSlot;
import dev.lorikeet.torch.UsageException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What PEFT's {@code ensure_weight_tying} asks for: where an adapter saves a model's input
 * embedding or output weights whole, and the two are tied, they stay one, trained once and saved
 * under both names. Without it each has a copy of its own.
 *
 * @param table the input embedding, or null for nothing to tie
 * @param outputs the layers whose weights are tied to it
 */
record WeightTying(@Nullable EmbeddingSlot table, List<ProjectionSlot> outputs) {
  private static final WeightTying NONE = new WeightTying(null, List.of());

  /**
   * What there is to tie.
   *
   * @throws UsageException when updates of tied layers are to be one, which is not built
   */
  static WeightTying of(Model model, AdapterConfig asked) {
    EmbeddingSlot words = model.embeddings().values().stream().findFirst().orElse(null);
    if (!asked.ensuresWeightTying() || words == null) {
      return NONE;
    }
    boolean saved = asked.modulesToSave().stream().anyMatch(Targets::isEmbedding);
    List<ProjectionSlot> outputs = model.tiedTo(words);
    if (!saved && !outputs.isEmpty() && asked.targets().haveEmbeddings()) {
      throw new UsageException(
          "ensure_weight_tying is for modules_to_save here, and target_modules "
              + asked.targets().modules()
              + " name an embedding or output layer: leave these out, or set it to false");
    }
    return saved && !outputs.isEmpty() ? new WeightTying(words, outputs) : NONE;
  }

  /** The entries with the embedding in place of the outputs. */
  List<String> modulesToSave(List<String> entries) {
    if (table == null) {
      return entries;
    }
    List<String> own = new ArrayList<>(entries);
    own.removeIf(entry -> outputs.stream().anyMatch(output -> output.path().endsWith(entry)));
    own.add(table.path());
    return own;
  }

  /** Whether a parameter's copy stands for the outputs' too. */
  boolean saves(String parameter) {
    return table != null && parameter.equals(table.path() + ".weight");
  }

  /** The outputs' names in files, with the parameter that they are. */
  Map<String, Parameter> names(Map<String, Parameter> parameters) {
    Map<String, Parameter> names = new LinkedHashMap<>();
    if (table != null) {
      Parameter copy = parameters.get(PeftNames.ofBase(table.path() + ".weight"));
      if (copy != null) {
        outputs.forEach(output -> names.put(PeftNames.ofBase(output.path() + ".weight"), copy));
      }
    }
    return names;
  }
}
