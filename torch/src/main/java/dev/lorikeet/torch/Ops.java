package dev.lorikeet.torch;

import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The operations of neural networks, each one method of the TorchScript library {@code ops.py}. All
 * are recorded for a backward pass while {@link GradMode} is enabled, except those whose names end
 * in {@code InPlace}.
 *
 * <p>Axes: B batch, T tokens, H heads, d width of a head, D width.
 */
public final class Ops {
  private Ops() {}

  // ---- decompositions ----

  /**
   * x = Q R, the columns of Q orthonormal and R upper triangular, k = min(m, n).
   *
   * @param x [m, n], float32
   * @return Q [m, k] and R [k, n]
   */
  public static List<Tensor> qr(Tensor x) {
    return Torch.tensors("qr", x);
  }

  /**
   * x = U diag(S) V, the singular values S from the largest down, k = min(m, n).
   *
   * @param x [m, n], float32
   * @return U [m, k], S [k] and V [k, n]
   */
  public static List<Tensor> svd(Tensor x) {
    return Torch.tensors("svd", x);
  }

  /**
   * X with X A = B.
   *
   * @param a [..., n, n], invertible, float32
   * @param b [..., m, n]
   * @return [..., m, n]
   */
  public static Tensor solveRight(Tensor a, Tensor b) {
    return Torch.tensor("solve_right", a, b);
  }

  // ---- combining updates ----

  /** x with only its {@code count} elements of largest size, and 0 in place of the others. */
  public static Tensor keepLargest(Tensor x, long count) {
    return Torch.tensor("keep_largest", x, count);
  }

  /**
   * Which elements have the sign that wins at their place: that of the sum over the first axis, or
   * with {@code byCount} that of most elements. Plus wins a draw; 0 has no sign.
   *
   * @param xs [n, ...]
   * @return 1 or 0 for each element, in the type of xs
   */
  public static Tensor majority(Tensor xs, boolean byCount) {
    return Torch.tensor("majority", xs, byCount);
  }

  // ---- layers ----

  /**
   * y = x Wᵀ + b.
   *
   * @param x [..., in]
   * @param weight [out, in]
   * @param bias [out], or null for none
   * @return [..., out]
   */
  public static Tensor linear(Tensor x, Tensor weight, @Nullable Tensor bias) {
    return Torch.tensor(MatrixKernel.of(x, weight).linear(), x, weight, bias);
  }

  /**
   * dx = dy W of y = x Wᵀ + b.
   *
   * @param x [..., in]
   * @param dy [..., out]
   * @param weight W [out, in]
   * @param sum [..., in], row by row in memory: dx is added to it in place; null for none
   * @return dx, or {@code sum}
   */
  public static Tensor linearInputGradient(
      Tensor x, Tensor dy, Tensor weight, @Nullable Tensor sum) {
    return Torch.tensor(MatrixKernel.of(x, weight).inputGradient(), x, dy, weight, sum);
  }

  /**
   * The rows of {@code weight} [V, D] at {@code ids}, int64.
   *
   * @return [shape of ids, D]
   */
  public static Tensor embedding(Tensor weight, Tensor ids) {
    return Torch.tensor("embedding", weight, ids);
  }

  /**
   * (x − mean) / √(variance + eps) · weight + bias over the last axis (Ba et al. 2016,
   * arXiv:1607.06450).
   *
   * @param x [..., D]
   * @param weight [D]
   * @param bias [D], or null for none
   */
  public static Tensor layerNorm(Tensor x, Tensor weight, @Nullable Tensor bias, double eps) {
    return Torch.tensor("layer_norm", x, weight, bias, eps);
  }

  /**
   * x / √(mean x² + eps) · weight over the last axis (Zhang and Sennrich 2019, arXiv:1910.07467).
   *
   * @param x [..., D]
   * @param weight [D]
   */
  public static Tensor rmsNorm(Tensor x, Tensor weight, double eps) {
    return rmsNorm(x, weight, eps, 0);
  }

