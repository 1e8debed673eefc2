package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.AdapterConfig;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.adapters.AdapterPlan;
import dev.lorikeet.models.Blueprint;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.models.ModelOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Plans of all recorded adapters, made from their config.json files alone. */
class AdapterPlanTest {
  private static final Path GOLDEN = Path.of("resources/golden");

  @TempDir Path temporary;

  static List<String> cases() throws IOException {
    try (Stream<Path> folders = Files.list(GOLDEN)) {
      return folders
          .filter(folder -> Files.isDirectory(folder.resolve("adapter")))
          .map(folder -> folder.getFileName().toString())
          .sorted()
          .toList();
    }
  }

  /** {@code total_parameters} are those that print_trainable_parameters calls "all params". */
  @ParameterizedTest
  @MethodSource("cases")
  void planCountsWhatPeftCounted(String name) throws IOException {
    Path folder = GOLDEN.resolve(name);
    JsonNode recorded = Cli.parse(Files.readString(folder.resolve("case.json")));
    AdapterConfig config = AdapterFolder.open(folder.resolve("adapter")).config();
    try (Blueprint blueprint = Blueprint.of(ModelConfig.read(folder), ModelOptions.DEFAULT)) {
      AdapterPlan plan = AdapterPlan.of(blueprint.model(), config);
      assertThat(plan.trainable()).isEqualTo(recorded.path("trainable_parameters").asLong());
      assertThat(plan.total()).isEqualTo(recorded.path("total_parameters").asLong());
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void planIsTheAdapterThatIsAttached(String name) throws IOException {
    Path folder = GOLDEN.resolve(name);
    AdapterConfig config = AdapterFolder.open(folder.resolve("adapter")).config();
    try (Blueprint blueprint = Blueprint.of(ModelConfig.read(folder), ModelOptions.DEFAULT);
        Model model = Model.open(folder, ModelOptions.DEFAULT)) {
      AdapterPlan plan = AdapterPlan.of(blueprint.model(), config);
      Adapter adapter = Adapter.attach(model, config, 1);
      assertThat(plan.adapter().parameters().keySet())
          .containsExactlyElementsOf(adapter.parameters().keySet());
      assertThat(plan.trainable()).isEqualTo(Model.count(adapter.parameters().values()));
      assertThat(plan.modules().stream().mapToLong(AdapterPlan.Module::trainable).sum())
          .isEqualTo(plan.trainable());
      // PEFT spelt out camembert's all-linear with its head's layers, which are saved whole.
      assertThat(plan.matches())
          .filteredOn(match -> !match.entry().startsWith("classifier."))
          .allSatisfy(match -> assertThat(match.paths()).isNotEmpty());
      AdapterFolder.write(adapter, JsonNodeFactory.instance.objectNode(), temporary);
      assertThat(plan.fileBytes()).isEqualTo(Files.size(temporary.resolve(AdapterFolder.WEIGHTS)));
    }
  }
}
