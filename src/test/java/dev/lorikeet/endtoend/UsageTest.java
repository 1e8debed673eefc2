package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Help, exit statuses, and who hears what. */
class UsageTest {
  @Test
  void helpListsEveryCommand() {
    Cli cli = Cli.done("--help");
    for (String command :
        List.of(
            "demo",
            "train",
            "evaluate",
            "predict",
            "merge",
            "export",
            "compare",
            "import",
            "init",
            "adapter")) {
      assertThat(cli.out()).containsPattern("(?m)^  " + command + " ");
    }
    assertThat(cli.err()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "demo",
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
