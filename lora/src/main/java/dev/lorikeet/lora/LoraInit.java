package dev.lorikeet.lora;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.models.Linear;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How A and B of a linear layer start; {@code init_lora_weights} in adapter_config.json. An
 * embedding's A starts at 0 and its B with draws from N(0, 1), both with such draws for {@link
 * #RANDOM}.
 *
 * @param kind the method
 * @param iterations of the randomised decomposition, for {@code pissa_niter_N}
 * @param loftq for {@link Kind#LOFTQ}
 * @param eva for {@link Kind#EVA}
 */
public record LoraInit(Kind kind, int iterations, LoftqConfig loftq, EvaConfig eva) {
  /** A from U(−1/√in, 1/√in), which is Kaiming-uniform with a = √5; B = 0. PEFT's {@code true}. */
  public static final LoraInit KAIMING = new LoraInit(Kind.KAIMING, 0);

  /** A from N(0, 1/r²), a standard deviation of 1/r; B = 0. */
  public static final LoraInit GAUSSIAN = new LoraInit(Kind.GAUSSIAN, 0);

  /** As {@link #KAIMING}, and B from U(−1/√r, 1/√r): not the identity. PEFT's {@code false}. */
  public static final LoraInit RANDOM = new LoraInit(Kind.RANDOM, 0);

  private static final Pattern ITERATIONS = Pattern.compile("pissa_niter_(\\d{1,4})");

  private LoraInit(Kind kind, int iterations) {
    this(kind, iterations, LoftqConfig.DEFAULT, EvaConfig.DEFAULT);
  }

  /** The methods. */
  public enum Kind {
    KAIMING,
    GAUSSIAN,
    RANDOM,
    /** Random with orthogonal halves, so that BA = 0; the rank must be even. */
    ORTHOGONAL,
    /** The leading r of W = QR, taken out of W (Büyükakyüz 2024, arXiv:2406.01775). */
    OLORA,
    /** The largest r singular values of W, taken out of W (Meng et al. 2024, arXiv:2404.02948). */
    PISSA,
    /** PiSSA with a randomised decomposition. */
    PISSA_NITER,
    /**
     * What quantisation would lose of W and a matrix of rank r can give back (Li et al. 2023,
     * arXiv:2310.08659), taken out of W. The base is not quantised here: W itself stays, so that
     * training starts from the base's own answers, where the reference has the quantised weight
     * instead and starts from what is still lost.
     */
    LOFTQ,
    /**
     * The directions in which a layer's inputs vary most, and ranks where they explain most
     * (Paischer et al. 2024, arXiv:2410.07170); made by {@link Eva} of data.
     */
    EVA
  }

  /**
   * What A and B are at first.
   *
   * @param a [r, in], float32
   * @param b [out, r], float32
   */
  record Start(Tensor a, Tensor b) {}

  /**
   * Whether s·BA is taken out of W at the start, so that the layer computes what the base does and
   * its leading part is what is trained. The base itself stays; the adapter is saved as an ordinary
   * one of twice the rank.
   */
  public boolean changesBase() {
    return kind == Kind.OLORA
        || kind == Kind.PISSA
        || kind == Kind.PISSA_NITER
        || kind == Kind.LOFTQ;
  }

  /** Draws A and B for a layer from the engine's random state. */
  Start start(Linear base, int rank, double scaling) {
    return switch (kind) {
      case KAIMING, EVA -> new Start(kaiming(rank, base.in(), base.in()), zero(base.out(), rank));
      case GAUSSIAN ->
          new Start(Tensor.normal(0, 1.0 / rank, rank, base.in()), zero(base.out(), rank));
      case RANDOM ->
          new Start(kaiming(rank, base.in(), base.in()), kaiming(base.out(), rank, rank));
      case ORTHOGONAL -> orthogonal(base, rank);
      case OLORA -> olora(base, rank);
      case PISSA -> pissa(SingularValues.of(weight(base, rank), rank), scaling);
      case PISSA_NITER ->
          pissa(SingularValues.randomised(weight(base, rank), rank, iterations), scaling);
      case LOFTQ -> loftq(weight(base, rank), rank, scaling);
    };
  }

  private static Tensor zero(long out, int rank) {
    return Tensor.zeros(DType.FLOAT32, Device.CPU, out, rank);
  }

  /** Draws from U(−1/√fanIn, 1/√fanIn), [rows, columns]. */
  static Tensor kaiming(long rows, long columns, long fanIn) {
    double bound = 1 / Math.sqrt((double) fanIn);
    return Tensor.uniform(-bound, bound, rows, columns);
  }

  private Tensor weight(Linear base, int rank) {
    long most = Math.min(base.in(), base.out());
    if (rank > most) {
      throw new UsageException(
          "init_lora_weights "
              + id()
              + " needs a rank of at most "
              + most
              + " for "
              + base.path()
              + ", which is ["
              + base.out()
              + ", "
              + base.in()
              + "]; it is "
              + rank);
    }
    return base.matrix(DType.FLOAT32);
  }

  /** A of the odd and B of the even rows of an orthogonal matrix: their product is 0. */
  private static Start orthogonal(Linear base, int rank) {
    if (rank % 2 != 0) {
      throw new UsageException(
          "init_lora_weights orthogonal needs an even rank; at " + base.path() + " it is " + rank);
    }
    int half = rank / 2;
    Tensor q = Ops.qr(Tensor.normal(0, 1, rank, rank)).get(0).reshape(half, 2, rank);
    Tensor a = Tensor.normal(0, 0.1, base.in(), half).matmul(q.select(1, 0)); // [in, r]
    Tensor b = Tensor.normal(0, 0.1, base.out(), half).matmul(q.select(1, 1)); // [out, r]
    return new Start(a.transpose(0, 1).contiguous(), b);
  }

  private Start olora(Linear base, int rank) {
    List<Tensor> qr = Ops.qr(weight(base, rank));
    return new Start(
        qr.get(1).narrow(0, 0, rank).contiguous(), qr.get(0).narrow(1, 0, rank).contiguous());
  }

  /** s·BA is the leading part of W: A = √(S/s) V and B = U √(S/s). */
  private static Start pissa(SingularValues leading, double scaling) {
    Tensor root = leading.s().mul(1 / scaling).pow(0.5);
    return new Start(leading.v().mul(root.unsqueeze(1)), leading.u().mul(root));
  }

  /** s·BA is the leading part of W − Q, Q the quantised W, and then the quantised W − s·BA. */
  private Start loftq(Tensor w, int rank, double scaling) {
    Tensor rest = w;
    Start start = null;
    for (int i = 0; i < loftq.iterations(); i++) {
      Tensor lost = w.sub(Quantized.of(rest, loftq.bits()));
      start = pissa(SingularValues.of(lost, rank), scaling);
      rest = w.sub(start.b().matmul(start.a()).mul(scaling));
    }
    return Objects.requireNonNull(start);
  }

  // ---- names ----

  /**
   * Reads {@code init_lora_weights}, which is {@code true} where it is missing, and the settings
   * that go with it.
   */
  static LoraInit read(ObjectNode json) {
    JsonNode id = json.path("init_lora_weights");
    LoraInit init = id.isMissingNode() || id.isNull() ? KAIMING : of(id.asText());
    return init.with(
        LoftqConfig.read(json.path("loftq_config")), EvaConfig.read(json.path("eva_config")));
  }

  /** With the settings of the methods that have some. */
  public LoraInit with(LoftqConfig newLoftq, EvaConfig newEva) {
    return new LoraInit(
        kind, iterations, kind == Kind.LOFTQ ? newLoftq : loftq, kind == Kind.EVA ? newEva : eva);
  }

  /**
   * The initialisation that {@code init_lora_weights} calls {@code id}.
   *
   * @throws UsageException when it asks for an initialisation that is not built here
   */
  public static LoraInit of(String id) {
    Matcher iterations = ITERATIONS.matcher(id);
    if (iterations.matches()) {
      return new LoraInit(Kind.PISSA_NITER, Integer.parseInt(iterations.group(1)));
    }
    return switch (id) {
      case "true" -> KAIMING;
      case "false" -> RANDOM;
      case "gaussian", "orthogonal", "olora", "pissa", "loftq", "eva" ->
          new LoraInit(Kind.valueOf(id.toUpperCase(Locale.ROOT)), 0);
      default ->
          throw new UsageException(
              "init_lora_weights \""
                  + id
                  + "\" is not supported: use true, false, gaussian, orthogonal, olora, pissa,"
                  + " pissa_niter_N, loftq or eva");
    };
  }

  /** The name in adapter_config.json. */
  public String id() {
    return switch (kind) {
      case KAIMING -> "true";
      case RANDOM -> "false";
      case PISSA_NITER -> "pissa_niter_" + iterations;
      case GAUSSIAN, ORTHOGONAL, OLORA, PISSA, LOFTQ, EVA -> kind.name().toLowerCase(Locale.ROOT);
    };
  }

  /** Writes what {@link #read} reads. */
  void write(ObjectNode json) {
    json.set("init_lora_weights", json());
    if (kind == Kind.LOFTQ) {
      json.set("loftq_config", loftq.json());
    }
    if (kind == Kind.EVA) {
      json.set("eva_config", eva.json());
    }
  }

  private JsonNode json() {
    return kind == Kind.KAIMING || kind == Kind.RANDOM
        ? JsonNodeFactory.instance.booleanNode(kind == Kind.KAIMING)
        : JsonNodeFactory.instance.textNode(id());
  }
}
