package dev.lorikeet.lora;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterConfig;
import dev.lorikeet.adapters.AdapterLayer;
import dev.lorikeet.adapters.AdapterMethods;
import dev.lorikeet.adapters.LayerMaker;
import dev.lorikeet.models.Embedding;
import dev.lorikeet.models.Linear;
import dev.lorikeet.models.Mode;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import java.util.Collection;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tag;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;

/**
 * Merged equals unmerged for every method's layers, of any shape, rank and scale, on weights stored
 * in any type and either way round. Computed in float32, where what rounding may do can be told.
 */
@Tag("numeric")
class MergePropertyTest {
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

  /** A layer's settings: {@code %d} the rank, {@code %s} the scale; targets do not matter here. */
  private enum Method {
    LORA("LORA", "'r': %d, 'lora_alpha': %s"),
    RSLORA("LORA", "'r': %d, 'lora_alpha': %s, 'use_rslora': true"),
    LORA_BIAS("LORA", "'r': %d, 'lora_alpha': %s, 'lora_bias': true"),
    PISSA("LORA", "'r': %d, 'lora_alpha': %s, 'init_lora_weights': 'pissa'"),
    OLORA("LORA", "'r': %d, 'lora_alpha': %s, 'init_lora_weights': 'olora'"),
    DORA("LORA", "'r': %d, 'lora_alpha': %s, 'use_dora': true"),
    DORA_PISSA("LORA", "'r': %d, 'lora_alpha': %s, 'use_dora': true, 'init_lora_weights': 'pissa'"),
    LOHA("LOHA", "'r': %d, 'alpha': %s"),
    LOKR("LOKR", "'r': %d, 'alpha': %s"),
    LOKR_BOTH("LOKR", "'r': %d, 'alpha': %s, 'decompose_both': true"),
    VERA("VERA", "'r': %d"),
    IA3_OUTPUTS("IA3", "'feedforward_modules': []"),
    IA3_INPUTS("IA3", "'feedforward_modules': ['layer']"),
    OFT("OFT", "'oft_block_size': %d"),
    OFT_SOLVED("OFT", "'r': %d, 'oft_block_size': 0, 'use_cayley_neumann': false"),
    OFT_SHARED("OFT", "'oft_block_size': %d, 'block_share': true, 'coft': true, 'eps': 0.2");

    private final String peftType;
    private final String settings;

    Method(String peftType, String settings) {
      this.peftType = peftType;
      this.settings = settings;
    }

    AdapterConfig config(int rank, double scale) {
      String json =
          String.format(
              Locale.ROOT, "{'target_modules': ['layer'], " + settings + "}", rank, scale);
      try {
        ObjectNode read = (ObjectNode) new ObjectMapper().readTree(json.replace('\'', '"'));
        return AdapterMethods.ofType(peftType).orElseThrow().read(read);
      } catch (JsonProcessingException e) {
        throw new IllegalArgumentException(e);
      }
    }

    /** Whether the start is a decomposition of the weight, of no more than its rank. */
    boolean decomposes() {
      return this == PISSA || this == OLORA || this == DORA_PISSA;
    }
  }

  /** A base layer and the rank and scale of what goes around it. */
  private record Shape(int in, int out, int rank, double scale, DType stored, boolean transposed) {}

  @Provide
  Arbitrary<Shape> shapes() {
    return Combinators.combine(
            Arbitraries.integers().between(1, 40),
            Arbitraries.integers().between(1, 40),
            Arbitraries.integers().between(1, 50),
            Arbitraries.doubles().between(0.01, 100),
            Arbitraries.of(DType.FLOAT32, DType.BFLOAT16, DType.FLOAT16),
            Arbitraries.of(true, false))
        .as(Shape::new);
  }

