package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Help, exit statuses, and who hears what. */
class UsageTest {
  @TempDir Path temporary;

  @Test
  void helpListsEveryCommand() {
    Cli cli = Cli.done("--help");
    for (String command :
        List.of(
            "demo",
            "new",
            "train",
            "evaluate",
            "predict",
            "merge",
            "export",
            "compare",
            "import",
            "init",
            "adapter",
            "run",
            "completion")) {
      assertThat(cli.out()).containsPattern("(?m)^  " + command + " ");
    }
    assertThat(cli.err()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "demo",
        "new",
        "train",
        "evaluate",
        "predict",
        "merge",
        "export",
        "compare",
        "import",
        "init",
        "adapter inspect",
        "adapter plan",
        "adapter convert",
        "adapter combine",
        "adapter export"
      })
  void everyCommandExplainsItself(String command) {
    assertThat(Cli.done(command + " --help").out())
        .startsWith("Usage: lorikeet " + command)
        .contains("--json")
        .contains("--stacktrace");
  }

  @Test
  void helpOfTrainingIsInGroupsInTheOrderOfTheSourceWithDefaults() {
    String help = Cli.done("train --help").out();
    assertThat(help)
        .containsSubsequence(
            "\nModel and result:\n",
            "--model=MODEL",
            "--output=DIR",
            "\nData:\n",
            "--data=FILE",
            "--eval-data=FILE",
            "--max-length=TOKENS",
            "(default: 128).",
            "\nMethod:\n",
            "--method=METHOD",
            "(default: lora)",
            "--rank=R",
            "(default: 8)",
            "\nTraining:\n",
            "--preset",
            "--lr=RATE",
            "(default: 0.001)",
            "\nEvaluation:\n",
            "--eval-strategy",
            "\nCheckpoints:\n",
            "\nRates and freezing:\n",
            "\nRegularization:\n",
            "\nOutput and help:\n",
            "--help");
  }

  @Test
  void completionIsAScriptThatBashUnderstandsAndThatKnowsFlags()
      throws IOException, InterruptedException {
    String script = Cli.done("completion").out();
    assertThat(script).contains("--early-stopping-patience").contains("complete -F");
    Path file = Files.writeString(temporary.resolve("completion.sh"), script);
    assumeTrue(Files.exists(Path.of("/bin/bash")), "there is a bash");
    Process bash =
        new ProcessBuilder(
                "/bin/bash",
                "-c",
                "source "
                    + file
                    + "; COMP_WORDS=(lorikeet adapter con); COMP_CWORD=2; _complete_lorikeet; echo"
                    + " \"${COMPREPLY[@]}\"")
            .redirectErrorStream(true)
            .start();
    assertThat(new String(bash.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip())
        .isEqualTo("convert");
    assertThat(bash.waitFor()).isZero();
  }

  @Test
  void scriptsAreTheLaunchersToRun() {
    Cli cli = Cli.run("run Script.java");
    assertThat(cli.status()).isEqualTo(2);
    assertThat(cli.err())
        .isEqualToNormalizingNewlines(
            "error: scripts are run by the launcher: ./lorikeet run Script.java\n");
  }

  @Test
  void versionNamesLibrariesAndMachine() {
    assertThat(Cli.done("--version").out())
        .contains("lorikeet ")
        .contains("libtorch 2.7.1")
        .contains("java 1");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "train --bogus",
        "bogus",
        "",
        "adapter",
        "merge --model x",
        "predict --model x --max-length ten",
        "import wordnet",
        "adapter inspect"
      })
  void wrongUsageIsStatusTwoAndPointsToHelp(String typed) {
    Cli cli = Cli.run(typed);
    assertThat(cli.status()).isEqualTo(2);
    assertThat(cli.out()).isEmpty();
    assertThat(cli.err()).startsWith("error: ").contains(" --help for what it takes.");
  }

  @Test
  void unknownOptionIsNamedWithWhatItMayHaveBeen() {
    assertThat(Cli.run("train --baches 3").err())
        .startsWith("error: Unknown option")
        .contains("--baches")
        .contains("--batch-size");
  }

  @Test
  void failureIsStatusOneAndOneLine() {
    Cli cli = Cli.run("adapter inspect nowhere");
    assertThat(cli.status()).isEqualTo(1);
    assertThat(cli.out()).isEmpty();
    assertThat(cli.err())
        .isEqualToNormalizingNewlines(
            "error: nowhere has no adapter_config.json: give the folder of an adapter\n");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"--stacktrace adapter inspect nowhere", "adapter inspect nowhere --stacktrace"})
  void stacktraceShowsWhereAnErrorCameFrom(String typed) {
    Cli cli = Cli.run(typed);
    assertThat(cli.status()).isEqualTo(1);
    assertThat(cli.err())
        .startsWith("error: nowhere has no adapter_config.json")
        .contains("at dev.lorikeet.adapters.AdapterFolder.open(");
  }
}
