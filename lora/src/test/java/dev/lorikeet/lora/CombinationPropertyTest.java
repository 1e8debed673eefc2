package dev.lorikeet.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lorikeet.lora.Combination.Factors;
import dev.lorikeet.lora.Combination.Term;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Tag;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.jspecify.annotations.Nullable;

/**
 * Each type of combination against its formula, worked out here element by element in double
 * precision, for layers of any shape, ranks, scales and weights.
 */
@Tag("numeric")
class CombinationPropertyTest {
  /** Of numbers below about 10 after at most some dozens of roundings of 6e-8 each. */
  private static final double ROUNDING = 1e-4;

  /** Updates with random factors; each adapter's rank is one more than that of the one before. */
  private static List<Term> terms(int count, int in, int out, int rank, boolean growing) {
    List<Term> terms = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int r = growing ? rank + i : rank;
      float[] scales = Tensor.uniform(-1, 1, 2).toFloats();
      terms.add(
          new Term(
              Tensor.normal(0, 1, r, in),
              Tensor.normal(0, 0.5, out, r),
              scales[0] + 1.25, // a scaling is positive
              scales[1] * 2)); // a weight may be negative
    }
    return terms;
  }

  private static Combination pruning(
      CombinationType type, double density, @Nullable MajoritySign sign) {
    return new Combination(type, null, density, sign, 0);
  }

  @Property(tries = 60)
  void linearAddsFactorsWithRootsOfWeights(
      @ForAll @IntRange(min = 1, max = 4) int count,
      @ForAll @IntRange(min = 1, max = 9) int in,
      @ForAll @IntRange(min = 1, max = 9) int out,
      @ForAll @IntRange(min = 1, max = 5) int rank,
      @ForAll long seed) {
    try (Scope scope = Scope.open()) {
      Torch.seed(seed);
      List<Term> terms = terms(count, in, out, rank, false);
      Factors linear = Combination.of(CombinationType.LINEAR).combine(terms);
      mustBe(linear.a(), summed(terms, Term::a, CombinationPropertyTest::signedRoot));
      mustBe(linear.b(), summed(terms, Term::b, CombinationPropertyTest::root));
    }
  }

  @Property(tries = 60)
  void catIsTheWeightedSumOfUpdates(
      @ForAll @IntRange(min = 1, max = 4) int count,
      @ForAll @IntRange(min = 1, max = 9) int in,
      @ForAll @IntRange(min = 1, max = 9) int out,
      @ForAll @IntRange(min = 1, max = 5) int rank,
      @ForAll long seed) {
    try (Scope scope = Scope.open()) {
      Torch.seed(seed);
      List<Term> terms = terms(count, in, out, rank, true);
      Factors cat = Combination.of(CombinationType.CAT).combine(terms);
      assertThat(cat.rank()).isEqualTo(terms.stream().mapToInt(term -> rank(term)).sum());
      mustBe(cat.b().matmul(cat.a()), updates(terms));
    }
  }

  /** No matrix of a rank is nearer than what the largest singular values make (Eckart 1936). */
  @Property(tries = 60)
  void svdIsTheNearestOfItsRank(
      @ForAll @IntRange(min = 1, max = 3) int count,
      @ForAll @IntRange(min = 1, max = 12) int in,
      @ForAll @IntRange(min = 1, max = 12) int out,
      @ForAll @IntRange(min = 1, max = 4) int rank,
      @ForAll @IntRange(min = 1, max = 14) int asked,
      @ForAll long seed) {
    try (Scope scope = Scope.open()) {
      Torch.seed(seed);
      List<Term> terms = terms(count, in, out, rank, true);
      Factors svd = new Combination(CombinationType.SVD, asked, null, null, 0).combine(terms);
      assertThat(svd.rank()).isLessThanOrEqualTo(Math.min(asked, Math.min(in, out)));
      Tensor all = Tensor.of(floats(updates(terms)), out, in);
      float[] values = Ops.svd(all).get(1).toFloats();
      double left =
          IntStream.range(0, values.length)
              .filter(i -> i >= asked)
              .mapToDouble(i -> values[i] * (double) values[i])
              .sum();
      double distance = svd.b().matmul(svd.a()).sub(all).norm().item();
      assertThat(distance).isCloseTo(Math.sqrt(left), within(ROUNDING * (1 + values[0])));
    }
  }

  @Property(tries = 60)
  void magnitudePruneKeepsTheLargestOfEachFactor(
      @ForAll @IntRange(min = 1, max = 4) int count,
      @ForAll @IntRange(min = 1, max = 9) int in,
      @ForAll @IntRange(min = 1, max = 9) int out,
      @ForAll @DoubleRange(min = 0.05, max = 1) double density,
      @ForAll long seed) {
    try (Scope scope = Scope.open()) {
      Torch.seed(seed);
      List<Term> terms = terms(count, in, out, 3, false);
      Factors pruned = pruning(CombinationType.MAGNITUDE_PRUNE, density, null).combine(terms);
      mustBe(pruned.a(), summed(terms, Term::a, density, CombinationPropertyTest::signedRoot));
      mustBe(pruned.b(), summed(terms, Term::b, density, CombinationPropertyTest::root));
    }
  }

  @Property(tries = 100)
  void tiesAddsWhatAgreesWithTheMajority(
      @ForAll @IntRange(min = 1, max = 4) int count,
      @ForAll @IntRange(min = 1, max = 9) int in,
      @ForAll @IntRange(min = 1, max = 9) int out,
      @ForAll @DoubleRange(min = 0.05, max = 1) double density,
      @ForAll MajoritySign sign,
      @ForAll long seed) {
    try (Scope scope = Scope.open()) {
      Torch.seed(seed);
      List<Term> terms = terms(count, in, out, 3, false);
      Factors ties = pruning(CombinationType.TIES, density, sign).combine(terms);
      double[] signed = terms.stream().mapToDouble(CombinationPropertyTest::signedRoot).toArray();
      double[] plain = terms.stream().mapToDouble(CombinationPropertyTest::root).toArray();
      mustBe(ties.a(), elected(pruned(terms, Term::a, density), signed, sign));
      mustBe(ties.b(), elected(pruned(terms, Term::b, density), plain, sign));
    }
  }

  /** With the rank of the whole matrix nothing is lost by decomposing it. */
  @Property(tries = 60)
  void svdTypesTreatTheUpdatesThemselves(
      @ForAll @IntRange(min = 1, max = 3) int count,
      @ForAll @IntRange(min = 1, max = 9) int in,
      @ForAll @IntRange(min = 1, max = 9) int out,
      @ForAll @DoubleRange(min = 0.05, max = 1) double density,
      @ForAll MajoritySign sign,
      @ForAll long seed) {
    try (Scope scope = Scope.open()) {
      Torch.seed(seed);
      List<Term> terms = terms(count, in, out, 2, true);
      double[] weights = terms.stream().mapToDouble(Term::weight).toArray();
      List<double[]> kept =
          pruned(terms, term -> term.b().matmul(term.a()).mul(term.scaling()), density);
      Factors ties = new Combination(CombinationType.TIES_SVD, 9, density, sign, 0).combine(terms);
      mustBe(ties.b().matmul(ties.a()), elected(kept, weights, sign));
      Factors magnitude =
          new Combination(CombinationType.MAGNITUDE_PRUNE_SVD, 9, density, null, 0).combine(terms);
      mustBe(magnitude.b().matmul(magnitude.a()), weighted(kept, weights));
    }
  }

  @Property(tries = 40)
  void dareKeepsElementsWithTheProbabilityAndMakesUpForTheOthers(
      @ForAll @DoubleRange(min = 0.1, max = 0.9) double density, @ForAll long seed) {
    try (Scope scope = Scope.open()) {
      Torch.seed(seed);
      Term one = new Term(Tensor.uniform(1, 2, 60, 80), Tensor.uniform(1, 2, 50, 60), 1, 1);
      Factors dare = pruning(CombinationType.DARE_LINEAR, density, null).combine(List.of(one));
      for (Tensor[] factor : new Tensor[][] {{one.a(), dare.a()}, {one.b(), dare.b()}}) {
        double[] before = doubles(factor[0]);
        double[] after = doubles(factor[1]);
        int kept = 0;
        for (int i = 0; i < before.length; i++) {
          if (after[i] != 0) {
            kept++;
            assertThat(after[i]).isCloseTo(before[i] / density, within(1e-5 * after[i]));
          }
        }
        // Five standard deviations of a binomial's share: once in 1.7 million draws.
        double deviation = Math.sqrt(density * (1 - density) / before.length);
        assertThat(kept / (double) before.length).isCloseTo(density, within(5 * deviation));
        // Σ xᵢ kᵢ/d has the mean Σ xᵢ and the variance Σ xᵢ² (1 − d)/d.
        double squares = Arrays.stream(before).map(x -> x * x).sum();
        double spread = Math.sqrt(squares * (1 - density) / density);
        assertThat(Arrays.stream(after).sum())
            .isCloseTo(Arrays.stream(before).sum(), within(5 * spread));
      }
    }
  }

  /** Of two adapters' elements, each is there or not: what comes out is one of the four cases. */
  @Property(tries = 60)
  void dareTiesAddsWhatIsLeftAndAgrees(
      @ForAll @IntRange(min = 1, max = 9) int in,
      @ForAll @DoubleRange(min = 0.2, max = 0.9) double density,
      @ForAll MajoritySign sign,
      @ForAll long seed) {
    try (Scope scope = Scope.open()) {
      Torch.seed(seed);
      List<Term> terms = terms(2, in, 7, 3, false);
      Factors dare = pruning(CombinationType.DARE_TIES, density, sign).combine(terms);
      double[] roots = terms.stream().mapToDouble(CombinationPropertyTest::root).toArray();
      double[] found = doubles(dare.b());
      double[] first = doubles(terms.get(0).b());
      double[] second = doubles(terms.get(1).b());
      for (int i = 0; i < found.length; i++) {
        double element = found[i];
        double x = first[i] / density;
        double y = second[i] / density;
        assertThat(
                List.of(
                    new double[] {0, 0},
                    new double[] {x, 0},
                    new double[] {0, y},
                    new double[] {x, y}))
            .as("%s of %s and %s", element, x, y)
            .anyMatch(
                left ->
                    Math.abs(
                            elected(
                                    List.of(new double[] {left[0]}, new double[] {left[1]}),
                                    roots,
                                    sign)[0]
                                - element)
                        < ROUNDING);
      }
    }
  }

  // ---- the formulas, element by element ----

  private static int rank(Term term) {
    return (int) term.a().size(0);
  }

  private static double root(Term term) {
    return Math.sqrt(Math.abs(term.weight() * term.scaling()));
  }

  private static double signedRoot(Term term) {
    return Math.signum(term.weight()) * root(term);
  }

  private static double[] updates(List<Term> terms) {
    int out = (int) terms.get(0).b().size(0);
    int in = (int) terms.get(0).a().size(1);
    double[] sum = new double[out * in];
    for (Term term : terms) {
      double[] a = doubles(term.a());
      double[] b = doubles(term.b());
      for (int o = 0; o < out; o++) {
        for (int k = 0; k < rank(term); k++) {
          for (int i = 0; i < in; i++) {
            sum[o * in + i] +=
                term.weight() * term.scaling() * b[o * rank(term) + k] * a[k * in + i];
          }
        }
      }
    }
    return sum;
  }

  private static double[] summed(
      List<Term> terms, Function<Term, Tensor> factor, Function<Term, Double> weight) {
    return summed(terms, factor, 1, weight);
  }

  private static double[] summed(
      List<Term> terms,
      Function<Term, Tensor> factor,
      double density,
      Function<Term, Double> weight) {
    return weighted(
        pruned(terms, factor, density), terms.stream().mapToDouble(weight::apply).toArray());
  }

  private static double[] weighted(List<double[]> tensors, double[] weights) {
    double[] sum = new double[tensors.get(0).length];
    for (int n = 0; n < weights.length; n++) {
      for (int i = 0; i < sum.length; i++) {
        sum[i] += weights[n] * tensors.get(n)[i];
      }
    }
    return sum;
  }

  private static List<double[]> pruned(
      List<Term> terms, Function<Term, Tensor> tensor, double density) {
    return terms.stream().map(term -> largest(doubles(tensor.apply(term)), density)).toList();
  }

  private static double[] largest(double[] x, double density) {
    double[] kept = new double[x.length];
    IntStream.range(0, x.length)
        .boxed()
        .sorted(Comparator.comparingDouble(i -> -Math.abs(x[i])))
        .limit((long) (density * x.length))
        .forEach(i -> kept[i] = x[i]);
    return kept;
  }

  private static double[] elected(List<double[]> tensors, double[] weights, MajoritySign method) {
    double[] result = new double[tensors.get(0).length];
    for (int i = 0; i < result.length; i++) {
      double votes = 0;
      for (double[] tensor : tensors) {
        votes += method == MajoritySign.TOTAL ? tensor[i] : Math.signum(tensor[i]);
      }
      double winner = votes >= 0 ? 1 : -1;
      double sum = 0;
      int count = 0;
      for (int n = 0; n < weights.length; n++) {
        if (Math.signum(tensors.get(n)[i]) == winner) {
          sum += weights[n] * tensors.get(n)[i];
          count++;
        }
      }
      result[i] = sum / Math.max(count, 1);
    }
    return result;
  }

  private static double[] doubles(Tensor tensor) {
    float[] values = tensor.toFloats();
    return IntStream.range(0, values.length).mapToDouble(i -> values[i]).toArray();
  }

  private static float[] floats(double[] values) {
    float[] floats = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      floats[i] = (float) values[i];
    }
    return floats;
  }

  private static void mustBe(Tensor found, double[] expected) {
    assertThat(doubles(found)).containsExactly(expected, within(ROUNDING));
  }
}