  @Property(tries = 1000)
  void theMergedWeightGivesWhatTheLayerGives(
      @ForAll Method method,
      @ForAll("shapes") Shape shape,
      @ForAll boolean withBias,
      @ForAll long seed) {
    try (Scope scope = Scope.open();
        Scope owner = Scope.unbound()) {
      Torch.seed(seed);
      int most = method.decomposes() ? Math.min(shape.in, shape.out) : shape.rank;
      int rank = Math.min(shape.rank, most);
      AdapterConfig config = method.config(rank, shape.scale);
      Linear base = linear(shape, withBias, owner);
      LayerMaker maker = config.layers(List.of(base), owner);
      AdapterLayer layer = maker.around(base);
      draw(layer.parameters().values());

      Tensor x = Tensor.normal(0, 1, 3, shape.in);
      Tensor bias = layer.mergedBias();
      Tensor own = base.bias() == null ? null : base.bias().value(DType.FLOAT32);
      Tensor merged = Ops.linear(x, layer.mergedWeight(), bias == null ? own : bias);
      Tensor sizes = sizes(config, maker, layer, base, x, owner);
      // Merged and unmerged add up the same terms in another order. A sum is off by at most as many
      // epsilons of the sum of its terms' sizes as there are roundings on a term's way (Higham
      // 2002, §3.1): in + 2 r for the products (LoHa multiplies two of rank r), a few for scales,
      // bias and the last sums.
      double roundings = 2 * (shape.in + 2 * rank + 12) * EPSILON;
      Tensor excess = merged.sub(layer.forward(x)).abs().sub(sizes.mul(roundings));
      assertThat(excess.max().item()).isNotPositive();
    }
  }

  /** The sum of the sizes of all terms that a layer's outputs are sums of. */
  private static Tensor sizes(
      AdapterConfig config,
      LayerMaker maker,
      AdapterLayer layer,
      Linear base,
      Tensor x,
      Scope owner) {
    if (layer instanceof DoraLayer dora) {
      return sizesOfDora(dora, base, x.abs());
    }
    return config.peftType().equals("OFT")
        ? sizesOfOft(config, layer, base, x.abs(), owner)
        : sizesOfPolynomial(config, maker, layer, base, x.abs(), owner);
  }

  /**
   * Outputs that are sums of products of the layer's numbers are those of a layer whose numbers are
   * all replaced by their sizes; what a start took out of the weight counts as added.
   */
  private static Tensor sizesOfPolynomial(
      AdapterConfig config,
      LayerMaker maker,
      AdapterLayer layer,
      Linear base,
      Tensor x,
      Scope owner) {
    Linear sizes =
        new Linear(
            base.path(),
            size(base.weight(), owner),
            base.bias() == null ? null : size(base.bias(), owner),
            base.transposed(),
            MODE);
    LayerMaker ofSizes =
        (config instanceof LoraConfig lora ? lora.but().init(LoraInit.KAIMING).build() : config)
            .layers(List.of(sizes), owner);
    AdapterLayer other = ofSizes.around(sizes);
    setSizes(maker.shared(), ofSizes.shared());
    setSizes(layer.parameters(), other.parameters());
    Tensor y = other.forward(x);
    if (layer instanceof LoraLayer lora && !lora.constants().isEmpty()) {
      y = y.add(product(x, lora.constants(), lora.update().scaling()));
    }
    return y;
  }

  private static Parameter size(Parameter parameter, Scope owner) {
    return new Parameter(parameter.name(), parameter.value().abs(), owner);
  }

  private static void setSizes(Map<String, Parameter> from, Map<String, Parameter> to) {
    from.forEach(
        (name, parameter) ->
            Objects.requireNonNull(to.get(name), name)
                .original()
                .setInPlace(parameter.value().abs()));
  }

  /** s · |A|, |B| of factors, as added to the output. */
  private static Tensor product(Tensor x, Collection<Parameter> factors, double scaling) {
    Iterator<Parameter> each = factors.iterator();
    Tensor narrow = Ops.linear(x, each.next().value().abs(), null);
    return Ops.linear(narrow, each.next().value().abs(), null).mul(scaling);
  }

  /** DoRA adds (c − 1) W x, s c B A x and W x, which may cancel; c = m / ‖V‖. */
  private static Tensor sizesOfDora(DoraLayer layer, Linear base, Tensor x) {
    Tensor v = layer.update().added(base);
    Tensor factor = DoraLayer.factor(layer.magnitude().value(), v.norm(1)).abs();
    Tensor grown = product(x, layer.update().parameters().values(), layer.update().scaling());
    if (!layer.constants().isEmpty()) {
      grown = grown.add(product(x, layer.constants(), layer.update().scaling()));
    }
    Tensor y =
        Ops.linear(x, base.matrix(DType.FLOAT32).abs(), null)
            .mul(factor.add(2))
            .add(grown.mul(factor));
    return base.bias() == null ? y : y.add(base.bias().value(DType.FLOAT32).abs());
  }