  /**
   * x / √(mean x² + eps) · (offset + weight) over the last axis.
   *
   * @param x [..., D]
   * @param weight [D]
   */
  public static Tensor rmsNorm(Tensor x, Tensor weight, double eps, double offset) {
    return Torch.tensor("rms_norm", x, weight, eps, offset);
  }

  /** {@link #rmsNorm}, and 1 / √(mean x² + eps) [..., 1], float32. */
  public static List<Tensor> rmsNormAndReciprocal(
      Tensor x, Tensor weight, double eps, double offset) {
    return Torch.tensors("rms_norm_and_reciprocal", x, weight, eps, offset);
  }

  /**
   * The gradient of x in {@link #rmsNormAndReciprocal}.
   *
   * @param dy [..., D], of the norm
   * @param reciprocal as it was returned
   */
  public static Tensor rmsNormGradient(
      Tensor dy, Tensor x, Tensor weight, Tensor reciprocal, double offset) {
    return Torch.tensor("rms_norm_gradient", dy, x, weight, reciprocal, offset);
  }

  /**
   * The states of an LSTM that reads forwards and backwards (Hochreiter and Schmidhuber 1997),
   * starting at zero.
   *
   * @param x [B, T, D]
   * @param weights of each layer, forwards and then backwards: of the input [4 · hidden, in], of
   *     the state [4 · hidden, hidden], and a bias [4 · hidden] for each
   * @param dropout between layers
   * @return [B, T, 2 · hidden]
   */
  public static Tensor lstm(
      Tensor x, List<Tensor> weights, int layers, int hidden, double dropout) {
    Supplier<Tensor> states = () -> Torch.tensor("lstm", x, weights, layers, hidden, dropout);
    return dropout == 0 ? states.get() : ThreadGenerator.byDefaultGenerator(states);
  }

  public static Tensor softmax(Tensor x, int axis) {
    return Torch.tensor("softmax", x, axis);
  }

  /**
   * x · Φ(x), with the normal distribution's own Φ (Hendrycks and Gimpel 2016, arXiv:1606.08415).
   */
  public static Tensor gelu(Tensor x) {
    return Torch.tensor("gelu", x, "none");
  }

  /** GELU by its tanh approximation. */
  public static Tensor geluTanh(Tensor x) {
    return Torch.tensor("gelu", x, "tanh");
  }

  public static Tensor relu(Tensor x) {
    return Torch.tensor("relu", x);
  }

  public static Tensor silu(Tensor x) {
    return Torch.tensor("silu", x);
  }

  /** silu(x) ⊙ y. */
  public static Tensor siluMul(Tensor x, Tensor y) {
    return Torch.tensor("silu_mul", x, y);
  }

  /**
   * Zeroes each element with probability p and scales the others by 1/(1 − p), by the thread's seed
   * (Srivastava et al. 2014). On the CPU p is rounded to a multiple of 2⁻¹⁶. With p = 0 it is x
   * itself.
   */
  public static Tensor dropout(Tensor x, double p) {
    if (p == 0) {
      return x;
    }
    return x.device().isCuda()
        ? ThreadGenerator.byDefaultGenerator(() -> Torch.tensor("dropout", x, p))
        : ThreadGenerator.tensor(Device.CPU, "dropout_cpu", x, p);
  }

  /**
   * norm(residual + dropout(x)) over the last axis, and what {@link #dropoutAddNormGradients}
   * needs.
   *
   * @param x [..., D]
   * @param residual [..., D]
   * @param weight [D]
   * @param bias [D], or null
   * @param p the probability of dropout
   * @return the norm and what is saved for its gradients: the sum, its mean and 1 / deviation, and,
   *     where p is not 0, dropout's mask
   */
  public static List<Tensor> dropoutAddNorm(
      Tensor x, Tensor residual, Tensor weight, @Nullable Tensor bias, double eps, double p) {
    return p == 0
        ? Torch.tensors("dropout_add_norm", x, residual, weight, bias, eps, p, null)
        : ThreadGenerator.tensors(
            x.device(), "dropout_add_norm", x, residual, weight, bias, eps, p);
  }

