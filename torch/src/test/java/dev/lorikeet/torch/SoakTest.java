package dev.lorikeet.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** Two thousand steps of training must need no more memory than four hundred. */
class SoakTest {
  private static final int STEPS = 2000;
  private static final int WARM_UP = 400;

  /**
   * One activation of the network, about [16, 16, 64] float32, is 64 KiB: to lose one in every step
   * after the warm-up would take 100 MiB. What is allowed is for malloc's arenas and for what the
   * JVM compiles meanwhile; 0 to 4 MiB were seen.
   */
  private static final long ALLOWED_KIB = 16 << 10;

  @Test
  void handlesAndResidentMemoryAreFlat() throws IOException, InterruptedException {
    // A heap of one size, resident from the start, so that what changes is native memory.
    String output =
        JavaProcess.output(
            Program.class, "-Xms64m", "-Xmx64m", "-XX:+AlwaysPreTouch", "-XX:+UseSerialGC");
    assertThat(number(output, "last-loss")).isLessThan(number(output, "first-loss"));
    assertThat(number(output, "most-tensors")).isEqualTo(number(output, "least-tensors"));
    double before = number(output, "resident-kib-before");
    assumeThat(before).as("this system reports resident memory").isPositive();
    assertThat(number(output, "resident-kib-after") - before).isLessThan(ALLOWED_KIB);
  }

  private static double number(String output, String name) {
    return Double.parseDouble(JavaProcess.value(output, name));
  }

  /** The training run; prints what it measures. */
  static final class Program {
    private Program() {}

    /** Trains, and counts tensors after each step and memory after the warm-up and at the end. */
    public static void main(String[] arguments) throws IOException {
      Torch.seed(1);
      try (Network network = new Network(64, 0.1)) {
        print("first-loss", step(network, 0));
        for (int step = 1; step < WARM_UP; step++) {
          step(network, step);
        }
        long least = Tensor.live();
        long most = least;
        print("resident-kib-before", residentKib());
        double loss = 0;
        for (int step = WARM_UP; step < STEPS; step++) {
          loss = step(network, step);
          least = Math.min(least, Tensor.live());
          most = Math.max(most, Tensor.live());
        }
        print("resident-kib-after", residentKib());
        print("last-loss", loss);
        print("least-tensors", least);
        print("most-tensors", most);
      }
    }

    /** Batches of nine lengths, because kernels are kept by shape. */
    private static double step(Network network, int step) {
      return network.step(16, 12 + step % 9, step, () -> {});
    }

    private static void print(String name, Number value) {
      System.out.println(name + " " + value);
    }

    /** The process's resident memory; −1 where the system does not say. */
    private static long residentKib() throws IOException {
      System.gc();
      Path status = Path.of("/proc/self/status");
      if (!Files.isReadable(status)) {
        return -1;
      }
      return Files.readAllLines(status).stream()
          .filter(line -> line.startsWith("VmRSS:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
          .findFirst()
          .orElse(-1);
    }
  }
}
