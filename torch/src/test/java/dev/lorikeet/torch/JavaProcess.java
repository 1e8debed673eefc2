package dev.lorikeet.torch;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs a main class of the tests in a JVM of its own. */
final class JavaProcess {
  private static final int MINUTES = 2;

  private JavaProcess() {}

  /**
   * What the program prints on both streams; the test fails unless it ends with status 0. Should it
   * crash, the JVM's report is part of what it prints.
   */
  static String output(Class<?> main, String... jvmOptions)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:+ErrorFileToStdout", "-XX:-CreateCoredumpOnCrash"));
    command.addAll(List.of(jvmOptions));
    command.addAll(List.of("-Dai.djl.offline=true", "-cp", System.getProperty("java.class.path")));
    command.add(main.getName());
    Path printed = Files.createTempFile("java-process", ".txt");
    try {
      ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
      Process process = builder.redirectOutput(printed.toFile()).start();
      boolean ended = process.waitFor(MINUTES, TimeUnit.MINUTES);
      process.destroyForcibly().waitFor();
      String output = Files.readString(printed);
      assertThat(ended).as("it ends; it printed:%n%s", output).isTrue();
      assertThat(process.exitValue()).as("exit status; it printed:%n%s", output).isZero();
      return output;
    } finally {
      Files.delete(printed);
    }
  }

  /** What follows {@code name} on the line of the output that begins with it. */
  static String value(String output, String name) {
    return output
        .lines()
        .filter(line -> line.startsWith(name + " "))
        .map(line -> line.substring(name.length() + 1))
        .findFirst()
        .orElseThrow(() -> new AssertionError("no " + name + " in what it printed:\n" + output));
  }
}
