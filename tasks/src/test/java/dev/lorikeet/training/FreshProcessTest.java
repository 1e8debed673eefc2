package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Torch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The same seed gives the same weights in every process: nothing may depend on hash codes, which
 * differ from process to process.
 */
class FreshProcessTest {
  private static final int PROCESSES = 3;

  @Test
  void theSameSeedGivesTheSameBytesInEveryProcess(@TempDir Path copy)
      throws IOException, InterruptedException {
    Path checkpoint = TinyBert.withDropout(copy);
    Set<String> checksums = new HashSet<>();
    for (int i = 0; i < PROCESSES; i++) {
      checksums.add(checksum(checkpoint));
    }
    assertThat(checksums).hasSize(1);
  }

  private static String checksum(Path checkpoint) throws IOException, InterruptedException {
    Path printed = checkpoint.resolve("printed.txt");
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx256m",
                "-Dai.djl.offline=true",
                "-cp",
                System.getProperty("java.class.path"),
                Program.class.getName(),
                checkpoint.toString())
            .redirectErrorStream(true)
            .redirectOutput(printed.toFile())
            .start();
    boolean ended = process.waitFor(2, TimeUnit.MINUTES);
    process.destroyForcibly().waitFor();
    String output = Files.readString(printed);
    assertThat(ended && process.exitValue() == 0).as("it ends; it printed:%n%s", output).isTrue();
    return output.lines().filter(line -> line.startsWith("checksum ")).findFirst().orElseThrow();
  }

  /** A run with dropout, clipping, groups and padding. */
  static final class Program {
    private Program() {}

    /** Trains the checkpoint in the folder that is named, and prints a checksum of the outcome. */
    public static void main(String[] arguments) throws NoSuchAlgorithmException {
      Torch.threads(2);
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      TrainingConfig config =
          TrainingConfig.DEFAULT
              .withLr(3e-3, List.of(GroupRule.parse("head=x2"), GroupRule.parse("layer.0=x0.5")))
              .withEpochs(2)
              .withBatchSize(8, 2);
      try (Scope scope = Scope.open();
          Model model = Model.open(Path.of(arguments[0]), ModelOptions.DEFAULT)) {
        Adapter adapter = Adapter.attach(model, DeltaAdapter.on("query", "dense"), 1);
        new Trainer(
                model,
                Tasks.of(model),
                Trainable.of(adapter),
                TrainingData.of(TinyBert.classified(40, 3, 12, 1)),
                List.of(),
                0,
                config,
                TrainingListener.SILENT)
            .run();
        adapter.parameters().values().forEach(p -> digest.update(p.original().toBytes()));
      }
      System.out.println("checksum " + HexFormat.of().formatHex(digest.digest()));
    }
  }
}