  /** OFT's (x R) Wᵀ; R is what the same generators make of the identity. */
  private static Tensor sizesOfOft(
      AdapterConfig config, AdapterLayer layer, Linear base, Tensor x, Scope owner) {
    Tensor order = Tensor.arange(0, base.in(), Device.CPU);
    Tensor one = order.unsqueeze(1).eq(order).to(DType.FLOAT32);
    Linear identity = new Linear("layer", new Parameter("one", one, owner), null, false, MODE);
    AdapterLayer rotation = config.layer(identity, owner);
    rotation.parameters().forEach((name, to) -> to.original().setInPlace(value(layer, name)));
    Tensor turned = x.matmul(rotation.mergedWeight().transpose(0, 1).abs());
    Tensor bias = base.bias() == null ? null : base.bias().value(DType.FLOAT32).abs();
    return Ops.linear(turned, base.matrix(DType.FLOAT32).abs(), bias);
  }

  private static Tensor value(AdapterLayer layer, String name) {
    return Objects.requireNonNull(layer.parameters().get(name), name).value();
  }

  @Property(tries = 200)
  void theMergedTableHasTheVectorsThatTheLayerGives(
      @ForAll @IntRange(min = 1, max = 40) int words,
      @ForAll @IntRange(min = 1, max = 40) int width,
      @ForAll @IntRange(min = 1, max = 50) int rank,
      @ForAll @DoubleRange(min = 0.01, max = 100) double alpha,
      @ForAll boolean withDora,
      @ForAll boolean inBfloat16,
      @ForAll long seed) {
    try (Scope scope = Scope.open();
        Scope owner = Scope.unbound()) {
      Torch.seed(seed);
      DType stored = inBfloat16 ? DType.BFLOAT16 : DType.FLOAT32;
      Tensor start = Tensor.normal(0, 1, words, width).to(stored);
      Parameter table = new Parameter("words.weight", start, owner);
      LoraConfig config = LoraConfig.of(rank, alpha).but().useDora(withDora).build();
      LoraEmbedding layer =
          (LoraEmbedding) config.embedding(new Embedding("words", table, MODE), owner);
      draw(layer.parameters().values());
      Tensor ids = Tensor.of(new long[] {0, words - 1, words / 2, 0}, 2, 2);
      Tensor merged = Ops.embedding(layer.mergedTable(), ids);
      Tensor update = layer.b().value().abs().matmul(layer.a().value().abs()).transpose(0, 1);
      Tensor old = table.value(DType.FLOAT32);
      Tensor sizes = old.abs().add(update, layer.scaling());
      if (layer.magnitude() != null) {
        Tensor signed = layer.b().value().matmul(layer.a().value()).transpose(0, 1);
        Tensor norm = old.add(signed, layer.scaling()).norm(0);
        sizes = sizes.mul(DoraLayer.factor(layer.magnitude().value(), norm).abs());
      }
      Tensor bound = Ops.embedding(sizes, ids).mul(2 * (rank + 8) * EPSILON);
      Tensor excess = merged.sub(layer.forward(ids)).abs().sub(bound);
      assertThat(excess.max().item()).isNotPositive();
    }
  }

  private static Linear linear(Shape shape, boolean withBias, Scope owner) {
    long[] size =
        shape.transposed ? new long[] {shape.in, shape.out} : new long[] {shape.out, shape.in};
    Tensor weight = Tensor.normal(0, 1, size).to(shape.stored);
    Parameter bias =
        withBias
            ? new Parameter("layer.bias", Tensor.normal(0, 1, shape.out).to(shape.stored), owner)
            : null;
    return new Linear(
        "layer", new Parameter("layer.weight", weight, owner), bias, shape.transposed, MODE);
  }

  private static void draw(Iterable<Parameter> parameters) {
    for (Parameter parameter : parameters) {
      parameter.original().setInPlace(Tensor.normal(0, 1, parameter.original().shape()));
    }
  }
}
