package dev.lorikeet.adapters;

import dev.lorikeet.models.EmbeddingSlot;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.ProjectionSlot;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;

/**
 * A forward pass whose rows are answered by different adapters. Where all of them add to the base's
 * answer, as LoRA does, that is computed once for all rows, and each adapter's update for its rows;
 * elsewhere each adapter's layer, or its copy of the base's, answers its rows alone.
 */
final class Routing {
  private final Model model;
  private final RowGroups groups;
  private final List<Adapter> adapters = new ArrayList<>();

  /** A pass through a model in which no adapter answers; each must be {@link Routable}. */
  Routing(Model model, RowGroups groups) {
    this.model = model;
    this.groups = groups;
    groups.groups().forEach(group -> group.adapter().ifPresent(adapters::add));
  }

  /** What the model answers of all rows by way of {@code forward}. */
  Tensor answer(ModelInput input, Function<ModelInput, Tensor> forward) {
    try (LowRankTerms terms = new LowRankTerms(groups)) {
      fill(terms);
      return forward.apply(input);
    } finally {
      model.projections().values().forEach(ProjectionSlot::reset);
      model.embeddings().values().forEach(EmbeddingSlot::reset);
    }
  }

  private void fill(LowRankTerms terms) {
    Map<ProjectionSlot, RoutedLayer> linear = new LinkedHashMap<>();
    Map<EmbeddingSlot, RoutedLayer> tables = new LinkedHashMap<>();
    for (ProjectionSlot slot : model.projections().values()) {
      linear.put(slot, new RoutedLayer(slot.path(), slot.base()::forward, groups, terms));
    }
    for (EmbeddingSlot slot : model.embeddings().values()) {
      tables.put(slot, new RoutedLayer(slot.path(), slot.base()::forward, groups, terms));
    }
    for (Adapter adapter : adapters) {
      for (Place place : adapter.parts().places.values()) {
        Adapted adapted = place.adapted();
        place.projections().forEach((s, l) -> of(linear, s).layer(adapter, l::forward, adapted));
        place.lookups().forEach((s, l) -> of(tables, s).layer(adapter, l::forward, adapted));
      }
      linear.forEach((slot, layer) -> layer.copies(adapter, parameters(slot)));
      tables.forEach((slot, layer) -> layer.copies(adapter, parameters(slot.base().weight())));
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
    List<Parameter> parameters = new ArrayList<>(parameters(slot.base().weight()));
    if (slot.base().bias() != null) {
      parameters.addAll(parameters(slot.base().bias()));
    }
    return parameters;
  }

  /** A parameter as a layer uses it, and as all its users share it. */
  private static List<Parameter> parameters(Parameter used) {
    return List.of(used, used.shared());
  }
}
