package dev.lorikeet.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** {@link KillRun} under Maven; no part of the default run, as its name does not end in Test. */
class KillsRun {
  @Test
  void whateverEndsAWriterTheNextRunIsWholeAndLeavesNoTemporary()
      throws IOException, InterruptedException {
    Path home = Path.of("target", "fuzz").toAbsolutePath();
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Dai.djl.offline=true",
                "-Djava.io.tmpdir=" + Files.createDirectories(home.resolve("tmp")),
                "-cp",
                System.getProperty("java.class.path"),
                KillRun.class.getName(),
                "--home",
                home.toString()));
    String arguments = System.getProperty("kill", "").strip();
    if (!arguments.isEmpty()) {
      command.addAll(List.of(arguments.split("\\s+")));
    }
    ProcessBuilder run = new ProcessBuilder(command).inheritIO();
    // As the commands that it ends: products of several threads have other last bits.
    run.environment().put("OMP_NUM_THREADS", "1");
    assertThat(run.start().waitFor()).isZero();
  }
}
