package dev.lorikeet.lora;

import dev.lorikeet.adapters.TiedLayer;
import dev.lorikeet.models.Dropout;
import dev.lorikeet.models.Linear;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.Tensor;
import java.util.Map;

/**
 * y = x Eᵀ + b + s · drop(x) B A: an output layer whose weights are an embedding's table E, with
 * the update s·(BA)ᵀ of that. A and B are trained once, by the gradients of both uses. PEFT has two
 * parameters in the same memory, of which its optimizers move each by its own gradient; with SGD
 * that is the same.
 *
 * @param base E [V, D] and b [V]
 * @param table E, A [r, V], B [D, r] and s
 * @param dropout of the update's input, of which the embedding has none
 */
record LoraOutput(Linear base, LoraEmbedding table, Dropout dropout) implements TiedLayer {
  /**
   * A layer with an update that starts as one of {@code base} would, but that of {@link
   * LoraInit#RANDOM}, which starts as the embedding's; so do PEFT's.
   */
  static LoraOutput of(Linear base, LoraEmbedding table, int rank, LoraInit init, Dropout dropout) {
    if (init.kind() != LoraInit.Kind.RANDOM) {
      LoraInit.Start start = init.start(base, rank, table.scaling());
      table.a().original().setInPlace(start.b().transpose(0, 1));
      table.b().original().setInPlace(start.a().transpose(0, 1));
    }
    return new LoraOutput(base, table, dropout);
  }

  @Override
  public Tensor forward(Tensor x) {
    return base.forward(x).add(unscaled(x), table.scaling());
  }

  private Tensor unscaled(Tensor x) {
    Tensor narrow = dropout.forward(x).matmul(table.b().value(x.dtype())); // [..., r]
    return narrow.matmul(table.a().value(x.dtype())); // [..., V]
  }

  @Override
  public boolean adds() {
    return true;
  }

  @Override
  public Tensor added(Tensor x) {
    return unscaled(x).mul(table.scaling());
  }

  @Override
  public Tensor mergedWeight() {
    return table.mergedTable();
  }

  @Override
  public Map<String, Parameter> parameters() {
    return Map.of();
  }

  @Override
  public Map<String, String> transposes() {
    return Map.of("lora_A.weight", "lora_embedding_B", "lora_B.weight", "lora_embedding_A");
  }
}
