package dev.lorikeet.adapters;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What a merge did to a model: how large each update was, and how much of it rounding to the base's
 * type cost.
 *
 * @param method PEFT's name of the adapter's method
 * @param adapterSha256 of the adapter's file of tensors; null where it was not read from one, or
 *     trained since
 * @param changes one for each of the base's tensors that the model computes with another in place
 *     of
 */
public record MergeReceipt(String method, @Nullable String adapterSha256, List<Change> changes) {
  /** The file beside a merged checkpoint. */
  public static final String FILE = "merge_receipt.json";

  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  public MergeReceipt {
    changes = List.copyOf(changes);
  }

  /**
   * What became of one tensor. Norms are Frobenius, in float32.
   *
   * @param path of the layer
   * @param tensor its name in the checkpoint
   * @param dtype what it is stored in now
   * @param weightNorm ‖W‖ before
   * @param updateNorm ‖W′ − W‖, W′ the merged weight in float32
   * @param mergedNorm ‖W′‖
   * @param roundingMax the largest |stored − W′| of an element
   * @param roundingNorm ‖stored − W′‖
   * @param tiedTo the tensors that it was one with, such as output weights tied to an embedding
   * @param parted whether it no longer is
   * @param replaced whether the adapter trained a copy of it, which is kept in float32
   */
  public record Change(
      String path,
      String tensor,
      DType dtype,
      double weightNorm,
      double updateNorm,
      double mergedNorm,
      double roundingMax,
      double roundingNorm,
      List<String> tiedTo,
      boolean parted,
      boolean replaced) {
    /** So many elements are compared at once, 16 MiB in float32. */
    private static final long PIECE = 1L << 22;

    public Change {
      tiedTo = List.copyOf(tiedTo);
    }

    /** ‖W′ − W‖ / ‖W‖; 0 where nothing changed, infinite where W was 0. */
    public double relativeUpdate() {
      return ratio(updateNorm, weightNorm);
    }

    /** ‖stored − W′‖ / ‖W′‖. */
    public double relativeRounding() {
      return ratio(roundingNorm, mergedNorm);
    }

    /** ‖stored − W′‖ / ‖W′ − W‖: at 1, rounding changed as much as the adapter. */
    public double roundingOfUpdate() {
      return ratio(roundingNorm, updateNorm);
    }

    private static double ratio(double x, double of) {
      return x == 0 ? 0 : x / of;
    }

    static Change of(
        String path,
        Parameter base,
        Tensor before,
        Tensor merged,
        Tensor stored,
        List<String> tiedTo,
        boolean replaced) {
      double weight = 0;
      double update = 0;
      double after = 0;
      double largest = 0;
      double rounding = 0;
      long rows = merged.size(0);
      long step = Math.max(1, PIECE * rows / Math.max(1, merged.count()));
      for (long from = 0; from < rows; from += step) {
        try (Scope piece = Scope.open()) {
          long some = Math.min(step, rows - from);
          Tensor w = before.detach().narrow(0, from, some).to(DType.FLOAT32);
          Tensor exact = merged.narrow(0, from, some);
          Tensor error = stored.narrow(0, from, some).to(DType.FLOAT32).sub(exact);
          weight = Math.hypot(weight, w.norm().item());
          update = Math.hypot(update, exact.sub(w).norm().item());
          after = Math.hypot(after, exact.norm().item());
          largest = Math.max(largest, error.abs().max().item());
          rounding = Math.hypot(rounding, error.norm().item());
        }
      }
      boolean parted = !tiedTo.isEmpty() && base.shared() != base;
      return new Change(
          path,
          base.name(),
          stored.dtype(),
          weight,
          update,
          after,
          largest,
          rounding,
          tiedTo,
          parted,
          replaced);
    }

    ObjectNode json() {
      ObjectNode json = JsonNodeFactory.instance.objectNode();
      json.put("tensor", tensor);
      json.put("layer", path);
      json.put("dtype", dtype.name().toLowerCase(Locale.ROOT));
      json.put("update_norm", updateNorm);
      json.put("update_relative", weightNorm == 0 ? null : (Double) relativeUpdate());
      json.put("rounding_max", roundingMax);
      json.put("rounding_relative", relativeRounding());
      json.put("rounding_of_update", roundingOfUpdate());
      json.put("replaced", replaced);
      tiedTo.forEach(json.putArray("tied_to")::add);
      json.put("parted", parted);
      return json;
    }
  }

  /** The largest share of an update that rounding took or added; 0 without changes. */
  public double largestRoundingOfUpdate() {
    return changes.stream().mapToDouble(Change::roundingOfUpdate).max().orElse(0);
  }

  /** The receipt as its file has it. */
  public ObjectNode json() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("method", method);
    json.put("adapter_sha256", adapterSha256);
    changes.forEach(change -> json.withArray("changes").add(change.json()));
    return json;
  }

  /** Writes {@link #FILE} into a folder. */
  public void write(Path folder) throws IOException {
    JSON.writeValue(folder.resolve(FILE).toFile(), json());
  }
}
