package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lorikeet.models.Blueprint;
import dev.lorikeet.models.HeadModules;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.tasks.Task;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.LorikeetException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** What architectures say of their heads, layers and default targets, beside what they build. */
class FamilyFactsTest {
  private static final List<String> LABELS = List.of("a", "b", "c", "d", "e");

  /** PEFT's tables, recorded by {@code record_heads.py}. */
  private static final Path DEFAULTS = Path.of("resources/interop/peft-defaults.json");

  /** Encoders that PEFT has no norms to tune for: all of theirs, here. */
  private static final Set<String> ALL_NORMS =
      Set.of("bert", "camembert", "deberta-v2", "electra", "roberta", "xlm-roberta");

  @TestFactory
  Stream<DynamicTest> aHeadIsAllThatIsBesideTheBase() throws IOException {
    return blueprints(
        model -> {
          HeadModules head = model.headModules();
          Set<String> paths = new TreeSet<>(model.moduleParameters().keySet());
          paths.addAll(model.projections().keySet());
          assertThat(first(paths.stream().filter(head::contains))).isEqualTo(head.modules());
          Set<String> base = first(paths.stream().filter(path -> !head.contains(path)));
          assertThat(base)
              .isSubsetOf(
                  "bert",
                  "roberta",
                  "electra",
                  "distilbert",
                  "model",
                  "deberta",
                  "transformer",
                  "vit",
                  "shared",
                  "encoder",
                  "decoder");
          assertThat(base.size()).isEqualTo(base.contains("shared") ? 3 : 1); // T5's has no prefix
        });
  }

  @TestFactory
  Stream<DynamicTest> eachRowOfTheOutputsWeightIsAnOutput() throws IOException {
    return blueprints(
        model -> {
          HeadModules head = model.headModules();
          String weight = head.output() + ".weight";
          long outputs =
              model.outputs().isEmpty() && !head.modules().contains("lm_predictions")
                  ? LABELS.size()
                  : model.config().integer("vocab_size");
          assertThat(model.moduleParameters().get(weight))
              .extracting(table -> Objects.requireNonNull(table).value().size(0))
              .isEqualTo(outputs);
        });
  }

  @TestFactory
  Stream<DynamicTest> theLayerPatternNumbersAllLayers() throws IOException {
    return blueprints(
        model -> {
          Pattern numbered = Pattern.compile("\\.(\\w+)\\.(\\d+)\\.");
          Map<String, Set<Integer>> layers = new TreeMap<>();
          for (String name : model.parameters().keySet()) {
            numbered
                .matcher(model.nameInMemory(name))
                .results()
                .limit(1)
                .forEach(
                    found ->
                        layers
                            .computeIfAbsent(found.group(1), key -> new TreeSet<>())
                            .add(Integer.parseInt(found.group(2))));
          }
          assertThat(layers.keySet()).containsExactly(model.config().layerPattern());
        });
  }

  @TestFactory
  Stream<DynamicTest> defaultTargetsArePefts() throws IOException {
    JsonNode peft = new ObjectMapper().readTree(DEFAULTS.toFile());
    return families().values().stream()
        .map(
            config ->
                DynamicTest.dynamicTest(
                    config.modelType(),
                    () -> {
                      peft.fieldNames()
                          .forEachRemaining(
                              method ->
                                  assertThat(targets(config, method))
                                      .as(method)
                                      .isEqualTo(expected(peft, method, config.modelType())));
                    }));
  }

  private static List<String> targets(ModelConfig config, String method) {
    return method.equals("IA3 feedforward")
        ? config.feedForwardTargets()
        : config.defaultTargets(method);
  }

  private static List<String> expected(JsonNode peft, String method, String modelType) {
    if (method.equals("LN_TUNING") && ALL_NORMS.contains(modelType)) {
      return List.of("LayerNorm");
    }
    return StreamSupport.stream(peft.path(method).path(modelType).spliterator(), false)
        .map(JsonNode::asText)
        .toList();
  }

  private static Map<String, ModelConfig> families() throws IOException {
    Map<String, ModelConfig> families = new TreeMap<>();
    for (Path folder : GoldenParityTest.supported()) {
      ModelConfig config = ModelConfig.read(folder);
      families.putIfAbsent(config.modelType(), config);
    }
    return families;
  }

  /** A check of a model of names and shapes. */
  private interface Check {
    void on(Model model);
  }

  /** A check of every reference case's architecture with every head that it has. */
  private static Stream<DynamicTest> blueprints(Check check) throws IOException {
    List<DynamicTest> tests = new ArrayList<>();
    for (Path folder : GoldenParityTest.supported()) {
      ModelConfig config = ModelConfig.read(folder);
      for (HeadType task : Tasks.all().stream().map(Task::headType).toList()) {
        if (hasHead(config, task)) {
          tests.add(
              DynamicTest.dynamicTest(
                  folder.getFileName() + " for " + task.id(), () -> on(config, task, check)));
        }
      }
    }
    return tests.stream();
  }

  private static void on(ModelConfig config, HeadType task, Check check) {
    List<String> labels = task.isLanguageModel() ? List.of() : LABELS;
    try (Blueprint blueprint = Blueprint.of(config, ModelOptions.DEFAULT.withHead(task, labels))) {
      check.on(blueprint.model());
    }
  }

  private static boolean hasHead(ModelConfig config, HeadType task) {
    try {
      config.mustHaveHead(task);
      return true;
    } catch (LorikeetException e) {
      return false;
    }
  }

  private static Set<String> first(Stream<String> paths) {
    return paths
        .map(path -> path.split("\\.", 2)[0])
        .collect(Collectors.toCollection(TreeSet::new));
  }
}
