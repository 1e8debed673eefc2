package dev.lorikeet.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.junit.jupiter.api.Test;

/** {@link Fuzz} under Maven; no part of the default run, as its name does not end in Test. */
class FuzzRun {
  @Test
  void noDamagedFileEndsInAnythingButOneLine() throws IOException, InterruptedException {
    String arguments = System.getProperty("fuzz", "").strip();
    assertThat(Fuzz.run(arguments.isEmpty() ? new String[0] : arguments.split("\\s+"))).isZero();
  }
}
