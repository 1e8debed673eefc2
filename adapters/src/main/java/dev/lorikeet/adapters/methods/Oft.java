package dev.lorikeet.adapters.methods;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterConfig;
import dev.lorikeet.adapters.AdapterLayer;
import dev.lorikeet.adapters.AdapterMethod;
import dev.lorikeet.adapters.Settings;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.models.Linear;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.settings.Setting;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * OFT: inputs are turned by a block-diagonal orthogonal matrix, which keeps the angles between a
 * layer's neurons (Qiu et al. 2023, arXiv:2306.07280, §3; its efficient form: Qiu et al. 2025,
 * arXiv:2506.19847).
 *
 * @param targets the layers to adapt
 */
public record Oft(
    @Setting("The number of blocks, or 0 to take oft_block_size.") int r,
    @Setting(value = "The width of a block, or 0 to take r.", key = "oft_block_size") int blockSize,
    @Setting("The share of blocks that do not turn in a training pass.") double moduleDropout,
    @Setting("Keep the generators' norm within eps.") boolean coft,
    @Setting("The bound of coft, for all blocks together.") double eps,
    @Setting("All blocks turn alike.") boolean blockShare,
    @Setting(
            value = "Take a truncated Neumann series for the inverse in Cayley's map.",
            key = "use_cayley_neumann")
        boolean neumann,
    @Setting(value = "How many terms it has.", key = "num_cayley_neumann_terms") int neumannTerms,
    Targets targets,
    @Setting("Modules that are trained and saved whole.") List<String> modulesToSave,
    @Setting("Start as the unchanged model, and not at random.") boolean initWeights)
    implements AdapterConfig {

  public Oft {
    if ((r > 0) == (blockSize > 0)) {
      throw new UsageException(
          "r is "
              + r
              + " and oft_block_size is "
              + blockSize
              + ": give one of them, and 0 for the"
              + " other, since together they are the width of a layer's inputs");
    }
    if (neumannTerms < 1) {
      throw new UsageException(
          "num_cayley_neumann_terms is " + neumannTerms + ": it must be at least 1");
    }
    Lycoris.mustBeProbability("module_dropout", moduleDropout);
    modulesToSave = List.copyOf(modulesToSave);
  }

  /** The version of PEFT whose truncated series this is; it changed in 0.18. */
  private static final String SERIES_OF = "0.21.0";

  /** What was projected must not be projected again for its last bits. */
  private static final double ROUNDING = 1e-6;

  /** OFT as PEFT calls it. */
  public static final class Method implements AdapterMethod {
    @Override
    public String peftType() {
      return "OFT";
    }

    @Override
    public Oft read(ObjectNode json) {
      Settings settings = new Settings(json);
      settings.mustBe("bias", "none");
      int r = settings.integer("r", 0);
      return new Oft(
          r,
          settings.integer("oft_block_size", 32),
          settings.number("module_dropout", 0),
          settings.flag("coft", false),
          settings.number("eps", 6e-5),
          settings.flag("block_share", false),
          settings.flag("use_cayley_neumann", true),
          settings.integer("num_cayley_neumann_terms", 5),
          Targets.read(json),
          settings.modulesToSave(),
          settings.flag("init_weights", true));
    }
  }

  @Override
  public String peftType() {
    return "OFT";
  }

  @Override
  public Oft with(Targets newTargets, List<String> newModulesToSave) {
    return new Oft(
        r,
        blockSize,
        moduleDropout,
        coft,
        eps,
        blockShare,
        neumann,
        neumannTerms,
        newTargets,
        newModulesToSave,
        initWeights);
  }

  @Override
  public ObjectNode json() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("r", r);
    json.put("oft_block_size", blockSize);
    json.put("module_dropout", moduleDropout);
    json.put("coft", coft);
    json.put("eps", eps);
    json.put("block_share", blockShare);
    json.put("use_cayley_neumann", neumann);
    json.put("num_cayley_neumann_terms", neumannTerms);
    targets.write(json);
    json.put("bias", "none");
    Settings.put(json, "modules_to_save", modulesToSave);
    json.put("init_weights", initWeights);
    json.put("fan_in_fan_out", false);
    json.put("peft_version", SERIES_OF); // without it PEFT fears an older series
    return json;
  }

  @Override
  public AdapterLayer layer(Linear base, Scope owner) {
    int in = Math.toIntExact(base.in());
    int asked = r > 0 ? r : blockSize;
    int divisor = nearestDivisor(in, asked);
    int size = r > 0 ? in / divisor : divisor;
    long rows = blockShare ? 1 : in / size;
    long elements = (long) size * (size - 1) / 2;
    Tensor start = Tensor.normal(0, initWeights ? 0 : 0.1, rows, elements);
    Device device = base.mode().device();
    return new Layer(
        this,
        base,
        new Parameter(base.path() + ".oft_R.weight", start.to(device), owner),
        new Parameter(base.path() + ".places", Skew.places(size).to(device), owner),
        size);
  }

  /** The divisor of n nearest to {@code asked}, the smaller of two. */
  static int nearestDivisor(int n, int asked) {
    for (int distance = 0; distance < n; distance++) {
      if (asked > distance && n % (asked - distance) == 0) {
        return asked - distance;
      } else if (n % (asked + distance) == 0) {
        return asked + distance;
      }
    }
    return n;
  }

  /** Skew-symmetric matrices by what is above their diagonal, row by row. */
  private static final class Skew {
    /** Of each element of a matrix [size · size], where it is in (upper, −upper, 0). */
    static Tensor places(int size) {
      int elements = size * (size - 1) / 2;
      long[] places = new long[size * size];
      Arrays.fill(places, 2L * elements);
      int next = 0;
      for (int row = 0; row < size; row++) {
        for (int column = row + 1; column < size; column++) {
          places[row * size + column] = next;
          places[column * size + row] = (long) elements + next;
          next++;
        }
      }
      return Tensor.of(places, places.length);
    }

    /** [n, elements] to [n, size, size]. */
    static Tensor matrices(Tensor upper, Tensor places, int size) {
      Tensor zero = Tensor.zeros(DType.FLOAT32, upper.device(), upper.size(0), 1);
      Tensor all = Tensor.cat(List.of(upper, upper.mul(-1), zero), 1);
      return all.index(1, places).reshape(upper.size(0), size, size);
    }
  }

  /**
   * y = (x R) Wᵀ + b, R = diag(R₁, ...) with Rᵢ = (I − Qᵢ)(I + Qᵢ)⁻¹ of skew-symmetric Qᵢ, which is
   * orthogonal.
   *
   * @param generators of Q₁, ..., what is above the diagonals, [blocks or 1, k (k − 1) / 2]
   * @param places where a matrix's elements are there
   * @param size k, the width of a block
   */
  private record Layer(Oft config, Linear base, Parameter generators, Parameter places, int size)
      implements AdapterLayer {
    @Override
    public Tensor forward(Tensor x) {
      Tensor turned = turn(x.to(DType.FLOAT32), dropped(blocks()));
      return base.forward(turned.to(x.dtype()));
    }

    @Override
    public Tensor mergedWeight() {
      return turn(base.matrix(DType.FLOAT32), blocks().transpose(1, 2)); // W Rᵀ
    }

    /** Each block of [..., in] by its matrix of [blocks or 1, k, k]. */
    private Tensor turn(Tensor x, Tensor blocks) {
      Tensor rows = x.reshape(-1, base.in() / size, size).transpose(0, 1); // [blocks, n, k]
      return rows.matmul(blocks).transpose(0, 1).reshape(x.shape());
    }

    /** R₁, ..., [blocks or 1, k, k]. */
    private Tensor blocks() {
      if (config.coft) {
        project();
      }
      Tensor q = Skew.matrices(generators.value(), places.value(), size);
      Tensor one = identity();
      return config.neumann
          ? neumann(q, one.expand(q.shape()))
          : Ops.solveRight(one.add(q), one.sub(q));
    }

    /** I + 2Q + 2Q² + … + 2Qᵐ + Qᵐ⁺¹, m = terms − 2 but at least 2: PEFT's count and last term. */
    private Tensor neumann(Tensor q, Tensor one) {
      int terms = config.neumannTerms;
      Tensor sum = terms > 1 ? one.add(q, 2) : one;
      Tensor power = q;
      for (int exponent = 2; exponent <= Math.max(terms - 2, 2) && terms > 2; exponent++) {
        power = power.matmul(q);
        sum = sum.add(power, 2);
      }
      return terms > 2 ? sum.add(power.matmul(q)) : sum;
    }

    /** Brings the generators back to the sphere of radius ε / √blocks, each block its own. */
    private void project() {
      try (Scope scope = Scope.open();
          GradMode off = GradMode.disabled()) {
        Tensor upper = generators.value();
        double radius = config.eps / Math.sqrt((double) upper.size(0));
        Tensor norm = upper.norm(1).mul(Math.sqrt(2)).unsqueeze(1); // of Q: both triangles
        Tensor inside = norm.mul(-1).gt(-radius * (1 + ROUNDING));
        upper.setInPlace(Ops.where(inside, upper, upper.div(norm).mul(radius)));
      }
    }

    /** With the identity in place of some blocks while the model trains. */
    private Tensor dropped(Tensor blocks) {
      int count = Math.toIntExact(blocks.size(0));
      int still = (int) (config.moduleDropout * count);
      if (!base.mode().isTraining() || still == 0 || count == 1) {
        return blocks;
      }
      float[] draws = Tensor.uniform(0, 1, count).toFloats();
      float[] sorted = draws.clone();
      Arrays.sort(sorted);
      Tensor turns = Tensor.of(draws, count).gt(sorted[still - 1]).to(blocks.device());
      return Ops.where(turns.reshape(count, 1, 1), blocks, identity());
    }

    private Tensor identity() {
      Tensor order = Tensor.arange(0, size, base.mode().device());
      return order.unsqueeze(1).eq(order).to(DType.FLOAT32);
    }

    @Override
    public Map<String, Parameter> parameters() {
      return Map.of("oft_R.weight", generators);
    }

    @Override
    public Map<String, Tensor> saved() {
      if (config.coft) {
        project(); // as the next pass will
      }
      return Map.of("oft_R.weight", generators.original());
    }

    @Override
    public List<Parameter> constants() {
      return List.of(places);
    }
  }
}