  /**
   * The gradients of {@link #dropoutAddNorm}.
   *
   * @param dy [..., D], of the norm
   * @param saved the weight, and what it returned but the norm
   * @return of residual and of x; without dropout only one, which is both
   */
  public static List<Tensor> dropoutAddNormGradients(Tensor dy, List<Tensor> saved) {
    return Torch.tensors("dropout_add_norm_gradients", dy, saved);
  }

  /**
   * {@link #attention} of projections with dropout, and what {@link #dropoutAttentionGradients}
   * needs.
   *
   * @param q [B, T, D], likewise k and v
   * @param heads H, D a multiple of it
   * @param p above 0
   * @return the context [B, T, D], and what is saved for its gradients
   */
  public static List<Tensor> dropoutAttention(
      Tensor q, Tensor k, Tensor v, int heads, @Nullable Tensor mask, double p, double scale) {
    return ThreadGenerator.tensors(q.device(), "dropout_attention", q, k, v, heads, mask, p, scale);
  }

  /**
   * The gradients of {@link #dropoutAttention}.
   *
   * @param dy [B, T, D], of the context
   * @param saved what it returned but the context
   * @return of q, k and v
   */
  public static List<Tensor> dropoutAttentionGradients(
      Tensor dy, Tensor q, Tensor k, Tensor v, int heads, List<Tensor> saved, double scale) {
    return Torch.tensors("dropout_attention_gradients", dy, q, k, v, heads, saved, scale);
  }

  /**
   * softmax(q kᵀ / √d + mask) v, its probabilities dropped out with probability p (Vaswani et al.
   * 2017, arXiv:1706.03762, §3.2.1).
   *
   * @param q [B, T, H, d]
   * @param k [B, S, H, d]
   * @param v [B, S, H, d]
   * @param mask added to the scores, broadcast to [B, H, T, S], in q's type; null for none
   * @return [B, T, H·d]
   */
  public static Tensor attention(Tensor q, Tensor k, Tensor v, @Nullable Tensor mask, double p) {
    return attention(q, k, v, mask, p, 1 / Math.sqrt((double) q.size(-1)));
  }

  /**
   * The same with the scores q kᵀ multiplied by {@code scale}.
   *
   * @param scale of the scores, instead of 1/√d
   */
  public static Tensor attention(
      Tensor q, Tensor k, Tensor v, @Nullable Tensor mask, double p, double scale) {
    boolean plain = p == 0 && (mask == null || !mask.requiresGrad());
    if (plain || q.device().isCuda()) {
      Supplier<Tensor> kernel = () -> Torch.tensor("attention", q, k, v, mask, p, false, scale);
      return p == 0 ? kernel.get() : ThreadGenerator.byDefaultGenerator(kernel);
    }
    // With dropout, or gradients of the mask, the CPU kernel falls back to this same arithmetic,
    // but with slow random draws and more copies.
    Tensor probabilities = softmax(Torch.tensor("attention_scores", q, k, mask, scale), -1);
    return Torch.tensor("attention_values", dropout(probabilities, p), v);
  }

  /**
   * Attention whose query heads share heads of keys and values in groups of G = H / K (Ainslie et
   * al. 2023, arXiv:2305.13245).
   *
   * @param q [B, T, H, d]
   * @param k [B, S, K, d]
   * @param v [B, S, K, d]
   * @param mask added to the scores, [B or 1, 1, T, S], in q's type; null for none
   * @param causal whether tokens see only themselves and those before them; T = S, without a mask
   * @param p the probability with which probabilities are dropped out
   * @param scale of the scores q kᵀ
   * @return [B, T, H·d]
   */
  public static Tensor groupedAttention(
      Tensor q, Tensor k, Tensor v, @Nullable Tensor mask, boolean causal, double p, double scale) {
    if (p > 0 && !q.device().isCuda()) {
      return groupedAttentionInSteps(q, k, v, mask, causal, p, scale, 0);
    }
    Supplier<Tensor> kernel =
        () -> Torch.tensor("grouped_attention", q, k, v, mask, p, causal, scale);
    return p == 0 ? kernel.get() : ThreadGenerator.byDefaultGenerator(kernel);
  }

