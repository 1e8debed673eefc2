package dev.lorikeet.models;

import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Steps that a {@link Tape} takes back by hand: the same arithmetic as by autograd, in fewer passes
 * over memory. After a layer that autograd differentiates, what would follow by hand is left to it,
 * too: each piece between steps costs a call.
 */
final class ByHand {
  private ByHand() {}

  /**
   * norm(residual + dropout(x)), all [B, T, D].
   *
   * @param residual what the block's layers read
   */
  static Tensor addNorm(Tensor x, Tensor residual, Dropout dropout, LayerNorm norm) {
    Tape tape = norm.mode().recording();
    Tensor weight = norm.weightValue();
    Tensor bias = norm.biasValue();
    if (tape == null || !tape.has(x) || asksForGradient(weight) || asksForGradient(bias)) {
      return norm.forward(dropout.forward(x).add(residual));
    }
    List<Tensor> made;
    try (GradMode off = GradMode.disabled()) {
      made = Ops.dropoutAddNorm(x, residual, weight, bias, norm.eps(), dropout.rate());
    }
    List<Tensor> saved = new ArrayList<>(made.subList(1, made.size()));
    saved.add(0, weight.alias());
    return tape.record(
        made.get(0),
        List.of(residual, x),
        saved,
        (dy, into) -> {
          List<Tensor> gradients = Ops.dropoutAddNormGradients(dy, saved);
          if (gradients.size() == 2) {
            into.add(0, gradients.get(0));
            into.add(1, gradients.get(1));
          } else {
            into.addShared(0, gradients.get(0));
            into.addShared(1, gradients.get(0).alias());
          }
        });
  }

  /** x + y, of one shape. */
  static Tensor add(Tensor x, Tensor y, Mode mode) {
    Tape tape = mode.recording();
    if (tape == null || !tape.has(y)) {
      return x.add(y);
    }
    Tensor sum;
    try (GradMode off = GradMode.disabled()) {
      sum = x.add(y);
    }
    return tape.record(
        sum,
        List.of(x, y),
        List.of(),
        (dy, into) -> {
          into.addShared(0, dy.alias());
          into.addShared(1, dy.alias());
        });
  }

  /**
   * x / √(mean x² + eps) · (offset + weight).
   *
   * @param x [..., D]
   * @param weight [D]
   */
  static Tensor rmsNorm(Tensor x, Tensor weight, double eps, double offset, Mode mode) {
    Tape tape = mode.recording();
    if (tape == null || asksForGradient(weight)) {
      return Ops.rmsNorm(x, weight, eps, offset);
    }
    List<Tensor> made;
    try (GradMode off = GradMode.disabled()) {
      made = Ops.rmsNormAndReciprocal(x, weight, eps, offset);
    }
    Tensor input = tape.cut(x).alias();
    Tensor own = weight.alias();
    Tensor reciprocal = made.get(1);
    return tape.record(
        made.get(0),
        List.of(x),
        List.of(input, own, reciprocal),
        (dy, into) -> into.add(0, Ops.rmsNormGradient(dy, input, own, reciprocal, offset)));
  }

  /**
   * Pairs of elements turned by angles.
   *
   * @param x [B, T, H, d]
   */
  static Tensor rotate(Tensor x, Tensor cos, Tensor sin, Mode mode) {
    Tape tape = mode.recording();
    if (tape == null) {
      return Ops.rotate(x, cos, sin);
    }
    Tensor y;
    try (GradMode off = GradMode.disabled()) {
      y = Ops.rotate(x, cos, sin);
    }
    Tensor ownCos = cos.alias();
    Tensor ownSin = sin.alias();
    return tape.record(
        y,
        List.of(x),
        List.of(ownCos, ownSin),
        (dy, into) -> into.add(0, Ops.rotateGradient(dy, ownCos, ownSin)));
  }

  /**
   * softmax(q kᵀ / √d + mask) v with dropout of the probabilities.
   *
   * @param q [B, T, D], likewise k and v
   * @return [B, T, D]; null where autograd does as well
   */
  static @Nullable Tensor attention(
      Tensor q, Tensor k, Tensor v, int heads, @Nullable Tensor mask, Dropout dropout) {
    Tape tape = dropout.mode().recording();
    boolean onCpu = !q.device().isCuda();
    if (tape == null || !tape.has(q) || dropout.rate() == 0 || !onCpu || asksForGradient(mask)) {
      return null;
    }
    double scale = 1 / Math.sqrt((double) q.size(-1) / heads);
    List<Tensor> read = List.of(q.detach(), k.detach(), v.detach());
    List<Tensor> made;
    try (GradMode off = GradMode.disabled()) {
      made = Ops.dropoutAttention(q, k, v, heads, mask, dropout.rate(), scale);
    }
    List<Tensor> saved = made.subList(1, 3);
    return tape.record(
        made.get(0),
        List.of(q, k, v),
        List.of(read.get(0), read.get(1), read.get(2), saved.get(0), saved.get(1)),
        (dy, into) -> {
          List<Tensor> gradients =
              Ops.dropoutAttentionGradients(
                  dy, read.get(0), read.get(1), read.get(2), heads, saved, scale);
          for (int i = 0; i < 3; i++) {
            into.add(i, gradients.get(i));
          }
        });
  }

  private static boolean asksForGradient(@Nullable Tensor x) {
    return x != null && x.requiresGrad();
  }
}
