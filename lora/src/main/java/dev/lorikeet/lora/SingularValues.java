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

  /**
   * The r largest of b a, or as many as there are, at the cost of their rank and not of their
   * product: that of the triangular factors of both.
   *
   * @param b [m, k], float32
   * @param a [k, n], float32
   */
  static SingularValues ofProduct(Tensor b, Tensor a, int r) {
    List<Tensor> left = Ops.qr(b); // [m, p] and [p, k]
    List<Tensor> right = Ops.qr(a.transpose(0, 1)); // [n, q] and [q, k]
    Tensor core = left.get(1).matmul(right.get(1).transpose(0, 1)); // [p, q]
    int most = (int) Math.min(r, Math.min(core.size(0), core.size(1)));
    SingularValues small = of(core, most);
    return new SingularValues(
        left.get(0).matmul(small.u), small.s, small.v.matmul(right.get(0).transpose(0, 1)));
  }

  private static Tensor orthonormal(Tensor x) {
    return Ops.qr(x).get(0);
  }
}
