import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * How fast linear layers run here, forward and with the gradient of their input, in GFLOP/s.
 *
 * <pre>
 * ./lorikeet run benchmarks/MatrixProducts.java
 * LORIKEET_JAVA_OPTIONS=-Dlorikeet.matrix_kernel=mkl ./lorikeet run benchmarks/MatrixProducts.java
 * </pre>
 *
 * <p>An argument is the number of threads. The last line is the fastest forward product by
 * precision, as JSON.
 */
public class MatrixProducts {
  private static final int[][] ROWS_IN_OUT = {
    {512, 384, 384}, {512, 384, 1536}, {512, 1536, 384}, {2048, 2048, 2048}, {4096, 768, 3072}
  };

  private static final double OPERATIONS_A_RUN = 2e10;

  public static void main(String[] arguments) throws IOException {
    Torch.threads(
        arguments.length > 0
            ? Integer.parseInt(arguments[0])
            : Runtime.getRuntime().availableProcessors());
    Map<String, Double> fastest = new TreeMap<>();
    for (DType type : List.of(DType.FLOAT32, DType.BFLOAT16)) {
      for (int[] s : ROWS_IN_OUT) {
        double gigaFlop = 2e-9 * s[0] * s[1] * s[2];
        double forward = gigaFlop / seconds(type, s, false);
        System.out.printf(
            "%-8s [%d, %d] x [%d, %d]: forward %4.0f, with gradient %4.0f GFLOP/s%n",
            type, s[0], s[1], s[1], s[2],
            forward,
            2 * gigaFlop / seconds(type, s, true));
        fastest.merge(type.name().toLowerCase(Locale.ROOT), forward, Math::max);
      }
    }
    System.out.println(new ObjectMapper().writeValueAsString(fastest));
  }

  /** The best of several runs of so many products that each run takes a tenth of a second or so. */
  private static double seconds(DType type, int[] s, boolean gradient) {
    try (Scope scope = Scope.open();
        GradMode mode = gradient ? GradMode.enabled() : GradMode.disabled()) {
      Tensor x = Tensor.normal(0, 1, s[0], s[1]).to(type).requiresGrad(gradient);
      Tensor w = Tensor.normal(0, 1, s[2], s[1]).to(type);
      double best = Double.MAX_VALUE;
      int products = (int) Math.max(1, OPERATIONS_A_RUN / (2.0 * s[0] * s[1] * s[2]));
      for (int run = 0; run < 8; run++) {
        long start = System.nanoTime();
        for (int i = 0; i < products; i++) {
          try (Scope product = Scope.open()) {
            Tensor y = Ops.linear(x, w, null);
            if (gradient) {
              Ops.grad(y.sum(), List.of(x));
            }
          }
        }
        best = Math.min(best, (System.nanoTime() - start) / 1e9 / products);
      }
      return best;
    }
  }
}
