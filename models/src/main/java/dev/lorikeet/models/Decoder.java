package dev.lorikeet.models;

import dev.lorikeet.torch.Tensor;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * A decoder without its head: embedded tokens go through the layers, each of which sees its own
 * tokens and those before, and a last norm.
 *
 * <p>Axes: B batch, T tokens, D width of the model.
 *
 * @param words the embeddings
 * @param embedded what becomes of them before the first layer
 * @param layers in their order
 * @param norm the last
 * @param rope of layers without a window
 * @param windowRope of layers with one
 * @param window which those are
 */
record Decoder(
    EmbeddingSlot words,
    UnaryOperator<Tensor> embedded,
    List<? extends Layer> layers,
    RmsNorm norm,
    RotaryEmbedding rope,
    RotaryEmbedding windowRope,
    SlidingWindow window,
    Mode mode) {

  /** A layer of the decoder. */
  interface Layer {
    /** [B, T, D] to [B, T, D]. */
    Tensor forward(Tensor x, RotaryEmbedding.Angles angles, CausalAttention.Pass pass);
  }

  /** The last hidden state [B, T, D]. */
  Tensor forward(ModelInput input) {
    Tensor h = input.prepend(embedded.apply(words.forward(input.inputIds())));
    CausalAttention.Pass pass = CausalAttention.Pass.of(input, h, window, mode);
    RotaryEmbedding.Angles angles = rope.angles(input, pass.past(), pass.length());
    RotaryEmbedding.Angles windowAngles =
        windowRope == rope ? angles : windowRope.angles(input, pass.past(), pass.length());
    for (int i = 0; i < layers.size(); i++) {
      Layer layer = layers.get(i);
      RotaryEmbedding.Angles own = window.isAt(i) ? windowAngles : angles;
      h = mode.block(h, x -> layer.forward(x, own, pass));
    }
    return norm.forward(h);
  }
}
