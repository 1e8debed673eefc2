package dev.lorikeet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterConfig;
import dev.lorikeet.adapters.AdapterMethods;
import dev.lorikeet.models.settings.Component;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * What is made of the records and kept in docs/: the schema of recipes and the tables of
 * training.md. With {@code -Dlorikeet.write-docs=true} the tests write them.
 */
class SettingsDocumentsTest {
  private static final Path DOCS = Path.of("../docs");
  private static final Path EXAMPLES = Path.of("../examples");
  private static final Path SCHEMA = DOCS.resolve("recipe.schema.json");
  private static final Path PAGE = DOCS.resolve("training.md");

  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  /** Keys of adapter_config.json that say what else PEFT could do, and no recipe sets. */
  private static final Set<String> FIXED =
      Set.of(
          "fan_in_fan_out",
          "peft_version",
          "num_transformer_submodules",
          "tokenizer_kwargs",
          "use_effective_conv2d");

  @TempDir Path temporary;

  private static void mustHold(Path file, String expected) throws IOException {
    if (Boolean.getBoolean("lorikeet.write-docs")) {
      Files.writeString(file, expected);
    }
    assertThat(Files.readString(file))
        .as("%s is stale: run this test with -Dlorikeet.write-docs=true", file)
        .isEqualToNormalizingNewlines(expected);
  }

  @Test
  void theSchemaIsThatOfTheRecords() throws IOException {
    mustHold(SCHEMA, JSON.writeValueAsString(RecipeSchema.json()) + "\n");
  }

  @Test
  void theTablesAreThoseOfTheRecords() throws IOException {
    mustHold(PAGE, SettingsTables.fill(Files.readString(PAGE)));
  }

  @Test
  void theTablesHaveEveryKey() throws IOException {
    String page = Files.readString(PAGE);
    assertThat(RecipeKeys.all())
        .allSatisfy(key -> assertThat(page).contains("| `" + key.component().key() + "` |"));
  }

  @Test
  void theSchemaHasEveryKeyThatARecipeSpellsOut() {
    JsonNode properties = RecipeSchema.json().path("properties");
    ObjectNode recipe = RecipeKeys.defaults();
    assertThat(names(properties)).containsAll(names(recipe));
    for (String section : Set.of("data", "training")) {
      assertThat(names(properties.path(section).path("properties")))
          .containsAll(names(recipe.path(section)));
    }
    assertThat(properties.at("/training/properties/mixout").toString())
        .isEqualTo(
            "{\"description\":\"The probability with which an element of a weight returns to the"
                + " checkpoint's.\",\"type\":\"number\",\"default\":0.0,\"minimum\":0.0,"
                + "\"exclusiveMaximum\":1.0}");
    assertThat(properties.at("/training/properties/eval_strategy/enum").toString())
        .isEqualTo("[\"no\",\"steps\",\"epoch\",false]");
  }

  @TestFactory
  Stream<DynamicTest> everyAdapterMethodTellsOfItsKeys() {
    return AdapterMethods.ids().stream()
        .map(
            id ->
                DynamicTest.dynamicTest(
                    id,
                    () -> {
                      AdapterConfig config =
                          AdapterSection.defaults(AdapterMethods.ofId(id).orElseThrow());
                      Set<String> told =
                          Component.settingsOf(config.getClass()).stream()
                              .map(Component::key)
                              .collect(Collectors.toCollection(TreeSet::new));
                      Set<String> keys = names(config.json());
                      keys.removeAll(FIXED);
                      keys.removeIf(key -> key.equals("bias") && !told.contains("bias"));
                      assertThat(told).containsAll(keys);
                    }));
  }

  @Test
  void theExamplesNameTheSchema() throws IOException {
    try (Stream<Path> files = Files.list(EXAMPLES)) {
      for (Path recipe : files.filter(file -> file.toString().endsWith(".yaml")).toList()) {
        assertThat(Files.readString(recipe))
            .startsWith("# yaml-language-server: $schema=../docs/recipe.schema.json\n");
      }
    }
    assertThat(SCHEMA).exists();
  }

  @Test
  void thePageBeginsWithARecipeThatIsRead() throws IOException {
    Matcher yaml =
        Pattern.compile("```yaml\n(.*?)```", Pattern.DOTALL).matcher(Files.readString(PAGE));
    assertThat(yaml.find()).isTrue();
    RecipeTree tree = new RecipeTree();
    tree.load(Files.writeString(temporary.resolve("r.yaml"), yaml.group(1)));
    assertThat(Recipe.read(tree.root()).config().training().epochs()).isEqualTo(3);
  }

  private static Set<String> names(JsonNode object) {
    Set<String> names = new TreeSet<>();
    object.fieldNames().forEachRemaining(names::add);
    return names;
  }
}
