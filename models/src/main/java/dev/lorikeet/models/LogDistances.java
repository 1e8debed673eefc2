package dev.lorikeet.models;

import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.Tensor;

/**
 * How far apart two tokens are, as a row of a table of relative positions; beyond the nearest on a
 * logarithmic scale (He et al. 2021, arXiv:2111.09543).
 *
 * @param buckets on either side, the nearer half of them of one distance each, the others of ever
 *     more; 0 for one a distance
 * @param furthest the distance up to which rows differ
 */
record LogDistances(int buckets, int furthest) {
  static LogDistances of(ModelConfig json) {
    int furthest = json.integer("max_relative_positions", -1);
    return new LogDistances(
        Math.max(0, json.integer("position_buckets", -1)),
        furthest < 1 ? json.integer("max_position_embeddings", 512) : furthest);
  }

  /** Half of the table's rows. */
  int span() {
    return buckets > 0 ? buckets : furthest;
  }

  /** The row for a query so many tokens after its key. */
  int row(int distance) {
    int signed = distance < 0 ? -bucket(-distance) : bucket(distance);
    return Math.max(0, Math.min(2 * span() - 1, signed + span()));
  }

  /** The logarithmic scale of arXiv:2111.09543's checkpoints. */
  private int bucket(int distance) {
    int middle = buckets / 2;
    if (buckets == 0 || distance <= middle) {
      return distance;
    }
    double far = Math.log((double) distance / middle);
    double furthestOfAll = Math.log((furthest - 1.0) / middle);
    return (int) Math.ceil(far / furthestOfAll * (middle - 1)) + middle;
  }

  /**
   * The relative positions of one pass, the same for all layers.
   *
   * @param vectors [R, D], of all distances that occur; rows of the table
   * @param falling which of them belongs to the distances T − 1 to −(T − 1), [2T − 1], int64
   * @param rising the same from −(T − 1) to T − 1
   */
  record OfPass(Tensor vectors, Tensor falling, Tensor rising) {
    static OfPass of(LogDistances distances, Tensor table, int length) {
      int first = distances.row(1 - length);
      long[] rows = new long[2 * length - 1];
      long[] backwards = new long[rows.length];
      for (int i = 0; i < rows.length; i++) {
        rows[i] = (long) distances.row(i - (length - 1)) - first;
        backwards[rows.length - 1 - i] = rows[i];
      }
      Device device = table.device();
      return new OfPass(
          table.narrow(0, first, rows[rows.length - 1] + 1),
          Tensor.of(backwards, rows.length).to(device),
          Tensor.of(rows, rows.length).to(device));
    }
  }
}
