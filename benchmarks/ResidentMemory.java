import dev.lorikeet.models.Checkpoint;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * How much memory a model takes on the CPU beside its weights: resident before it is opened, after,
 * and after a forward pass of 16 tokens, in the precision that it is stored in.
 *
 * <pre>
 * ./lorikeet init --config config.json --dtype bfloat16 --output model
 * ./lorikeet run benchmarks/ResidentMemory.java model
 * </pre>
 *
 * <p>Weights are mapped, so their pages are resident once they are read, and the system may take them back.
 */
public class ResidentMemory {
  private static final int TOKENS = 16;

  public static void main(String[] arguments) throws IOException {
    Path folder = Path.of(arguments[0]);
    Torch.threads(Runtime.getRuntime().availableProcessors());
    warmUp();
    Checkpoint checkpoint = Checkpoint.open(folder);
    DType type = checkpoint.dtype(checkpoint.names().iterator().next());
    double weights = mib(bytes(checkpoint));
    System.out.printf("weights          %8.1f MiB, %s, %d tensors%n", weights, type, checkpoint.names().size());

    double before = status("VmRSS:");
    print("before opening", before);
    try (Model model = Model.open(folder, ModelOptions.DEFAULT.withPrecision(type))) {
      print("after opening", status("VmRSS:"));
      forward(model);
      double after = status("VmRSS:");
      double peak = status("VmHWM:");
      print("after forward", after);
      print("peak", peak);
      System.out.printf(
          "added / weights  %8.3f after forward, %.3f at the peak%n",
          (after - before) / weights, (peak - before) / weights);
    }
  }

  /** Loads libtorch and its threads, which are no part of the model. */
  private static void warmUp() {
    try (Scope scope = Scope.open()) {
      Tensor x = Tensor.normal(0, 1, 64, 64);
      x.matmul(x).sum().item();
    }
  }

  private static void forward(Model model) {
    long[] ids = new long[TOKENS];
    Arrays.setAll(ids, i -> 100 + 7 * i);
    try (Scope scope = Scope.open();
        GradMode off = GradMode.disabled()) {
      long start = System.nanoTime();
      Tensor logits = model.logits(new ModelInput(Tensor.of(ids, 1, TOKENS), null, null));
      double sum = logits.to(DType.FLOAT32).sum().item();
      System.out.printf(
          "forward          %8.1f ms, logits %s of sum %.3f%n",
          (System.nanoTime() - start) / 1e6, Arrays.toString(logits.shape()), sum);
    }
  }

  private static long bytes(Checkpoint checkpoint) {
    return checkpoint.names().stream()
        .mapToLong(
            name ->
                checkpoint.dtype(name).bytes()
                    * Arrays.stream(checkpoint.shape(name)).reduce(1, Math::multiplyExact))
        .sum();
  }

  private static void print(String what, double mib) {
    System.out.printf("%-16s %8.1f MiB resident%n", what, mib);
  }

  private static double mib(long bytes) {
    return bytes / (double) (1 << 20);
  }

  /** A line of /proc/self/status, in MiB; Linux has it. */
  private static double status(String key) throws IOException {
    return Files.readAllLines(Path.of("/proc/self/status")).stream()
        .filter(line -> line.startsWith(key))
        .mapToDouble(line -> Long.parseLong(line.replaceAll("\\D", "")) / 1024.0)
        .findFirst()
        .orElseThrow(() -> new IllegalStateException("no " + key + " in /proc/self/status"));
  }
}
