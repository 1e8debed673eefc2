package dev.lorikeet.lora;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lorikeet.adapters.AdapterLayer;
import dev.lorikeet.models.Embedding;
import dev.lorikeet.models.Linear;
import dev.lorikeet.models.Mode;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;

/** Merged equals unmerged for DoRA's layers and for embeddings of any shape, rank and scale. */
class DoraMergePropertyTest {
  /** A model's, in float32 on the CPU. */
  private static final Mode MODE = mode();

  private static Mode mode() {
    try (Scope scope = Scope.open();
        Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      return model.mode();
    }
  }

  @Property(tries = 200)
  void theMergedWeightGivesWhatTheLayerGives(
      @ForAll @IntRange(min = 1, max = 40) int in,
      @ForAll @IntRange(min = 1, max = 40) int out,
      @ForAll @IntRange(min = 1, max = 50) int rank,
      @ForAll @DoubleRange(min = 0.01, max = 100) double alpha,
      @ForAll boolean transposed,
      @ForAll boolean inBfloat16,
      @ForAll long seed) {
    try (Scope scope = Scope.open();
        Scope owner = Scope.unbound()) {
      Torch.seed(seed);
      long[] shape = transposed ? new long[] {in, out} : new long[] {out, in};
      // Whatever the table is stored in, computing and merging are in float32.
      Tensor stored = Tensor.normal(0, 1, shape).to(inBfloat16 ? DType.BFLOAT16 : DType.FLOAT32);
      Parameter weight = new Parameter("layer.weight", stored, owner);
      Linear base = new Linear("layer", weight, null, transposed, MODE);
      AdapterLayer layer = dora(rank, alpha).layer(base, owner);
      draw(layer.parameters().values());
      Tensor x = Tensor.normal(0, 1, 3, in);
      Tensor merged = Ops.linear(x, layer.mergedWeight(), null);
      Tensor adapted = layer.forward(x);
      // The layer adds (c − 1) W x, s c B A x and W x, which may cancel: each is a sum of at most
      // in + r terms, rounded as often, and c is off by a few roundings more (Higham 2002, §3.1).
      Tensor v = update(layer).added(base);
      Tensor factor = DoraLayer.factor(magnitude(layer), v.norm(1)).abs();
      Tensor sizes =
          Ops.linear(x.abs(), base.matrix(DType.FLOAT32).abs(), null)
              .mul(factor.add(2))
              .add(sizeOfUpdate(x, update(layer)).mul(factor));
      double roundings = 2 * (in + rank + 8) * Math.ulp(1f);
      assertThat(merged.sub(adapted).abs().sub(sizes.mul(roundings)).max().item()).isNotPositive();
    }
  }

  private static Update update(AdapterLayer layer) {
    return ((DoraLayer) layer).update();
  }

  private static Tensor magnitude(AdapterLayer layer) {
    return ((DoraLayer) layer).magnitude().value();
  }

  private static Tensor sizeOfUpdate(Tensor x, Update update) {
    Tensor narrow = Ops.linear(x.abs(), update.a().value().abs(), null);
    return Ops.linear(narrow, update.b().value().abs(), null).mul(update.scaling());
  }

  @Property(tries = 200)
  void theMergedTableHasTheVectorsThatTheLayerGives(
      @ForAll @IntRange(min = 1, max = 40) int words,
      @ForAll @IntRange(min = 1, max = 40) int width,
      @ForAll @IntRange(min = 1, max = 50) int rank,
      @ForAll @DoubleRange(min = 0.01, max = 100) double alpha,
      @ForAll boolean withDora,
      @ForAll long seed) {
    try (Scope scope = Scope.open();
        Scope owner = Scope.unbound()) {
      Torch.seed(seed);
      Parameter table = new Parameter("words.weight", Tensor.normal(0, 1, words, width), owner);
      LoraConfig config = LoraConfig.of(rank, alpha).but().useDora(withDora).build();
      LoraEmbedding layer =
          (LoraEmbedding) config.embedding(new Embedding("words", table, MODE), owner);
      draw(layer.parameters().values());
      Tensor ids = Tensor.of(new long[] {0, words - 1, words / 2, 0}, 2, 2);
      Tensor merged = Ops.embedding(layer.mergedTable(), ids);
      Tensor update = layer.b().value().abs().matmul(layer.a().value().abs()).transpose(0, 1);
      Tensor sizes = table.value().abs().add(update, layer.scaling());
      if (layer.magnitude() != null) {
        Tensor norm = table.value().add(signedUpdate(layer), layer.scaling()).norm(0);
        sizes = sizes.mul(DoraLayer.factor(layer.magnitude().value(), norm).abs());
      }
      Tensor bound = Ops.embedding(sizes, ids).mul(2 * (rank + 8) * Math.ulp(1f));
      Tensor excess = merged.sub(layer.forward(ids)).abs().sub(bound);
      assertThat(excess.max().item()).isNotPositive();
    }
  }

  private static Tensor signedUpdate(LoraEmbedding layer) {
    return layer.b().value().matmul(layer.a().value()).transpose(0, 1);
  }

  private static LoraConfig dora(int rank, double alpha) {
    return LoraConfig.of(rank, alpha).but().useDora(true).build();
  }

  private static void draw(Iterable<Parameter> parameters) {
    for (Parameter parameter : parameters) {
      parameter.original().setInPlace(Tensor.normal(0, 1, parameter.original().shape()));
    }
  }
}
