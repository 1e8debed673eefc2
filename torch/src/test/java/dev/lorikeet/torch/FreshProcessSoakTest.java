package dev.lorikeet.torch;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.Set;
import org.junit.jupiter.api.Test;

/**
 * Starts {@link Program} many times over: what goes wrong once in some dozens of starts shows here
 * and nowhere else. The system property {@code soak.processes} says how many times, 3 without it.
 */
class FreshProcessSoakTest {
  private static final int PROCESSES = Integer.getInteger("soak.processes", 3);

  @Test
  void everyFreshProcessEndsWellAndTrainsTheSame() throws IOException, InterruptedException {
    Set<String> checksums = new HashSet<>();
    for (int i = 0; i < PROCESSES; i++) {
      checksums.add(JavaProcess.value(JavaProcess.output(Program.class, "-Xmx256m"), "checksum"));
    }
    assertThat(checksums).as("the results of %s processes", PROCESSES).hasSize(1);
  }

  /** A short training run that prints a checksum of what it trained. */
  static final class Program {
    private static final int STEPS = 12;

    private Program() {}

    /** Trains, with garbage collected between forward and backward in every other step. */
    public static void main(String[] arguments) throws NoSuchAlgorithmException {
      Torch.threads(2);
      Torch.seed(1);
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      try (Network network = new Network(64, 0.1);
          Scope scope = Scope.open()) {
        for (int step = 0; step < STEPS; step++) {
          network.step(8, 8, step, step % 2 == 0 ? () -> {} : Garbage::churn);
        }
        network.parameters().forEach(parameter -> digest.update(parameter.toBytes()));
      }
      System.out.println("checksum " + HexFormat.of().formatHex(digest.digest()));
    }
  }
}
