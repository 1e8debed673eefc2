package dev.lorikeet.adapters;

import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The base's weights that an adapter is merged into, with what answers in their place. */
final class Merge {
  private final Model model;
  private final Map<Parameter, Parameter> weights = new LinkedHashMap<>();
  private @Nullable MergeReceipt receipt;

  Merge(Model model) {
    this.model = model;
  }

  /** What the merge did, while there is one. */
  @Nullable MergeReceipt receipt() {
    return receipt;
  }

  /**
   * Puts merged weights and the adapter's copies in the place of the base's, whose own layers
   * answer from now on.
   *
   * @param sha256 of the adapter's file, if its values are those
   * @param enabled whether the adapter answers now
   * @throws LorikeetException when one is not finite, or a layer has no bias for the adapter's;
   *     nothing is changed
   */
  MergeReceipt fold(AdapterParts parts, @Nullable String sha256, boolean enabled) {
    parts.copies.values().forEach(Merge::mustBeFinite);
    parts.copies.forEach(Parameter::substitute); // what is merged may start from them
    List<MergeReceipt.Change> changes = new ArrayList<>();
    try {
      parts.copies.forEach((base, copy) -> changes.add(replaced(parts.module(base), base, copy)));
      parts.places.forEach((path, place) -> changes.addAll(add(path, place)));
    } catch (RuntimeException e) {
      weights.values().forEach(Parameter::free);
      weights.clear();
      if (!enabled) {
        parts.copies.forEach(Parameter::restore);
      }
      throw e;
    }
    parts.places.values().forEach(Place::reset);
    weights.forEach(Parameter::substitute);
    receipt = new MergeReceipt(parts.config.peftType(), sha256, changes);
    return receipt;
  }

  private MergeReceipt.Change replaced(String module, Parameter base, Parameter copy) {
    try (Scope scope = Scope.open()) {
      Tensor value = copy.value().detach();
      return MergeReceipt.Change.of(
          module, base, base.original(), value, value, model.sharing(base), true);
    }
  }

  private List<MergeReceipt.Change> add(String path, Place place) {
    if (place instanceof Place.OfEmbedding table && model.isReadByHead(table.slot())) {
      throw new LorikeetException(
          path
              + " is read by the head too, which the adapter leaves as it is and a merge would"
              + " change; nothing was merged: keep the adapter beside the base");
    }
    List<MergeReceipt.Change> changes = new ArrayList<>();
    try (Scope scope = Scope.open()) {
      place
          .merged()
          .forEach(
              (base, value) -> {
                Tensor stored = value.to(base.original().dtype());
                mustBeFinite(path, value, stored);
                changes.add(
                    MergeReceipt.Change.of(
                        path, base, base.value(), value, stored, model.sharing(base), false));
                weights.put(base, new Parameter(base.name(), stored, model.weightScope()));
              });
    }
    return changes;
  }

  private static void mustBeFinite(String path, Tensor value, Tensor stored) {
    if (!value.isFinite()) {
      throw new LorikeetException(
          path + ": the merged weight has NaN or infinite elements; nothing was merged");
    }
    if (!stored.isFinite()) {
      throw new LorikeetException(
          path
              + ": the merged weight has elements up to "
              + value.abs().max().item()
              + ", and "
              + stored.dtype()
              + " ends at "
              + -stored.dtype().lowest()
              + "; nothing was merged: open the base in float32 or bfloat16");
    }
  }

  private static void mustBeFinite(Parameter copy) {
    try (Scope scope = Scope.open()) {
      mustBeFinite(copy.name(), copy.original(), copy.original());
    }
  }

  /**
   * Gives the base's weights their place back.
   *
   * @throws LorikeetException when another adapter is merged over this one
   */
  void takeBack() {
    weights.forEach(
        (base, weight) -> {
          if (base.value() != weight.value()) {
            throw new LorikeetException(
                base.name() + " has another adapter merged over this one: unmerge that first");
          }
        });
    weights.forEach(
        (base, weight) -> {
          base.restore(weight);
          weight.free();
        });
    weights.clear();
    receipt = null;
  }
}
