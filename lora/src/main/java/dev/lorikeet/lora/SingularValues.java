package dev.lorikeet.lora;

import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;
import java.util.List;

/**
 * The leading singular values of a matrix with their vectors, U diag(S) V.
 *
 * @param u [m, r]
 * @param s [r], from the largest down
 * @param v [r, n]
 */
record SingularValues(Tensor u, Tensor s, Tensor v) {
  /** The r largest of x [m, n], float32. */
  static SingularValues of(Tensor x, int r) {
    List<Tensor> usv = Ops.svd(x);
    return new SingularValues(
        usv.get(0).narrow(1, 0, r), usv.get(1).narrow(0, 0, r), usv.get(2).narrow(0, 0, r));
  }

  /**
   * Nearly the r largest, by a random projection and {@code iterations} steps of subspace iteration
   * (Halko et al. 2011, arXiv:0909.4061, algorithms 4.4 and 5.1).
   */
  static SingularValues randomised(Tensor x, int r, int iterations) {
    Tensor random = Tensor.normal(0, 1, x.size(1), r).to(x.device());
    Tensor basis = orthonormal(x.matmul(random)); // [m, r]
    for (int i = 0; i < iterations; i++) {
      basis = orthonormal(x.matmul(orthonormal(x.transpose(0, 1).matmul(basis))));
    }
    SingularValues small = of(basis.transpose(0, 1).matmul(x), r); // of [r, n]
    return new SingularValues(basis.matmul(small.u), small.s, small.v);
  }

  private static Tensor orthonormal(Tensor x) {
    return Ops.qr(x).get(0);
  }
}
