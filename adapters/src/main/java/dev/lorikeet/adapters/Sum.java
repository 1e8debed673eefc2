package dev.lorikeet.adapters;

import dev.lorikeet.models.EmbeddingSlot;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.ProjectionSlot;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Several adapters that answer at once, as in PEFT: where more than one adapts a layer, the base's
 * answer is computed once and their updates are added to it.
 */
final class Sum {
  private final Map<String, Adapter> adapters;

  /**
   * A sum of some adapters.
   *
   * @param adapters by name, in the order of addition
   * @throws LorikeetException when two of them do not add: both train the same parameter of the
   *     base whole, or a method multiplies, or changes the input
   */
  Sum(Map<String, Adapter> adapters) {
    this.adapters = adapters;
    if (adapters.size() > 1) {
      adapters.forEach(Sum::mustHaveNoInput);
      mustAdd();
    }
  }

  private static void mustHaveNoInput(String name, Adapter adapter) {
    if (adapter.parts().input != null) {
      throw new LorikeetException(
          ("adapter " + name + ": " + adapter.config().peftType())
              + " changes what the model reads, and cannot be active together with others:"
              + " activate it alone");
    }
  }

  /** Who changes a parameter of the base, and whether by adding. */
  private record Claim(String adapter, String how, boolean adds) {}

  private void mustAdd() {
    Map<Parameter, Claim> claims = new LinkedHashMap<>();
    adapters.forEach(
        (name, adapter) -> {
          AdapterParts parts = adapter.parts();
          String method = adapter.config().peftType();
          Map<Parameter, Claim> own = new LinkedHashMap<>();
          parts.places.values().forEach(p -> own.put(p.weight().shared(), claim(name, method, p)));
          parts.copies.keySet().forEach(p -> own.put(p, new Claim(name, "trains it whole", false)));
          own.forEach((parameter, claim) -> merge(claims, parameter, claim));
        });
  }

  private static Claim claim(String adapter, String method, Place place) {
    boolean adds = place.adapted().adds();
    return new Claim(adapter, method + (adds ? " adds to it" : " does not add"), adds);
  }

  private static void merge(Map<Parameter, Claim> claims, Parameter parameter, Claim claim) {
    Claim before = claims.put(parameter, claim);
    if (before != null && !(before.adds && claim.adds)) {
      throw new LorikeetException(
          "adapters "
              + (before.adapter + " and " + claim.adapter)
              + (" cannot be active at once: of " + parameter.name() + " ")
              + (before.adapter + " (" + before.how + ") and ")
              + (claim.adapter + " (" + claim.how + ") make no sum: activate one of them"));
    }
  }

  /** Lets them answer. */
  void in() {
    adapters.values().forEach(Adapter::in);
    Map<ProjectionSlot, List<Adapted>> layers = new LinkedHashMap<>();
    Map<EmbeddingSlot, List<Adapted>> tables = new LinkedHashMap<>();
    for (Adapter adapter : adapters.values()) {
      for (Place place : adapter.parts().places.values()) {
        place.projections().keySet().forEach(slot -> note(layers, slot, place.adapted()));
        place.lookups().keySet().forEach(slot -> note(tables, slot, place.adapted()));
      }
    }
    layers.entrySet().removeIf(entry -> entry.getValue().size() == 1);
    tables.entrySet().removeIf(entry -> entry.getValue().size() == 1);
    layers.forEach((slot, adding) -> slot.fill(x -> sum(slot.base().forward(x), adding, x)));
    tables.forEach((slot, adding) -> slot.fill(ids -> sum(slot.base().forward(ids), adding, ids)));
  }

  private static <S> void note(Map<S, List<Adapted>> noted, S slot, Adapted adapted) {
    noted.computeIfAbsent(slot, s -> new ArrayList<>()).add(adapted);
  }

  private static Tensor sum(Tensor base, List<Adapted> adding, Tensor input) {
    Tensor sum = base;
    for (Adapted adapted : adding) {
      sum = sum.add(adapted.added(input));
    }
    return sum;
  }

  /** Folds them into the base's weights, one after the other; what each did, by name. */
  Map<String, MergeReceipt> fold() {
    Map<String, MergeReceipt> receipts = new LinkedHashMap<>();
    try {
      adapters.forEach((name, adapter) -> receipts.put(name, adapter.fold()));
      return receipts;
    } catch (RuntimeException e) {
      out();
      in();
      throw e;
    }
  }

  /** Lets the base answer, as it was before them. */
  void out() {
    List<Adapter> backwards = new ArrayList<>(adapters.values());
    Collections.reverse(backwards); // merges lie over each other
    backwards.forEach(Adapter::out);
  }
}
