package dev.lorikeet.lora.formats;

import dev.lorikeet.models.Model;
import dev.lorikeet.models.ProjectionSlot;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Nearest;
import dev.lorikeet.torch.Tensor;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The updates of a model's linear layers by their paths, whatever file they come from.
 *
 * @param dropout of the updates' inputs while training
 */
public record LoraTensors(Map<String, Update> updates, double dropout) {
  public LoraTensors {
    updates = Collections.unmodifiableMap(new LinkedHashMap<>(updates));
  }

  /**
   * W + α/r · BA.
   *
   * @param a [r, in]
   * @param b [out, r]
   * @param magnitude DoRA's m [out], or null
   */
  public record Update(Tensor a, Tensor b, @Nullable Tensor magnitude, double alpha) {
    public int rank() {
      return Math.toIntExact(a.size(0));
    }

    /** α/r. */
    public double scaling() {
      return alpha / rank();
    }
  }

  private static LorikeetException misfit(String place, String path, Model model) {
    return new LorikeetException(
        place
            + " has an update of \""
            + path
            + "\", and the model has no such layer; nearest: "
            + String.join(", ", Nearest.of(path, model.projections().keySet(), 1)));
  }

  /**
   * These updates, each of them seen to fit its layer.
   *
   * @param place for errors
   * @throws LorikeetException when there is none, a layer is not there or has another shape
   */
  LoraTensors checked(String place, Model model) {
    if (updates.isEmpty()) {
      throw new LorikeetException(place + " has no updates of linear layers");
    }
    updates.forEach(
        (path, update) -> {
          ProjectionSlot slot = model.projections().get(path);
          if (slot == null) {
            throw misfit(place, path, model);
          }
          mustBe(place, path + " A", update.a(), update.rank(), slot.base().in());
          mustBe(place, path + " B", update.b(), slot.base().out(), update.rank());
          if (update.magnitude() != null) {
            mustBe(place, path + " magnitude", update.magnitude(), slot.base().out());
          }
        });
    boolean some = updates.values().stream().anyMatch(update -> update.magnitude() != null);
    boolean all = updates.values().stream().allMatch(update -> update.magnitude() != null);
    if (some && !all) {
      throw new LorikeetException(
          place + " has magnitudes of DoRA for some layers and not for others");
    }
    return this;
  }

  private static void mustBe(String place, String what, Tensor tensor, long... shape) {
    if (!Arrays.equals(tensor.shape(), shape)) {
      throw new LorikeetException(
          place
              + ": "
              + what
              + " is "
              + Arrays.toString(tensor.shape())
              + ", this model asks for "
              + Arrays.toString(shape)
              + ": was the adapter made for another base?");
    }
  }

  boolean isDora() {
    return updates.values().stream().anyMatch(update -> update.magnitude() != null);
  }

  /** The rank of all, for formats that have one. */
  int oneRank(String format) {
    List<Integer> ranks = updates.values().stream().map(Update::rank).distinct().toList();
    if (ranks.size() > 1) {
      throw new LorikeetException(
          format + " has one rank for all layers, and this adapter has ranks " + ranks);
    }
    return ranks.get(0);
  }

  /** α/r of all, for formats that have one. */
  double oneScaling(String format) {
    List<Double> scalings = updates.values().stream().map(Update::scaling).distinct().toList();
    if (scalings.size() > 1) {
      throw new LorikeetException(
          format + " has one scale for all layers, and this adapter has " + scalings);
    }
    return scalings.get(0);
  }
}
