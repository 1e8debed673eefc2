package dev.lorikeet.training;

import dev.lorikeet.data.Batch;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Projection;
import dev.lorikeet.models.ProjectionSlot;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Finds where in a model numbers first cease to be finite. */
final class FirstNonFinite {
  private @Nullable String path;

  private FirstNonFinite() {}

  /**
   * The linear layer whose output is the first that has NaN or infinity when a batch goes through
   * the model again; null where all of them are finite, other dropout masks having been drawn, say.
   */
  static @Nullable String layer(Model model, Batch batch) {
    FirstNonFinite found = new FirstNonFinite();
    Map<ProjectionSlot, Projection> answering = new LinkedHashMap<>();
    model.projections().values().forEach(slot -> answering.put(slot, slot.current()));
    try (Scope scope = Scope.open()) {
      answering.forEach((slot, layer) -> slot.fill(x -> found.look(slot, layer.forward(x))));
      model.logits(Inputs.of(batch, model));
    } finally {
      answering.forEach(ProjectionSlot::fill);
    }
    return found.path;
  }

  private Tensor look(ProjectionSlot slot, Tensor output) {
    if (path == null && !output.isFinite()) {
      path = slot.path();
    }
    return output;
  }
}
