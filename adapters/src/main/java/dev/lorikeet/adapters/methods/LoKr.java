package dev.lorikeet.adapters.methods;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterLayer;
import dev.lorikeet.adapters.AdapterMethod;
import dev.lorikeet.adapters.Settings;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.models.Linear;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.settings.Setting;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * LoKr: the update is the Kronecker product of two matrices, the larger of low rank (Yeh et al.
 * 2024, LyCORIS, arXiv:2309.14859, §3.2).
 *
 * @param common rank, α, dropout and targets
 */
public record LoKr(
    Lycoris common,
    @Setting("The smaller matrix may be of low rank too.") boolean decomposeBoth,
    @Setting(
            "The size of the smaller matrix where it divides the layer; -1 for sizes as near as can be.")
        int decomposeFactor,
    @Setting("Rows that are kept make up for those left out.") boolean rankDropoutScale,
    @Setting(
            value =
                "true: the smaller matrix starts at zero; lycoris: the larger does; false: none.",
            key = "init_weights")
        String init)
    implements Lycoris.Config {

  public LoKr {
    if (!List.of("true", "false", "lycoris").contains(init)) {
      throw new UsageException(
          "init_weights is \"" + init + "\": LoKr has true, false and lycoris");
    }
    if (decomposeFactor < 1 && decomposeFactor != -1) {
      throw new UsageException(
          "decompose_factor is " + decomposeFactor + ": it must be at least 1, or -1");
    }
  }

  /** LoKr as PEFT calls it. */
  public static final class Method implements AdapterMethod {
    @Override
    public String peftType() {
      return "LOKR";
    }

    @Override
    public LoKr read(ObjectNode json) {
      Settings settings = new Settings(json);
      return new LoKr(
          Lycoris.read(settings),
          settings.flag("decompose_both", false),
          settings.integer("decompose_factor", -1),
          settings.flag("rank_dropout_scale", false),
          settings.text("init_weights", "true"));
    }
  }

  @Override
  public String peftType() {
    return "LOKR";
  }

  @Override
  public LoKr with(Targets targets, List<String> modulesToSave) {
    return new LoKr(
        common.with(targets, modulesToSave),
        decomposeBoth,
        decomposeFactor,
        rankDropoutScale,
        init);
  }

  @Override
  public ObjectNode json() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    common.write(json);
    json.put("decompose_both", decomposeBoth);
    json.put("decompose_factor", decomposeFactor);
    json.put("rank_dropout_scale", rankDropoutScale);
    if (init.equals("lycoris")) {
      json.put("init_weights", init);
    } else {
      json.put("init_weights", init.equals("true"));
    }
    return json;
  }

  @Override
  public AdapterLayer layer(Linear base, Scope owner) {
    int r = common.rank(base.path());
    Split rows = Split.of(base.out(), decomposeFactor);
    Split columns = Split.of(base.in(), decomposeFactor);
    boolean lowRank1 = decomposeBoth && r < Math.max(rows.small(), columns.small()) / 2.0;
    boolean lowRank2 = r < Math.max(rows.large(), columns.large()) / 2.0;
    Matrix first =
        Matrix.of(
            base,
            "lokr_w1",
            rows.small(),
            columns.small(),
            lowRank1 ? r : 0,
            init.equals("true") ? Zero.LEFT : Zero.NONE,
            owner);
    Matrix second =
        Matrix.of(
            base,
            "lokr_w2",
            rows.large(),
            columns.large(),
            lowRank2 ? r : 0,
            init.equals("lycoris") ? Zero.RIGHT : Zero.NONE,
            owner);
    return new Layer(common, rankDropoutScale, base, first, second);
  }

  /** n as a product of two, the first not larger unless it was asked for. */
  record Split(long small, long large) {
    static Split of(long n, int factor) {
      if (factor > 0 && n % factor == 0) {
        return new Split(factor, n / factor);
      }
      long most = factor == -1 ? n : factor;
      Split best = new Split(1, n);
      for (long m = 2; m <= most && m * m <= n; m++) {
        if (n % m == 0) {
          best = new Split(m, n / m);
        }
      }
      return best;
    }
  }

  /** Which factor of a matrix starts at zero. */
  private enum Zero {
    NONE,
    LEFT,
    RIGHT
  }

  /**
   * A matrix, or two factors of it.
   *
   * @param left [rows, columns], or [rows, r] beside {@code right}
   * @param right [r, columns], or null
   */
  private record Matrix(String name, Parameter left, @Nullable Parameter right) {
    /** With r = 0 a whole matrix. */
    static Matrix of(
        Linear base, String name, long rows, long columns, int r, Zero zero, Scope owner) {
      if (r == 0) {
        boolean isZero = zero != Zero.NONE;
        return new Matrix(name, Lycoris.factor(base, name, rows, columns, isZero, owner), null);
      }
      return new Matrix(
          name,
          Lycoris.factor(base, name + "_a", rows, r, zero == Zero.LEFT, owner),
          Lycoris.factor(base, name + "_b", r, columns, zero == Zero.RIGHT, owner));
    }

    Tensor value() {
      return right == null ? left.value() : left.value().matmul(right.value());
    }

    void addTo(Map<String, Parameter> parameters) {
      parameters.put(right == null ? name : name + "_a", left);
      if (right != null) {
        parameters.put(name + "_b", right);
      }
    }
  }

  /**
   * ΔW = α/r · C ⊗ D.
   *
   * @param first C
   * @param second D
   */
  private record Layer(Lycoris common, boolean rescaled, Linear base, Matrix first, Matrix second)
      implements AdapterLayer {
    private Tensor update() {
      Tensor c = first.value();
      Tensor d = second.value();
      Tensor blocks = // [rows of C, rows of D, columns of C, columns of D]
          c.reshape(c.size(0), 1, c.size(1), 1).mul(d.reshape(1, d.size(0), 1, d.size(1)));
      return blocks.reshape(base.out(), base.in()).mul(common.scaling(base.path()));
    }

    @Override
    public Tensor forward(Tensor x) {
      return base.forward(x).add(added(x));
    }

    @Override
    public boolean adds() {
      return true;
    }

    @Override
    public Tensor added(Tensor x) {
      return common.added(base, x, rescaled, this::update);
    }

    @Override
    public Tensor mergedWeight() {
      return base.matrix(DType.FLOAT32).add(update());
    }

    @Override
    public Map<String, Parameter> parameters() {
      Map<String, Parameter> parameters = new LinkedHashMap<>();
      first.addTo(parameters);
      second.addTo(parameters);
      return parameters;
    }
  }
}
