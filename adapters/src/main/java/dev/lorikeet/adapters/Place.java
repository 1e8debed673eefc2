package dev.lorikeet.adapters;

import dev.lorikeet.models.EmbeddingSlot;
import dev.lorikeet.models.Linear;
import dev.lorikeet.models.Lookup;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.Projection;
import dev.lorikeet.models.ProjectionSlot;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Tensor;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A slot of a model and what an adapter puts there. */
interface Place {
  Adapted adapted();

  /** The base's weight there. */
  Parameter weight();

  /** What it puts around linear layers. */
  default Map<ProjectionSlot, Projection> projections() {
    return Map.of();
  }

  /** What it puts around embedding tables. */
  default Map<EmbeddingSlot, Lookup> lookups() {
    return Map.of();
  }

  /** Lets the adapter's layer answer. */
  default void fill() {
    projections().forEach(ProjectionSlot::fill);
    lookups().forEach(EmbeddingSlot::fill);
  }

  /** Lets the base's own layer answer. */
  default void reset() {
    projections().keySet().forEach(ProjectionSlot::reset);
    lookups().keySet().forEach(EmbeddingSlot::reset);
  }

  /** The base's parameters that a merge replaces, each with what it becomes as it is stored. */
  Map<Parameter, Tensor> merged();

  /** A linear layer's. */
  record OfProjection(ProjectionSlot slot, AdapterLayer adapted) implements Place {
    @Override
    public Parameter weight() {
      return slot.base().weight();
    }

    @Override
    public Map<ProjectionSlot, Projection> projections() {
      return Map.of(slot, adapted);
    }

    @Override
    public Map<Parameter, Tensor> merged() {
      Linear base = slot.base();
      Map<Parameter, Tensor> merged = new LinkedHashMap<>();
      merged.put(base.weight(), base.orient(adapted.mergedWeight()).contiguous());
      Tensor bias = adapted.mergedBias();
      if (bias != null && base.bias() == null) {
        throw new LorikeetException(
            slot.path() + ": the adapter adds a bias, and the layer has none to merge it into");
      }
      if (bias != null && base.bias() != null) {
        merged.put(base.bias(), bias);
      }
      return merged;
    }
  }

  /**
   * An embedding table's.
   *
   * @param tied whether output weights have the same update, so that both become the merged table
   */
  record OfEmbedding(EmbeddingSlot slot, AdapterEmbedding adapted, boolean tied) implements Place {
    @Override
    public Parameter weight() {
      return tied ? slot.weight() : slot.base().weight();
    }

    @Override
    public Map<EmbeddingSlot, Lookup> lookups() {
      return Map.of(slot, adapted);
    }

    @Override
    public Map<Parameter, Tensor> merged() {
      return Map.of(weight(), adapted.mergedTable());
    }
  }

  /** An output layer's that has the update of the embedding it is tied to. */
  record OfTied(ProjectionSlot slot, TiedLayer adapted) implements Place {
    @Override
    public Parameter weight() {
      return slot.base().weight();
    }

    @Override
    public Map<ProjectionSlot, Projection> projections() {
      return Map.of(slot, adapted);
    }

    @Override
    public Map<Parameter, Tensor> merged() {
      return Map.of(); // it is the table, and becomes what that does
    }
  }

  /** An embedding's and that of the output layers tied to it, which share trained rows. */
  record OfTokens(EmbeddingSlot slot, List<ProjectionSlot> heads, TokenRows adapted)
      implements Place {
    @Override
    public Parameter weight() {
      return slot.weight();
    }

    @Override
    public Map<EmbeddingSlot, Lookup> lookups() {
      return Map.of(slot, adapted);
    }

    @Override
    public Map<ProjectionSlot, Projection> projections() {
      Map<ProjectionSlot, Projection> projections = new LinkedHashMap<>();
      heads.forEach(head -> projections.put(head, adapted.head(head.base())));
      return projections;
    }

    @Override
    public Map<Parameter, Tensor> merged() {
      return Map.of(weight(), adapted.mergedTable()); // the table's, so that they stay tied
    }
  }
}
