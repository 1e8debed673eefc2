package dev.lorikeet.lora;

import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The principal components of rows that come batch by batch (Ross et al. 2008, Incremental learning
 * for robust visual tracking, §3.1): the components so far, times their singular values, stand for
 * the rows that were. What it keeps belongs to the scope that is open when it is made.
 */
final class IncrementalPca {
  /** Steps of subspace iteration, and how many more directions it follows; as PEFT has it. */
  private static final int ITERATIONS = 4;

  private static final int WIDER = 2;

  private final int components;
  private final Scope owner;
  private @Nullable Tensor directions; // [k, D]
  private @Nullable Tensor singular; // [k]
  private @Nullable Tensor mean; // [D]
  private long rows;

  /** All rows' squared distances from their mean, summed up. */
  private double variation;

  private double[] cosines = new double[0];

  IncrementalPca(int components, Scope owner) {
    this.components = components;
    this.owner = owner;
  }

  /**
   * Takes rows in.
   *
   * @param x [at least as many rows as components, D], float32
   */
  void add(Tensor x) {
    long count = x.size(0);
    Tensor batchMean = x.mean(0, false);
    Tensor centred = x.sub(batchMean);
    variation += Math.pow(centred.norm(DType.FLOAT64).item(), 2);
    Tensor newMean = batchMean;
    Tensor stacked = centred;
    if (directions != null && singular != null && mean != null) {
      double weight = (double) rows * count / (rows + count);
      Tensor shift = mean.sub(batchMean);
      variation += weight * Math.pow(shift.norm(DType.FLOAT64).item(), 2);
      newMean = batchMean.add(shift, (double) rows / (rows + count));
      stacked =
          Tensor.cat(
              List.of(
                  directions.mul(singular.unsqueeze(1)),
                  centred,
                  shift.mul(Math.sqrt(weight)).unsqueeze(0)),
              0);
    }
    int followed =
        (int) Math.min((long) WIDER * components, Math.min(stacked.size(0), stacked.size(1)));
    SingularValues found = SingularValues.randomised(stacked, followed, ITERATIONS);
    Tensor before = directions;
    Tensor now = upright(found.v().narrow(0, 0, components));
    if (before != null) {
      float[] products = now.mul(before).sum(1, false).toFloats(); // of unit vectors
      cosines = IntStream.range(0, products.length).mapToDouble(i -> products[i]).toArray();
    }
    directions = replaced(before, now);
    singular = replaced(singular, found.s().narrow(0, 0, components));
    mean = replaced(mean, newMean);
    rows += count;
  }

  private Tensor replaced(@Nullable Tensor before, Tensor now) {
    Tensor own = owner.adopt(now.copy());
    if (before != null) {
      owner.release(before);
    }
    return own;
  }

  /** The rows [k, D], each turned so that its largest element is positive, as PEFT turns them. */
  private static Tensor upright(Tensor rows) {
    float[] values = rows.toFloats();
    int width = (int) rows.size(1);
    float[] signs = new float[(int) rows.size(0)];
    for (int row = 0; row < signs.length; row++) {
      float largest = 0;
      for (int i = row * width; i < (row + 1) * width; i++) {
        largest = Math.abs(values[i]) > Math.abs(largest) ? values[i] : largest;
      }
      signs[row] = largest < 0 ? -1 : 1;
    }
    return rows.mul(Tensor.of(signs, signs.length, 1).to(rows.device()));
  }

  /** Whether the leading directions are, up to a cosine, those of a batch before. */
  boolean isSettled(int leading, double tau) {
    return leading == 0
        || (cosines.length > 0 && Arrays.stream(cosines, 0, leading).allMatch(c -> c >= tau));
  }

  boolean isEmpty() {
    return directions == null;
  }

  /** The components [k, D], from the most important down; null before the first batch. */
  @Nullable Tensor directions() {
    return directions;
  }

  /** Their singular values [k]. */
  @Nullable Tensor singular() {
    return singular;
  }

  /** The share of the rows' variance that each component explains, [k]. */
  double[] explained() {
    double[] shares = new double[components];
    float[] values = singular == null ? new float[components] : singular.toFloats();
    for (int i = 0; i < components; i++) {
      shares[i] = (double) values[i] * values[i] / variation;
    }
    return shares;
  }
}
