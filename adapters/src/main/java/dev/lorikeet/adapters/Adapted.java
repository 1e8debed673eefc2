package dev.lorikeet.adapters;

import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.Tensor;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What an adapter puts around one layer of a model. */
public interface Adapted {
  /** The trainable parameters by their names in adapter files, such as {@code lora_A.weight}. */
  Map<String, Parameter> parameters();

  /** What the layer computes with beside them and never changes, freed with the adapter. */
  default List<Parameter> constants() {
    return List.of();
  }

  /**
   * Whether what the layer answers is the base's answer and a term beside it, {@link #added}: then
   * several adapters can answer at once, and the base's answer serves all of them.
   */
  default boolean adds() {
    return false;
  }

  /**
   * The term that a layer which {@link #adds} puts beside the base's answer.
   *
   * @param input what the layer is given: [..., in] of a linear layer, ids of an embedding
   * @return [..., out], in the computing type
   */
  default Tensor added(Tensor input) {
    throw new UnsupportedOperationException(getClass() + " adds nothing to the base's answer");
  }

  /** {@link #added} of a linear layer as two products, where at present it is no more than that. */
  default Optional<LowRank> lowRank() {
    return Optional.empty();
  }

  /**
   * The tensors that an adapter file holds in place of the parameters of the same name; with {@link
   * AdapterConfig#saved} as the settings they compute what this layer computes.
   */
  default Map<String, Tensor> saved() {
    return Map.of();
  }
}