  /**
   * The same, slower, with all scores in memory at once.
   *
   * @param cap bends scores s to cap · tanh(s / cap); 0 leaves them
   */
  public static Tensor groupedAttentionInSteps(
      Tensor q,
      Tensor k,
      Tensor v,
      @Nullable Tensor mask,
      boolean causal,
      double p,
      double scale,
      double cap) {
    Tensor probabilities =
        Torch.tensor("grouped_probabilities", q, k, mask, causal, scale, cap); // [B, K, G, T, S]
    return Torch.tensor("grouped_values", dropout(probabilities, p), v);
  }

  /**
   * Writes the keys and values of new tokens into rooms for more.
   *
   * @param keysRoom [B, room, K, d], changed in place
   * @param valuesRoom likewise
   * @param keys [B, T, K, d]
   * @param values [B, T, K, d]
   * @param start how many tokens the rooms hold
   * @return the keys and the values of all, views [B, start + T, K, d] of the rooms
   */
  public static List<Tensor> appendInPlace(
      Tensor keysRoom, Tensor valuesRoom, Tensor keys, Tensor values, long start) {
    return Torch.tensors("append_", keysRoom, valuesRoom, keys, values, start);
  }

  /**
   * cos and sin of the angles position · frequency, for {@link #rotate}.
   *
   * @param positions [T] or [B, T], int64
   * @param frequencies [r/2], float32
   * @param scale of cos and sin
   * @param dtype of cos and sin
   * @return cos and sin, [T, 1, r] or [B, T, 1, r]
   */
  public static List<Tensor> angles(
      Tensor positions, Tensor frequencies, double scale, DType dtype) {
    return Torch.tensors("angles", positions, frequencies, scale, dtype.code());
  }

  /**
   * Rotates pairs of elements, i and i + r/2, each by an angle of its own (Su et al. 2021,
   * arXiv:2104.09864, §3.4.2); elements from r on stay.
   *
   * @param x [B, T, H, d]
   * @param cos as {@link #angles} makes it
   * @param sin likewise
   */
  public static Tensor rotate(Tensor x, Tensor cos, Tensor sin) {
    return Torch.tensor("rotate", x, cos, sin);
  }

  /** The gradient of x in {@link #rotate}, of dy [B, T, H, d]. */
  public static Tensor rotateGradient(Tensor dy, Tensor cos, Tensor sin) {
    return Torch.tensor("rotate_gradient", dy, cos, sin);
  }

  /**
   * The scores of pairs of tokens from scores of their distances: y[t, s] = x[t, T − 1 + s − t], a
   * view where x is contiguous.
   *
   * @param x [B, H, T, 2T − 1]
   * @return [B, H, T, T]
   */
  public static Tensor ofDistances(Tensor x) {
    return Torch.tensor("of_distances", x);
  }

  /**
   * A convolution along a sequence, with zeros beyond its ends and as many outputs as inputs.
   *
   * @param x [B, T, D]
   * @param kernel [D, D / groups, n], n odd
   * @param bias [D]
   * @return [B, T, D]
   */
  public static Tensor convolution(Tensor x, Tensor kernel, Tensor bias, long groups) {
    return Torch.tensor("convolution", x, kernel, bias, groups);
  }

  public static Tensor where(Tensor condition, Tensor x, Tensor y) {
    return Torch.tensor("where", condition, x, y);
  }

  /**
   * W + s·BA, in the type of W: a weight with a LoRA update folded in. Not recorded for gradients.
   *
   * @param weight W [out, in]
   * @param a A [r, in]
   * @param b B [out, r]
   */
  public static Tensor loraWeight(Tensor weight, Tensor a, Tensor b, double s) {
    try (GradMode off = GradMode.disabled()) {
      return Torch.tensor("lora_weight", weight, a, b, s);
    }
  }

  /**
   * The gradients of A and B in y = x (W + s·BA)ᵀ.
   *
   * @param x [..., in]
   * @param dy [..., out]
   * @return dA [r, in] and dB [out, r], in the types of A and B
   */
  public static List<Tensor> loraGradients(Tensor x, Tensor dy, Tensor a, Tensor b, double s) {
    try (GradMode off = GradMode.disabled()) {
      return Torch.tensors("lora_gradients", x, dy, a, b, s);
    }
  }

