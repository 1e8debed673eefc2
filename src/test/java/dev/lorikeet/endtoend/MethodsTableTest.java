package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.adapters.AdapterMethod;
import dev.lorikeet.adapters.AdapterMethods;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.torch.Scope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * The table of methods says what the reference cases and the exchange with PEFT show, no more and
 * no less. A new method is a row of docs/methods.md, a case of {@code method_cases.py} under the
 * row's name, and a reference case.
 */
class MethodsTableTest {
  /** What {@code src/test/interop/methods.py --record} wrote. */
  private static final Path EXCHANGED = Path.of("resources/interop/peft-0.21.csv");

  /** The bound of {@code methods.py}. */
  private static final double BOUND = 5e-6;

  /** More cases than these are counted, not named. */
  private static final int NAMED = 3;

  private static final Pattern CODE = Pattern.compile("`([^`]+)`");

  /**
   * A row of the table.
   *
   * @param name of the method
   * @param id for {@code --method}
   * @param settings of adapter_config.json that make it this method: {@code key} or {@code key:
   *     value}
   * @param cases the reference cases, named or counted
   * @param merges yes or no
   * @param families that adapters of it were exchanged with PEFT for
   */
  private record Row(
      String name, String id, Set<String> settings, String cases, String merges, String families) {
    static Row of(String line) {
      String[] cells = line.split("\\|", -1);
      return new Row(
          cells[1].replaceAll("\\[([^]]*)]\\([^)]*\\)", "$1").strip(),
          code(cells[2]).iterator().next(),
          code(cells[3]),
          cells[5].strip(),
          cells[6].strip(),
          cells[7].strip());
    }

    private static Set<String> code(String cell) {
      return CODE.matcher(cell)
          .results()
          .map((MatchResult match) -> match.group(1))
          .collect(Collectors.toCollection(TreeSet::new));
    }

    AdapterMethod method() {
      return AdapterMethods.ofId(id).orElseThrow();
    }

    boolean hasSettingsOf(JsonNode adapter) {
      return adapter.path("peft_type").asText().equals(method().peftType())
          && settings.stream().allMatch(setting -> isSet(setting, adapter));
    }

    /** A value is one of PEFT's names, which may end in a number: {@code pissa_niter_4}. */
    private static boolean isSet(String setting, JsonNode adapter) {
      String[] keyValue = setting.split(": ", 2);
      String value = adapter.path(keyValue[0]).asText("");
      return keyValue.length == 1
          ? !adapter.path(keyValue[0]).isEmpty() || value.equals("true")
          : value.equals(keyValue[1]) || value.startsWith(keyValue[1] + "_");
    }
  }

  /** A line of the record. */
  private record Exchange(
      String method, String name, String family, String direction, double difference) {
    static Exchange of(String line) {
      String[] cells = line.split(",", -1);
      return new Exchange(cells[0], cells[1], cells[2], cells[3], Double.parseDouble(cells[4]));
    }

    private boolean isPassed() {
      return difference <= BOUND;
    }
  }

  @Test
  void everyMethodHasARow() throws IOException {
    assertThat(table().stream().map(Row::id).distinct())
        .containsExactlyInAnyOrderElementsOf(AdapterMethods.ids());
  }

  /** {@link GoldenParityTest} compares each with the reference. */
  @Test
  void everyRowHasItsReferenceCases() throws IOException {
    Map<String, String> shown = new LinkedHashMap<>();
    Map<String, String> told = new LinkedHashMap<>();
    for (Row row : table()) {
      List<String> cases = new ArrayList<>();
      for (Path folder : GoldenParityTest.supported()) {
        if (row.hasSettingsOf(adapterConfig(folder))) {
          cases.add("`" + folder.getFileName() + "`");
        }
      }
      shown.put(
          row.name(),
          cases.isEmpty() || cases.size() > NAMED
              ? cases.size() + " cases"
              : String.join(" ", cases));
      told.put(row.name(), row.cases());
    }
    assertThat(told).isEqualTo(shown).doesNotContainValue("0 cases");
  }

  private static JsonNode adapterConfig(Path folder) throws IOException {
    return new ObjectMapper()
        .readTree(folder.resolve("adapter").resolve(AdapterFolder.CONFIG).toFile());
  }

  /** Of families where the whole record of a row passes, in both directions. */
  @Test
  void everyRowTellsWhatWasExchangedWithPeft() throws IOException {
    Map<String, String> shown = new LinkedHashMap<>();
    Map<String, String> told = new LinkedHashMap<>();
    for (Row row : table()) {
      List<Exchange> own = exchanges().stream().filter(e -> e.method().equals(row.name())).toList();
      String families =
          own.stream().map(Exchange::family).distinct().sorted().collect(Collectors.joining(" "));
      boolean isMerged = own.stream().anyMatch(e -> e.direction().equals("merged"));
      assertThat(own)
          .allMatch(Exchange::isPassed)
          .anyMatch(e -> e.direction().equals("PEFT -> Lorikeet"))
          .anyMatch(e -> e.direction().equals("Lorikeet -> PEFT"));
      shown.put(row.name(), (isMerged ? "yes" : "no") + " | " + families);
      told.put(row.name(), row.merges() + " | " + row.families());
    }
    assertThat(told).isEqualTo(shown);
    assertThat(exchanges().stream().map(Exchange::method)).allMatch(told::containsKey);
  }

  /** What PEFT wrote for a method is opened by every run of the tests, without Python. */
  @TestFactory
  Stream<DynamicTest> aFolderOfEveryMethodThatPeftWroteOpens() {
    return AdapterMethods.types().stream()
        .map(type -> DynamicTest.dynamicTest(type, () -> opens(type)));
  }

  private static void opens(String type) throws IOException {
    for (Path folder : GoldenParityTest.supported()) {
      if (adapterConfig(folder).path("peft_type").asText().equals(type)) {
        try (Scope scope = Scope.open();
            Model model = Model.open(folder, ModelOptions.DEFAULT)) {
          AdapterFolder adapter = AdapterFolder.open(folder.resolve("adapter"));
          assertThat(adapter.attachTo(model).parameters()).isNotEmpty();
        }
        return;
      }
    }
    throw new AssertionError("no reference case has an adapter of type " + type);
  }

  private static List<Row> table() throws IOException {
    String page = Files.readString(Path.of("../../docs/methods.md"));
    return page.lines().filter(line -> line.startsWith("| ")).skip(1).map(Row::of).toList();
  }

  private static List<Exchange> exchanges() throws IOException {
    try (Stream<String> lines = Files.lines(EXCHANGED)) {
      return lines.skip(1).map(Exchange::of).toList();
    }
  }
}
