package dev.lorikeet.lora;

import dev.lorikeet.adapters.AdapterEmbedding;
import dev.lorikeet.models.Embedding;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The rows of V = E + s·(BA)ᵀ: a frozen table and a trained update of rank r; with DoRA those of m
 * · V / ‖V‖, the norm over the words. Dropout does not touch it, as in PEFT.
 *
 * @param base E [V, D]
 * @param a A [r, V]
 * @param b B [D, r]
 * @param scaling s
 * @param magnitude m [D], or null without DoRA
 */
record LoraEmbedding(
    Embedding base, Parameter a, Parameter b, double scaling, @Nullable Parameter magnitude)
    implements AdapterEmbedding {

  /** A = 0 and B from N(0, 1); both from it for {@link LoraInit#RANDOM}. */
  static LoraEmbedding of(
      Embedding base, int rank, double scaling, LoraInit init, boolean dora, Scope owner) {
    Tensor table = base.weight().value();
    double deviation = init.kind() == LoraInit.Kind.RANDOM ? 1 : 0;
    Tensor a = Tensor.normal(0, deviation, rank, table.size(0)).to(table.device());
    Tensor b = Tensor.normal(0, 1, table.size(1), rank).to(table.device());
    LoraEmbedding plain =
        new LoraEmbedding(
            base,
            new Parameter(base.path() + ".lora_embedding_A", a, owner),
            new Parameter(base.path() + ".lora_embedding_B", b, owner),
            scaling,
            null);
    if (!dora) {
      return plain;
    }
    String name = base.path() + ".lora_magnitude_vector";
    Parameter magnitude = new Parameter(name, plain.updated().norm(0), owner);
    return new LoraEmbedding(base, plain.a, plain.b, scaling, magnitude);
  }

  @Override
  public Tensor forward(Tensor ids) {
    Tensor row = Ops.embedding(base.weight().value(), ids).to(DType.FLOAT32); // [..., D]
    Tensor y = row.add(unscaled(ids), scaling);
    return (magnitude == null ? y : y.mul(factor(magnitude, updated()))).to(base.mode().dtype());
  }

  private Tensor unscaled(Tensor ids) {
    Tensor narrow = Ops.embedding(a.value().transpose(0, 1), ids); // [..., r]
    return Ops.linear(narrow, b.value(), null); // [..., D]
  }

  @Override
  public boolean adds() {
    return magnitude == null;
  }

  @Override
  public Tensor added(Tensor ids) {
    return unscaled(ids).mul(scaling).to(base.mode().dtype());
  }

  /** V [V, D], float32, without gradients. */
  private Tensor updated() {
    try (GradMode off = GradMode.disabled()) {
      Tensor update = b.value(DType.FLOAT32).matmul(a.value(DType.FLOAT32)).transpose(0, 1);
      return base.weight().value(DType.FLOAT32).add(update, scaling);
    }
  }

  private static Tensor factor(Parameter magnitude, Tensor v) {
    return DoraLayer.factor(magnitude.value(DType.FLOAT32), v.norm(0));
  }

  @Override
  public Tensor mergedTable() {
    Tensor v = updated();
    return magnitude == null ? v : v.mul(factor(magnitude, v));
  }

  @Override
  public Map<String, Parameter> parameters() {
    Map<String, Parameter> parameters = new LinkedHashMap<>();
    parameters.put("lora_embedding_A", a);
    parameters.put("lora_embedding_B", b);
    if (magnitude != null) {
      parameters.put("lora_magnitude_vector", magnitude);
    }
    return parameters;
  }
}
