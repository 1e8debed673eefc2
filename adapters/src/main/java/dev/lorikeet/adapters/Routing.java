package dev.lorikeet.adapters;

import dev.lorikeet.models.EmbeddingSlot;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.ProjectionSlot;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * A forward pass whose rows are answered by different adapters. Where all of them add to the base's
 * answer, as LoRA does, that is computed once for all rows, and each adapter's update for its rows;
 * elsewhere each adapter's layer, or its copy of the base's, answers its rows alone.
 */
final class Routing {
  private final Model model;
  private final RowGroups groups;
  private final List<Adapter> adapters = new ArrayList<>();

  /**
   * A pass through a model in which no adapter answers.
   *
   * @param names of the adapters, for errors
   * @throws LorikeetException when one of them changes what cannot be chosen row by row
   */
  Routing(Model model, RowGroups groups, Map<Adapter, String> names) {
    this.model = model;
    this.groups = groups;
    Set<Parameter> routed = routed();
    groups.groups().forEach(group -> group.adapter().ifPresent(adapters::add));
    adapters.forEach(a -> mustRoute(names.getOrDefault(a, ""), a.parts(), routed));
  }

  // ---- what can be chosen row by row ----

  /** The base's parameters that only layers in slots read. */
  private Set<Parameter> routed() {
    Set<Parameter> routed = new HashSet<>();
    for (ProjectionSlot slot : model.projections().values()) {
      if (slot.base().bias() != null) {
        routed.add(slot.base().bias());
      }
      if (slot.base().weight().shared() == slot.base().weight()) {
        routed.add(slot.base().weight()); // and not an embedding's
      }
    }
    words().filter(words -> !model.isReadByHead(words)).ifPresent(w -> routed.add(w.weight()));
    return routed;
  }

  /** The table that is asked for a row's own tokens; others may be asked once for all rows. */
  private Optional<EmbeddingSlot> words() {
    return model.embeddings().values().stream().findFirst();
  }

  private void mustRoute(String name, AdapterParts parts, Set<Parameter> routed) {
    if (parts.input != null) {
      throw refused(name, parts.config.peftType() + " changes what all rows read");
    }
    for (Parameter copied : parts.copies.keySet()) {
      if (!routed.contains(copied)) {
        throw refused(name, "it trains " + copied.name() + ", which all rows share");
      }
    }
    parts.places.forEach(
        (path, place) ->
            place.lookups().keySet().stream()
                .filter(table -> table != words().orElse(null))
                .findFirst()
                .ifPresent(
                    table -> {
                      throw refused(name, "it adapts " + path + ", which all rows may share");
                    }));
  }

  private static LorikeetException refused(String name, String why) {
    return new LorikeetException(
        "adapter "
            + (name + " cannot answer single rows of a batch: " + why)
            + "; give its rows a batch of their own");
  }

  // ---- the pass ----

  /** The logits of all rows. */
  Tensor logits(ModelInput input) {
    try {
      fill();
      return model.logits(input);
    } finally {
      model.projections().values().forEach(ProjectionSlot::reset);
      model.embeddings().values().forEach(EmbeddingSlot::reset);
    }
  }

  private void fill() {
    Map<ProjectionSlot, RoutedLayer> linear = new LinkedHashMap<>();
    Map<EmbeddingSlot, RoutedLayer> tables = new LinkedHashMap<>();
    for (ProjectionSlot slot : model.projections().values()) {
      linear.put(slot, new RoutedLayer(slot.path(), slot.base()::forward, groups));
    }
    for (EmbeddingSlot slot : model.embeddings().values()) {
      tables.put(slot, new RoutedLayer(slot.path(), slot.base()::forward, groups));
    }
    for (Adapter adapter : adapters) {
      for (Place place : adapter.parts().places.values()) {
        Adapted adapted = place.adapted();
        place.projections().forEach((s, l) -> of(linear, s).layer(adapter, l::forward, adapted));
        place.lookups().forEach((s, l) -> of(tables, s).layer(adapter, l::forward, adapted));
      }
      linear.forEach((slot, layer) -> layer.copies(adapter, parameters(slot)));
      tables.forEach((slot, layer) -> layer.copies(adapter, List.of(slot.weight())));
    }
    linear.values().removeIf(RoutedLayer::isBase);
    tables.values().removeIf(RoutedLayer::isBase);
    linear.forEach((slot, layer) -> slot.fill(layer::forward));
    tables.forEach((slot, layer) -> slot.fill(layer::forward));
  }

  private static <S> RoutedLayer of(Map<S, RoutedLayer> layers, S slot) {
    return Objects.requireNonNull(layers.get(slot));
  }

  private static List<Parameter> parameters(ProjectionSlot slot) {
    Parameter bias = slot.base().bias();
    Parameter weight = slot.base().weight().shared();
    return bias == null ? List.of(weight) : List.of(weight, bias);
  }
}
