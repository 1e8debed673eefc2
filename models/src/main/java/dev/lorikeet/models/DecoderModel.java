package dev.lorikeet.models;

import dev.lorikeet.torch.Tensor;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A decoder with a head: what families under Llama's names are, whatever their layers.
 *
 * @param decoder its layers, in {@code model}
 */
record DecoderModel(Decoder decoder, DecoderHead head) implements Architecture {
  /**
   * Builds it.
   *
   * @param decoder of the weights below {@code model}, or of all where there is no head
   */
  static DecoderModel of(
      ModelConfig config,
      @Nullable HeadType type,
      Weights weights,
      Function<Weights, Decoder> decoder) {
    Decoder layers = decoder.apply(type == null ? weights : weights.at("model"));
    return new DecoderModel(layers, DecoderHead.of(type, config, weights, layers.words()));
  }

  @Override
  public Tensor features(ModelInput input) {
    return head.reads(input, decoder.forward(input));
  }

  @Override
  public Tensor head(Tensor features) {
    return head.scores(features);
  }
}
