package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import dev.lorikeet.cli.Lorikeet;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * The examples of the documents: the one that a page begins with is run, on a tiny model and eight
 * texts that stand for the real ones, and each other command is one that the command line takes.
 */
class DocsExamplesTest {
  private static final Path DOCS = Embedded.ROOT.resolve("docs");
  private static final Pattern BLOCK = Pattern.compile("(?ms)^```(\\w*)\n(.*?)^```$");
  private static final Pattern WORD = Pattern.compile("'([^']*)'|(\\S+)");
  private static final Pattern LINK = Pattern.compile("\\]\\((?!https?:|#)([^)#]+)[^)]*\\)");
  private static final String COMMAND = "./lorikeet ";

  @TempDir private Path folder;

  /** What names in the examples stand for. */
  private final Map<String, String> names = new HashMap<>();

  private static Stream<Path> pages() throws IOException {
    try (Stream<Path> files = Files.list(DOCS)) {
      return Stream.concat(
          Stream.of(Embedded.ROOT.resolve("README.md")),
          files.filter(file -> file.toString().endsWith(".md")).sorted())
          .toList()
          .stream();
    }
  }

  /** The commands of a block, continued lines joined and comments left out. */
  private static List<String> commands(String block) {
    return block
        .replace("\\\n", " ")
        .lines()
        .filter(line -> line.startsWith(COMMAND))
        .map(line -> line.replaceFirst("\\s#.*", "").strip())
        .toList();
  }

  private static String[] words(String command) {
    return WORD.matcher(command.substring(COMMAND.length()))
        .results()
        .map(match -> match.group(1) != null ? match.group(1) : match.group(2))
        .toArray(String[]::new);
  }

  @TestFactory
  Stream<DynamicTest> everyCommandIsOneThatTheCommandLineTakes() throws IOException {
    return pages()
        .map(page -> DynamicTest.dynamicTest(page.getFileName().toString(), () -> parses(page)));
  }

  @TestFactory
  Stream<DynamicTest> everyLinkToAFileLeadsToOne() throws IOException {
    return pages()
        .map(page -> DynamicTest.dynamicTest(page.getFileName().toString(), () -> leads(page)));
  }

  private static void leads(Path page) throws IOException {
    for (MatchResult link : LINK.matcher(Files.readString(page)).results().toList()) {
      assertThat(page.resolveSibling(link.group(1))).as(link.group()).exists();
    }
  }

  private static void parses(Path page) throws IOException {
    for (MatchResult block : BLOCK.matcher(Files.readString(page)).results().toList()) {
      for (String command : commands(block.group(2))) {
        if (!command.contains("...") && !command.startsWith("./lorikeet demo")) {
          assertThatCode(() -> Lorikeet.commandLine().parseArgs(words(command)))
              .as(command)
              .doesNotThrowAnyException();
        }
      }
    }
  }

  @TestFactory
  Stream<DynamicTest> everyPageBeginsWithAnExampleThatRuns() {
    return Stream.of("cli", "data", "families", "formats", "methods", "models", "tracking")
        .map(page -> DynamicTest.dynamicTest(page, () -> runs(page)));
  }

  private void runs(String page) throws IOException {
    prepare(folder.resolve(page));
    String text = Files.readString(DOCS.resolve(page + ".md"));
    MatchResult first = BLOCK.matcher(text).results().findFirst().orElseThrow();
    assertThat(first.start()).as("the example stands below the title").isLessThan(100);
    assertThat(commands(first.group(2))).isNotEmpty();
    if (!first.group(2).contains("--output topics ") && !first.group(2).contains("topics\n")) {
      run("./lorikeet train --model minilm --data train.jsonl --epochs 1 --output topics", page);
    }
    for (String command : commands(first.group(2))) {
      run(command, page);
    }
  }

  private void prepare(Path own) throws IOException {
    Files.createDirectories(own);
    names.clear();
    names.put("minilm", Tiny.model("bert-classify-lora", own).toString());
    names.put("train.jsonl", Tiny.texts(own).toString());
    names.put("eval.jsonl", Tiny.texts(own).toString());
    names.put("minilm/config.json", names.get("minilm") + "/config.json");
  }

  /** Runs a command; what it puts out lies in the test's folder, and is found there later. */
  private void run(String command, String page) {
    List<String> words = new ArrayList<>(List.of(words(command)));
    int output = words.indexOf("--output") + 1;
    if (output > 0) {
      names.put(words.get(output), folder.resolve(page).resolve(words.get(output)).toString());
    }
    words.replaceAll(word -> names.getOrDefault(word, word));
    Cli cli = Cli.ofWords(words.toArray(String[]::new));
    assertThat(cli.status()).as("%s%n%s%n%s", command, cli.out(), cli.err()).isZero();
  }

  /** The page of settings begins with a recipe, and the command that runs it. */
  @Test
  void theRecipeOfTheSettingsRuns() throws IOException {
    prepare(folder);
    List<MatchResult> blocks =
        BLOCK.matcher(Files.readString(DOCS.resolve("training.md"))).results().limit(2).toList();
    String recipe =
        blocks
            .get(0)
            .group(2)
            .replace("wordnet/train.jsonl", "'" + names.get("train.jsonl") + "'")
            .replace("wordnet/eval.jsonl", "'" + names.get("eval.jsonl") + "'")
            .replace("model: minilm", "model: '" + names.get("minilm") + "'")
            .replace("max_length: 64", "max_length: 32") // the tiny model has 40 positions
            .replace("output: topics", "output: '" + folder.resolve("topics") + "'");
    names.put("recipe.yaml", Files.writeString(folder.resolve("recipe.yaml"), recipe).toString());
    commands(blocks.get(1).group(2)).forEach(command -> run(command, "."));
    assertThat(folder.resolve("topics/adapter_config.json")).exists();
  }
}
