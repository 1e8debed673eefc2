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

  private static final int RUNS = 8;
  private static final double SECONDS_A_RUN = 0.1;

  /** No run begins after it, so that types without kernels of their own come to an end, too. */
  private static final double SECONDS = 2;

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

  /** A product's time, the best of several runs of as many products as fill a tenth of a second. */
  private static double seconds(DType type, int[] s, boolean gradient) {
    try (Scope scope = Scope.open();
        GradMode mode = gradient ? GradMode.enabled() : GradMode.disabled()) {
      Tensor x = Tensor.normal(0, 1, s[0], s[1]).to(type).requiresGrad(gradient);
      Tensor w = Tensor.normal(0, 1, s[2], s[1]).to(type);
      double best = Double.MAX_VALUE;
      long begin = System.nanoTime();
      for (int run = 0; run < RUNS && since(begin) < SECONDS; run++) {
        long start = System.nanoTime();
        int products = 0;
        for (; products == 0 || since(start) < SECONDS_A_RUN; products++) {
          multiply(x, w, gradient);
        }
        best = Math.min(best, since(start) / products);
      }
      return best;
    }
  }

  private static double since(long nanoTime) {
    return (System.nanoTime() - nanoTime) / 1e9;
  }

  private static void multiply(Tensor x, Tensor w, boolean gradient) {
    try (Scope product = Scope.open()) {
      Tensor y = Ops.linear(x, w, null);
      if (gradient) {
        Ops.grad(y.sum(), List.of(x));
      }
    }
  }
}
