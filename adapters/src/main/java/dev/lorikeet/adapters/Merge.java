package dev.lorikeet.adapters;

import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.LinkedHashMap;
import java.util.Map;

/** The base's weights that an adapter is merged into, with what answers in their place. */
final class Merge {
  private final Model model;
  private final Map<Parameter, Parameter> weights = new LinkedHashMap<>();
  private boolean done;

  Merge(Model model) {
    this.model = model;
  }

  boolean isDone() {
    return done;
  }

  /**
   * Puts merged weights in the place of the base's, whose own layers answer from now on.
   *
   * @throws LorikeetException when one is not finite, or a layer has no bias for the adapter's;
   *     nothing is changed
   */
  void fold(Map<String, Place> places) {
    try {
      places.forEach(this::add);
    } catch (RuntimeException e) {
      weights.values().forEach(Parameter::free);
      weights.clear();
      throw e;
    }
    places.values().forEach(Place::reset);
    weights.forEach(Parameter::substitute);
    done = true;
  }

  private void add(String path, Place place) {
    try (Scope scope = Scope.open()) {
      place
          .merged()
          .forEach(
              (base, value) -> {
                if (!value.isFinite()) {
                  throw new LorikeetException(
                      path
                          + ": the merged weight has NaN or infinite elements; nothing was merged");
                }
                Tensor stored = value.to(base.original().dtype());
                weights.put(base, new Parameter(base.name(), stored, model.weightScope()));
              });
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
    done = false;
  }
}
