package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.ModelConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** The table of families says what the reference cases show, no more and no less. */
class FamiliesTableTest {
  /** A row: its second column has {@code model_type}s, its third tasks. */
  private static final Pattern ROW = Pattern.compile("\\|[^|\n]*\\|([^|\n]*)\\|([^|\n]*)\\|[^\n]*");

  private static final Pattern CODE = Pattern.compile("`([^`]+)`");

  @Test
  void everyHeadOfTheTableHasAReferenceCaseThatPasses() throws IOException {
    Map<String, Set<String>> shown = new TreeMap<>();
    for (Path folder : GoldenParityTest.supported()) {
      ModelConfig config = ModelConfig.read(folder);
      HeadType task = Objects.requireNonNull(config.headType(), folder.toString());
      shown.computeIfAbsent(config.modelType(), type -> new TreeSet<>()).add(task.id());
    }
    assertThat(table()).isEqualTo(shown);
  }

  /** The table: by {@code model_type}, sorted, its tasks. */
  static Map<String, Set<String>> table() throws IOException {
    Map<String, Set<String>> table = new TreeMap<>();
    String page = Files.readString(Path.of("../../docs/families.md"));
    for (MatchResult row : ROW.matcher(page).results().toList()) {
      for (String type : code(row.group(1))) {
        table.put(type, code(row.group(2)));
      }
    }
    table.remove("model_type"); // the table's head
    return table;
  }

  private static Set<String> code(String cell) {
    return CODE.matcher(cell)
        .results()
        .map(match -> match.group(1))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  /** What commands list when asked for another family is what the table has. */
  @Test
  void theErrorForAnUnknownFamilyListsTheTable() throws IOException {
    Path folder = Files.createTempDirectory("family");
    Files.writeString(folder.resolve("config.json"), "{\"model_type\": \"mamba\"}");
    Cli cli = Cli.run("init --config %s --output %s", folder.resolve("config.json"), folder + "/x");
    String listed = cli.err().strip().replaceFirst("(?s).*supported: ", "");
    assertThat(Arrays.asList(listed.split(", ", -1))).containsExactlyElementsOf(table().keySet());
  }
}
