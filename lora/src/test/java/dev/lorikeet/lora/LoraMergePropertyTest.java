package dev.lorikeet.lora;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lorikeet.adapters.Targets;
import dev.lorikeet.models.Linear;
import dev.lorikeet.models.Mode;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;

/** Merged equals unmerged for layers of any shape, rank and scale. */
class LoraMergePropertyTest {
  /** The distance from 1 to the next float32. */
  private static final double EPSILON = Math.ulp(1f);

  /** A model's, in float32 on the CPU. */
  private static final Mode MODE = mode();

  private static Mode mode() {
    try (Scope scope = Scope.open();
        Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      return model.mode();
    }
  }

  @Property(tries = 300)
  void theMergedWeightGivesWhatTheLayerGives(
      @ForAll @IntRange(min = 1, max = 40) int in,
      @ForAll @IntRange(min = 1, max = 40) int out,
      @ForAll @IntRange(min = 1, max = 50) int rank,
      @ForAll @DoubleRange(min = 0.01, max = 100) double alpha,
      @ForAll boolean rankStabilised,
      @ForAll boolean withBias,
      @ForAll long seed) {
    try (Scope scope = Scope.open();
        Scope owner = Scope.unbound()) {
      Torch.seed(seed);
      LoraConfig config = config(rank, alpha, rankStabilised);
      Linear base = linear(in, out, withBias, owner);
      LoraLayer layer = (LoraLayer) config.layer(base, owner);
      layer.update().b().original().setInPlace(Tensor.normal(0, 1, out, rank));
      assertThat(layer.update().scaling())
          .isEqualTo(rankStabilised ? alpha / Math.sqrt(rank) : alpha / rank);

      Tensor x = Tensor.normal(0, 1, 3, in);
      Tensor bias = base.bias() == null ? null : base.bias().value();
      Tensor merged = Ops.linear(x, layer.mergedWeight(), bias);
      Tensor excess = merged.sub(layer.forward(x)).abs().sub(rounding(layer, x));
      assertThat(excess.max().item()).isNotPositive();
    }
  }

  /**
   * What rounding may make of it: each of the two sums of at most in + r + 3 terms is off by at
   * most that many epsilons of the sum of the terms' sizes (Higham 2002, §3.1).
   */
  private static Tensor rounding(LoraLayer layer, Tensor x) {
    Tensor narrow = Ops.linear(x.abs(), layer.update().a().value().abs(), null);
    Tensor update =
        Ops.linear(narrow, layer.update().b().value().abs(), null).mul(layer.update().scaling());
    Parameter bias = layer.base().bias();
    Tensor sizes =
        Ops.linear(
                x.abs(),
                layer.base().weight().value().abs(),
                bias == null ? null : bias.value().abs())
            .add(update);
    long terms = x.size(1) + layer.update().a().value().size(0) + 3;
    return sizes.mul(2 * terms * EPSILON);
  }

  private static LoraConfig config(int rank, double alpha, boolean rankStabilised) {
    LoraConfig plain = LoraConfig.of(rank, alpha);
    return LoraConfig.of(rank, alpha)
        .but()
        .targets(Targets.allLinear())
        .rankPattern(plain.rankPattern())
        .alphaPattern(plain.alphaPattern())
        .bias(plain.bias())
        .modulesToSave(plain.modulesToSave())
        .useRslora(rankStabilised)
        .init(plain.init())
        .build();
  }

  private static Linear linear(int in, int out, boolean withBias, Scope owner) {
    Parameter weight = new Parameter("layer.weight", Tensor.normal(0, 1, out, in), owner);
    Parameter bias = withBias ? new Parameter("layer.bias", Tensor.normal(0, 1, out), owner) : null;
    return new Linear("layer", weight, bias, false, MODE);
  }
}
