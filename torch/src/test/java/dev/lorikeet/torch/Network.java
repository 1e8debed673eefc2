package dev.lorikeet.torch;

import java.util.ArrayList;
import java.util.List;

/**
 * A small classifier with what training uses: an embedding, attention, a norm, dropout, AdamW.
 *
 * <p>Axes: B batch, T tokens, D width.
 */
final class Network implements AutoCloseable {
  private static final int VOCABULARY = 50;
  private static final int CLASSES = 4;

  private final Scope owner = Scope.unbound();
  private final int width;
  private final double dropout;
  private final List<Tensor> parameters;
  private final List<Tensor> m;
  private final List<Tensor> v;
  private final List<Tensor> steps;

  /** Draws its parameters from the engine's seed. */
  Network(int width, double dropout) {
    this.width = width;
    this.dropout = dropout;
    try (Scope scope = Scope.open()) {
      parameters =
          owned(
              Tensor.normal(0, 0.5, VOCABULARY, width),
              Tensor.normal(0, 0.1, width, width),
              Tensor.zeros(DType.FLOAT32, Device.CPU, width),
              Tensor.full(1, DType.FLOAT32, Device.CPU, width),
              Tensor.zeros(DType.FLOAT32, Device.CPU, width),
              Tensor.normal(0, 0.1, CLASSES, width));
      m = zerosLike(parameters);
      v = zerosLike(parameters);
      steps = parameters.stream().map(p -> owner.adopt(Tensor.of(new float[1]))).toList();
    }
    parameters.forEach(p -> p.requiresGrad(true));
  }

  private List<Tensor> owned(Tensor... tensors) {
    List<Tensor> all = new ArrayList<>();
    for (Tensor tensor : tensors) {
      all.add(owner.adopt(tensor));
    }
    return List.copyOf(all);
  }

  private List<Tensor> zerosLike(List<Tensor> tensors) {
    return tensors.stream()
        .map(x -> owner.adopt(Tensor.zeros(DType.FLOAT32, Device.CPU, x.shape())))
        .toList();
  }

  List<Tensor> parameters() {
    return parameters;
  }

  /** The mean cross entropy of a batch that is the same for the same {@code step}. */
  Tensor loss(int batch, int tokens, int step) {
    long[] ids = new long[batch * tokens];
    long[] labels = new long[batch];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = (i * 7L + step) % VOCABULARY;
      labels[i / tokens] = ids[i] % CLASSES;
    }
    Tensor x = Ops.embedding(parameters.get(0), Tensor.of(ids, batch, tokens)); // [B, T, D]
    Tensor h = Scope.tidy(() -> block(x));
    Tensor logits = Ops.linear(h.mean(1, false), parameters.get(5), null); // [B, C]
    return Ops.crossEntropy(logits, Tensor.of(labels, batch)).mul(1.0 / batch);
  }

  private Tensor block(Tensor x) {
    Tensor y = Ops.gelu(Ops.linear(x, parameters.get(1), parameters.get(2)));
    Tensor heads = y.reshape(y.size(0), y.size(1), 2, width / 2); // [B, T, H, d]
    Tensor mixed = Ops.attention(heads, heads, heads, null, dropout); // [B, T, D]
    Tensor sum = Ops.dropout(mixed, dropout).add(x);
    return Ops.layerNorm(sum, parameters.get(3), parameters.get(4), 1e-5);
  }

  List<Tensor> gradients(Tensor loss) {
    return Ops.grad(loss, parameters);
  }

  /**
   * One step of training.
   *
   * @param between runs between forward and backward
   * @return the loss
   */
  double step(int batch, int tokens, int step, Runnable between) {
    try (Scope scope = Scope.open()) {
      Tensor loss;
      try (GradMode on = GradMode.enabled()) {
        loss = loss(batch, tokens, step);
      }
      between.run();
      List<Tensor> gradients = gradients(loss);
      Updates.clipInPlace(gradients, 1);
      Updates.adamwInPlace(parameters, gradients, m, v, steps, 1e-3, 0.9, 0.999, 0.01, 1e-8);
      return loss.item();
    }
  }

  @Override
  public void close() {
    owner.close();
  }
}
