package dev.lorikeet.adapters;

import dev.lorikeet.models.EmbeddingSlot;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.ProjectionSlot;
import dev.lorikeet.torch.LorikeetException;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** What of a model each row of a batch can have in its own way. */
final class Routable {
  private final Model model;
  private final Set<Parameter> parameters = new HashSet<>();

  Routable(Model model) {
    this.model = model;
    for (ProjectionSlot slot : model.projections().values()) {
      if (slot.base().bias() != null) {
        parameters.add(slot.base().bias());
      }
      parameters.add(slot.base().weight());
    }
    words().ifPresent(words -> parameters.addAll(List.of(words.base().weight(), words.weight())));
  }

  /** The table that is asked for a row's own tokens; others may be asked once for all rows. */
  private Optional<EmbeddingSlot> words() {
    return model.embeddings().values().stream().findFirst();
  }

  /**
   * Checks that an adapter can answer single rows.
   *
   * @throws LorikeetException when it changes what all rows share
   */
  void mustContain(String name, Adapter adapter) {
    AdapterParts parts = adapter.parts();
    if (parts.input != null) {
      throw refused(name, parts.config.peftType() + " changes what all rows read");
    }
    for (Parameter copied : parts.copies.keySet()) {
      if (!parameters.contains(copied)) {
        throw refused(name, "it trains " + copied.name() + ", which all rows share");
      }
    }
    for (Place place : parts.places.values()) {
      for (EmbeddingSlot table : place.lookups().keySet()) {
        if (table != words().orElse(null)) {
          throw refused(name, "it adapts " + table.path() + ", which all rows may share");
        }
      }
    }
  }

  private static LorikeetException refused(String name, String why) {
    return new LorikeetException(
        "adapter "
            + (name + " cannot answer single rows of a batch: " + why)
            + "; give its rows a batch of their own");
  }
}