  // ---- losses: sums over the labels that count ----

  /**
   * −Σ log softmax(logits)[label] over the labels that are not −100.
   *
   * @param logits [N, C]
   * @param labels [N], int64
   */
  public static Tensor crossEntropy(Tensor logits, Tensor labels) {
    return crossEntropy(logits, labels, null, 0);
  }

  /**
   * −Σ w[label] Σ_c q_c log softmax(logits)_c over the labels that are not −100, where q is 1 − ε
   * at the label, and ε / C more at every class c, each weighted by its own w_c: torch's
   * cross_entropy with weight and label_smoothing, as a sum (Szegedy et al. 2016, arXiv:1512.00567,
   * §7).
   *
   * @param logits [N, C]
   * @param labels [N], int64
   * @param weights w [C], or null for 1
   * @param smoothing ε in [0, 1]
   */
  public static Tensor crossEntropy(
      Tensor logits, Tensor labels, @Nullable Tensor weights, double smoothing) {
    return Torch.tensor("cross_entropy", logits, labels, weights, smoothing);
  }

  /**
   * {@link #crossEntropy(Tensor, Tensor)} of labels that all count, and its gradient with respect
   * to the logits. Not recorded for gradients.
   *
   * @param logits [N, C]
   * @param labels [N], int64, none −100
   * @param factor that the gradient is multiplied by
   * @return the float32 sum, and the gradient [N, C] in the type of the logits
   */
  public static List<Tensor> crossEntropySlope(Tensor logits, Tensor labels, double factor) {
    try (GradMode off = GradMode.disabled()) {
      return Torch.tensors("cross_entropy_slope", logits, labels, factor);
    }
  }

  /**
   * −Σ w[label] (1 − p)^γ log p with p = softmax(logits)[label], over the labels that are not −100
   * (Lin et al. 2017, arXiv:1708.02002, §3).
   *
   * @param logits [N, C], float32
   * @param labels [N], int64
   * @param weights w [C], or null for 1
   */
  public static Tensor focalCrossEntropy(
      Tensor logits, Tensor labels, @Nullable Tensor weights, double gamma) {
    return Torch.tensor("focal_cross_entropy", logits, labels, weights, gamma);
  }

  /**
   * −Σ (1 − p)^γ log p, with p = sigmoid(logits) where the label holds and 1 − sigmoid(logits)
   * where not; both [N, C], float32.
   */
  public static Tensor focalBinaryCrossEntropy(Tensor logits, Tensor labels, double gamma) {
    return Torch.tensor("focal_binary_cross_entropy", logits, labels, gamma);
  }

  /** The sum of binary cross entropies of sigmoid(logits), both [N, C]. */
  public static Tensor binaryCrossEntropy(Tensor logits, Tensor labels) {
    return Torch.tensor("binary_cross_entropy", logits, labels);
  }

  /** Σ (prediction − label)². */
  public static Tensor squaredError(Tensor predictions, Tensor labels) {
    return Torch.tensor("squared_error", predictions, labels);
  }

  // ---- gradients ----

  /**
   * The gradients of a scalar with respect to each of {@code inputs}, in their order. An input that
   * the output does not depend on gets an empty tensor.
   */
  public static List<Tensor> grad(Tensor output, List<Tensor> inputs) {
    return Torch.tensors("grad", output, null, inputs, false);
  }

  /**
   * The same, after which gradients can be asked for again of what led to {@code output}.
   *
   * @param gradient null where {@code output} is a scalar, and its own gradient 1
   */
  public static List<Tensor> gradAgain(
      Tensor output, @Nullable Tensor gradient, List<Tensor> inputs) {
    return Torch.tensors("grad", output, gradient, inputs, true);
  }

  /** x plus independent draws from U(−most, most), by the engine's seed. */
  public static Tensor addUniform(Tensor x, double most) {
    return ThreadGenerator.tensor(x.device(), "add_uniform", x, most);
  }
}
