package dev.lorikeet.lora;

import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.util.List;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/**
 * How the updates of several adapters become one, as PEFT's {@code add_weighted_adapter} has it.
 * Computed in float32, whatever adapters are stored in.
 *
 * @param type what is combined, and how
 * @param svdRank the rank of what is decomposed again; null for the largest of all adapters and
 *     layers
 * @param density which share of elements is kept, in (0, 1], for types that leave some out; else
 *     null
 * @param majoritySign what decides between signs, for types that elect one; null for the sum
 * @param seed of what is left out at random
 */
public record Combination(
    CombinationType type,
    @Nullable Integer svdRank,
    @Nullable Double density,
    @Nullable MajoritySign majoritySign,
    long seed) {

  public Combination {
    boolean prunes = type.pruning() != CombinationType.Pruning.NONE;
    if (svdRank != null) {
      mustBelong(type, type.form() == CombinationType.Form.PRODUCT, "svd rank", svdRank);
      if (svdRank < 1) {
        throw new UsageException("svd rank is " + svdRank + ": a rank must be at least 1");
      }
    }
    if (majoritySign != null) {
      mustBelong(type, type.electsSigns(), "majority sign method", majoritySign.id());
    }
    if (density != null) {
      mustBelong(type, prunes, "density", density);
      if (!(density > 0 && density <= 1)) {
        throw new UsageException("density is " + density + ": it must be above 0 and at most 1");
      }
    } else if (prunes) {
      throw new UsageException(
          "combination type "
              + type.id()
              + " needs a density: the share of elements that is kept, above 0 and at most 1");
    }
  }

  /** A type with nothing else to say. */
  public static Combination of(CombinationType type) {
    return new Combination(type, null, null, null, 0);
  }

  /** With a rank for what is decomposed again, where none was named. */
  Combination orRank(int rank) {
    boolean open = svdRank == null && type.form() == CombinationType.Form.PRODUCT;
    return open ? new Combination(type, rank, density, majoritySign, seed) : this;
  }

  private static void mustBelong(CombinationType type, boolean belongs, String name, Object value) {
    if (!belongs) {
      throw new UsageException(
          name
              + " "
              + value
              + " means nothing to combination type "
              + type.id()
              + ": leave it out");
    }
  }

  /**
   * An adapter's update of one layer, ΔW = s·BA, and its weight.
   *
   * @param a A [r, in], float32; of an embedding [r, V]
   * @param b B [out, r]; of an embedding [D, r]
   */
  record Term(Tensor a, Tensor b, double scaling, double weight) {
    /** w·s. */
    private double factor() {
      return weight * scaling;
    }

    private Tensor update() {
      return b.matmul(a).mul(scaling);
    }
  }

  /**
   * A and B of the combined update BA, unscaled.
   *
   * @param a [r, in]
   * @param b [out, r]
   */
  record Factors(Tensor a, Tensor b) {
    int rank() {
      return Math.toIntExact(a.size(0));
    }
  }

  /** The combination of one layer's updates; what is left out at random is drawn now. */
  Factors combine(List<Term> terms) {
    return switch (type.form()) {
      case FACTORS -> ofFactors(terms);
      case SIDE_BY_SIDE -> sideBySide(terms);
      case PRODUCT -> decomposed(terms);
    };
  }

  /** Each factor takes the root of a weight, and A its sign. */
  private Factors ofFactors(List<Term> terms) {
    List<Double> roots = terms.stream().map(term -> Math.sqrt(Math.abs(term.factor()))).toList();
    List<Double> signed =
        terms.stream()
            .map(term -> Math.copySign(Math.sqrt(Math.abs(term.factor())), term.factor()))
            .toList();
    return new Factors(
        sum(terms.stream().map(Term::a).toList(), signed),
        sum(terms.stream().map(Term::b).toList(), roots));
  }

  private static Factors sideBySide(List<Term> terms) {
    List<Tensor> scaled = terms.stream().map(term -> term.a.mul(term.factor())).toList();
    return new Factors(Tensor.cat(scaled, 0), Tensor.cat(terms.stream().map(Term::b).toList(), 1));
  }

  private Factors decomposed(List<Term> terms) {
    int rank = svdRank == null ? largestRank(terms) : svdRank;
    if (type == CombinationType.SVD) {
      Factors all = sideBySide(terms);
      return factors(SingularValues.ofProduct(all.b, all.a, rank));
    }
    List<Double> weights = terms.stream().map(Term::weight).toList();
    Tensor update = sum(terms.stream().map(Term::update).toList(), weights); // [out, in]
    long most = Math.min(update.size(0), update.size(1));
    return factors(SingularValues.of(update, (int) Math.min(rank, most)));
  }

  private static int largestRank(List<Term> terms) {
    return terms.stream().mapToInt(term -> (int) term.a.size(0)).max().orElseThrow();
  }

  /** B takes the singular values, as in PEFT. */
  private static Factors factors(SingularValues values) {
    return new Factors(values.v().contiguous(), values.u().mul(values.s()));
  }

  /** Σ wᵢ Tᵢ, without what is left out and over those that have the majority's sign. */
  private Tensor sum(List<Tensor> tensors, List<Double> weights) {
    List<Tensor> kept = tensors.stream().map(this::pruned).toList();
    if (!type.electsSigns()) {
      return weighted(kept, weights);
    }
    Tensor stacked = stacked(kept);
    Tensor agreeing = Ops.majority(stacked, majoritySign == MajoritySign.FREQUENCY); // 1 or 0
    Tensor sum = weighted(split(stacked.mul(agreeing)), weights);
    Tensor count = agreeing.sum(0, false);
    return sum.div(count.add(count.eq(0).to(count.dtype())));
  }

  private Tensor pruned(Tensor x) {
    double share = density == null ? 1 : density;
    if (share == 1) {
      return x;
    }
    return switch (type.pruning()) {
      case NONE -> x;
      case MAGNITUDE -> Ops.keepLargest(x, (long) (share * x.count()));
      case RANDOM -> {
        Tensor draws = Tensor.uniform(0, 1, x.shape()).to(x.device());
        Tensor kept = draws.mul(-1).gt(-share); // with probability share, to 2^-24
        yield x.mul(kept.to(x.dtype())).mul(1 / share);
      }
    };
  }

  private static Tensor weighted(List<Tensor> tensors, List<Double> weights) {
    Tensor sum = tensors.get(0).mul(weights.get(0));
    for (int i = 1; i < tensors.size(); i++) {
      sum = sum.add(tensors.get(i), weights.get(i));
    }
    return sum;
  }

  private static Tensor stacked(List<Tensor> tensors) {
    return Tensor.cat(tensors.stream().map(x -> x.unsqueeze(0)).toList(), 0);
  }

  private static List<Tensor> split(Tensor stacked) {
    return LongStream.range(0, stacked.size(0)).mapToObj(i -> stacked.select(0, i)).toList();
  }
}
