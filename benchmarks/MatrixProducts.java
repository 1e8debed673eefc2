import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import java.util.List;

/**
 * How fast linear layers run here, forward and with the gradient of their input, in GFLOP/s.
 *
 * <pre>
 * ./lorikeet run benchmarks/MatrixProducts.java
 * LORIKEET_JAVA_OPTIONS=-Dlorikeet.matrix_kernel=mkl ./lorikeet run benchmarks/MatrixProducts.java
 * </pre>
 */
public class MatrixProducts {
  private static final int[][] ROWS_IN_OUT = {
    {512, 384, 384}, {512, 384, 1536}, {512, 1536, 384}, {4096, 768, 3072}
  };

  public static void main(String[] arguments) {
    Torch.threads(Runtime.getRuntime().availableProcessors());
    for (DType type : List.of(DType.FLOAT32, DType.BFLOAT16)) {
      for (int[] s : ROWS_IN_OUT) {
        double flop = 2.0 * s[0] * s[1] * s[2];
        System.out.printf(
            "%-8s [%d, %d] x [%d, %d]: forward %4.0f, with gradient %4.0f GFLOP/s%n",
            type, s[0], s[1], s[1], s[2],
            flop / seconds(type, s, false) / 1e9,
            2 * flop / seconds(type, s, true) / 1e9);
      }
    }
  }

  /** The best of several runs of thirty products. */
  private static double seconds(DType type, int[] s, boolean gradient) {
    try (Scope scope = Scope.open();
        GradMode mode = gradient ? GradMode.enabled() : GradMode.disabled()) {
      Tensor x = Tensor.normal(0, 1, s[0], s[1]).to(type).requiresGrad(gradient);
      Tensor w = Tensor.normal(0, 1, s[2], s[1]).to(type);
      double best = Double.MAX_VALUE;
      for (int run = 0; run < 8; run++) {
        long start = System.nanoTime();
        for (int i = 0; i < 30; i++) {
          try (Scope product = Scope.open()) {
            Tensor y = Ops.linear(x, w, null);
            if (gradient) {
              Ops.grad(y.sum(), List.of(x));
            }
          }
        }
        best = Math.min(best, (System.nanoTime() - start) / 30e9);
      }
      return best;
    }
  }
}
