package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** The launcher script, as users start it. */
@DisabledOnOs(OS.WINDOWS)
class LauncherTest {
  @TempDir Path temporary;

  private Path mavenStandIn;

  /** The build that the tests are part of is the one to run: no other may start within it. */
  @BeforeEach
  void keepMavenOut() throws IOException {
    mavenStandIn = Files.createDirectory(temporary.resolve("bin"));
    script(
        mavenStandIn.resolve("mvn"), "echo 'the build is stale: run mvn package' >&2", "exit 99");
  }

  private static void script(Path file, String... lines) throws IOException {
    Files.writeString(file, "#!/bin/sh\n" + String.join("\n", lines) + "\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private JavaProcess launch(Path launcher, String... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(launcher.toString()));
    command.addAll(List.of(arguments));
    String path = mavenStandIn + ":" + System.getenv("PATH");
    return JavaProcess.run(temporary, Map.of("PATH", path), command);
  }

  private JavaProcess launch(String... arguments) throws IOException, InterruptedException {
    return launch(Embedded.ROOT.resolve("lorikeet"), arguments);
  }

  @Test
  void helpIsStatusZero() throws IOException, InterruptedException {
    JavaProcess process = launch("--help");
    assertThat(process.err()).isEmpty();
    assertThat(process.status()).isZero();
    assertThat(process.out()).startsWith("Usage: lorikeet").contains("demo").contains("train");
  }

  @Test
  void failureIsStatusOne() throws IOException, InterruptedException {
    JavaProcess process = launch("adapter", "inspect", "nowhere");
    assertThat(process.err())
        .isEqualTo("error: nowhere has no adapter_config.json: give the folder of an adapter\n");
    assertThat(process.status()).isEqualTo(1);
    assertThat(process.out()).isEmpty();
  }

  @Test
  void wrongUsageIsStatusTwo() throws IOException, InterruptedException {
    JavaProcess process = launch("train", "--bogus");
    assertThat(process.err()).startsWith("error: Unknown option").contains("--bogus");
    assertThat(process.status()).isEqualTo(2);
    assertThat(process.out()).isEmpty();
  }

  @Test
  void linkToTheLauncherWorksFromAnywhere() throws IOException, InterruptedException {
    Path link = Files.createSymbolicLink(temporary.resolve("lorikeet"), Path.of("bin/further"));
    Path further = temporary.resolve("bin/further");
    Files.createSymbolicLink(further, Embedded.ROOT.resolve("lorikeet"));
    try {
      assertThat(launch(link, "merge", "--help").out()).startsWith("Usage: lorikeet merge");
    } finally {
      Files.delete(further);
    }
  }

  @Test
  void scriptsRunOnLorikeetsClassPath() throws IOException, InterruptedException {
    Path script = temporary.resolve("Script.java");
    Files.writeString(
        script,
        """
        class Script {
          public static void main(String[] arguments) {
            System.out.println(dev.lorikeet.lora.LoraConfig.DEFAULT.r() + arguments[0]);
          }
        }
        """);
    JavaProcess process = launch("run", script.toString(), " and more");
    assertThat(process.err()).isEmpty();
    assertThat(process.out()).isEqualTo("8 and more\n");
  }

  @Test
  void namesOfFilesAreReadAsUtf8WithoutALocale() throws IOException, InterruptedException {
    Path script = temporary.resolve("Names.java");
    Files.writeString(
        script,
        """
        class Names {
          public static void main(String[] arguments) {
            System.out.println(System.getProperty("sun.jnu.encoding"));
          }
        }
        """);
    JavaProcess process =
        JavaProcess.run(
            temporary,
            Map.of("LC_ALL", "", "LC_CTYPE", "", "LANG", ""),
            List.of(Embedded.ROOT.resolve("lorikeet").toString(), "run", script.toString()));
    assertThat(process.out()).as(process.err()).isEqualTo("UTF-8\n");
  }

  @Test
  void staleBuildIsBuiltFirstAndFailsWithIt() throws IOException, InterruptedException {
    Path clone = temporary.resolve("clone");
    Files.createDirectories(clone.resolve("cli/src/main"));
    Files.createFile(clone.resolve("pom.xml"));
    Files.createFile(clone.resolve("cli/pom.xml"));
    Path launcher = clone.resolve("lorikeet");
    Files.copy(Embedded.ROOT.resolve("lorikeet"), launcher);
    Files.setPosixFilePermissions(launcher, PosixFilePermissions.fromString("rwxr-xr-x"));

    JavaProcess process = launch(launcher, "--help");
    assertThat(process.status()).isEqualTo(99);
    assertThat(process.err()).startsWith("building Lorikeet").contains("the build is stale");

    script(
        mavenStandIn.resolve("mvn"),
        "echo \"$@\"",
        "mkdir -p cli/target",
        "printf '%s' '"
            + System.getProperty("java.class.path")
            + "'"
            + " > cli/target/dependencies.classpath");
    JavaProcess built = launch(launcher, "--help");
    assertThat(built.status()).isZero();
    assertThat(built.out()).startsWith("Usage: lorikeet");
    assertThat(built.err()).contains("-pl cli -am package");
    assertThat(launch(launcher, "--help").err()).as("built once").isEmpty();
  }
}
