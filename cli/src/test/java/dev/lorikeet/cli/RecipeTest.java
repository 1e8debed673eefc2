package dev.lorikeet.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.adapters.Bias;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.compare.FineTuningConfig;
import dev.lorikeet.compare.Regime;
import dev.lorikeet.data.DataReader;
import dev.lorikeet.data.DataReader.Columns;
import dev.lorikeet.data.TrainOn;
import dev.lorikeet.lora.LoraConfig;
import dev.lorikeet.models.Initialization;
import dev.lorikeet.models.Task;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.EvaluationConfig;
import dev.lorikeet.training.GroupRule;
import dev.lorikeet.training.LoggingConfig;
import dev.lorikeet.training.OptimizerConfig;
import dev.lorikeet.training.ReportTo;
import dev.lorikeet.training.Schedule;
import dev.lorikeet.training.ScheduleConfig;
import dev.lorikeet.training.TrainingConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RecipeTest {
  private static final Path EXAMPLES = Path.of("../examples");

  @TempDir Path temporary;

  private static Recipe recipe(String... assignments) {
    RecipeTree tree = new RecipeTree();
    tree.assign("model=base");
    tree.assign("data.train=train.jsonl");
    tree.assign("device=cpu");
    for (String assignment : assignments) {
      tree.assign(assignment);
    }
    return Recipe.read(tree.root());
  }

  @Test
  void defaultsAreTheLibrarys() {
    Recipe recipe = recipe();
    assertThat(recipe.config()).isEqualTo(FineTuningConfig.DEFAULT);
    assertThat(recipe.output()).isNull();
    assertThat(recipe.data().columns()).isEqualTo(new DataReader.Columns("text", null, "label"));
    assertThat(recipe.data().onBadRow()).isEqualTo(DataReader.OnBadRow.FAIL);
    assertThat(recipe.threads()).isEqualTo(Runtime.getRuntime().availableProcessors());
  }

  @Test
  void everyKindOfRowHasItsColumns() {
    assertColumns(Columns.ofChats("chat"), "task=causal-lm", "data.messages=chat");
    assertColumns(new Columns("q", "completion", null), "task=causal-lm", "data.prompt=q");
    assertColumns(new Columns("text", null, null), "task=causal-lm");
    assertColumns(new Columns("text", "de", null), "task=seq2seq-lm", "data.target=de");
    assertColumns(new Columns("text", null, null), "task=masked-lm");
    assertThatThrownBy(() -> recipe("data.messages=chat"))
        .isInstanceOf(UsageException.class)
        .hasMessage(
            "sequence-classification has no use for the messages column \"chat\": leave it out");
  }

  /** The columns that some settings name, also when the whole recipe is written and read. */
  private static void assertColumns(Columns expected, String... assignments) {
    Recipe recipe = recipe(assignments);
    assertThat(recipe.data().columns()).isEqualTo(expected);
    assertThat(Recipe.read(recipe.json()).data().columns()).isEqualTo(expected);
  }

  @Test
  void whatIsLearnedOfChatsIsRead() {
    assertThat(recipe("data.train_on=all").config().trainOn()).isEqualTo(TrainOn.ALL);
  }

  @Test
  void everyKeyIsRead() throws IOException {
    Path file =
        Files.writeString(
            temporary.resolve("recipe.yaml"),
            """
            model: base
            output: out
            task: token-classification
            method: lora
            initialization: he
            precision: float32
            device: cpu
            threads: 3
            seed: 5000000000
            data: {train: a.csv, eval: b.csv, text: words, label: tags, max_length: 77,
                   on_bad_row: skip}
            adapter:
              r: 4
              lora_alpha: 9
              lora_dropout: 0.1
              target_modules: [query, value]
              exclude_modules: [layer.0.attention.self.query, layer.1.attention.self.key]
              layers_to_transform: [1, 3]
              layers_pattern: [layer]
              rank_pattern: {query: 2}
              alpha_pattern: {value: 3.5}
              bias: lora_only
              modules_to_save: [pooler]
              use_rslora: true
            training:
              lr: 1.0e-4
              groups:
                lora_B: x4
                head: 2.0e-3
                layer.1: {multiplier: 0.5, weight_decay: 0.2}
              epochs: 7
              batch_size: 9
              gradient_accumulation: 2
              weight_decay: 0.3
              warmup_ratio: 0.2
              max_tokens_per_pass: 512
              schedule: cosine
              max_grad_norm: 0
              beta1: 0.8
              beta2: 0.9
              eps: 1.0e-6
              keep_best: false
              logging_steps: 25
              report_to: [tensorboard, mlflow]
              logging_dir: events
              run_name: first
            baseline: {kind: scratch, lr: 0.25, initialization: xavier}
            """);
    RecipeTree tree = new RecipeTree();
    tree.load(file);
    Recipe recipe = Recipe.read(tree.root());
    assertThat(recipe.model()).isEqualTo("base");
    assertThat(recipe.output()).isEqualTo(Path.of("out"));
    assertThat(recipe.threads()).isEqualTo(3);
    assertThat(recipe.data())
        .isEqualTo(
            new Recipe.DataSettings(
                "a.csv",
                "b.csv",
                new DataReader.Columns("words", null, "tags"),
                DataReader.OnBadRow.SKIP));
    FineTuningConfig config = recipe.config();
    assertThat(config.task()).isEqualTo(Task.TOKEN_CLASSIFICATION);
    assertThat(config.maxLength()).isEqualTo(77);
    assertThat(config.initialization()).isEqualTo(Initialization.HE);
    assertThat(config.device()).isEqualTo(Device.CPU);
    assertThat(config.lora())
        .isEqualTo(
            LoraConfig.of(4, 9)
                .but()
                .loraDropout(0.1)
                .targets(
                    new Targets(
                        List.of("query", "value"),
                        false,
                        List.of("layer.0.attention.self.query", "layer.1.attention.self.key"),
                        false,
                        Set.of(1, 3),
                        List.of("layer")))
                .rankPattern(Map.of("query", 2))
                .alphaPattern(Map.of("value", 3.5))
                .bias(Bias.LORA_ONLY)
                .modulesToSave(List.of("pooler"))
                .useRslora(true)
                .build());
    TrainingConfig training =
        new TrainingConfig(
            1e-4,
            List.of(
                new GroupRule("lora_B", null, 4, null),
                new GroupRule("head", 2e-3, 1, null),
                new GroupRule("layer.1", null, 0.5, 0.2)),
            0.3,
            7,
            9,
            2,
            512,
            0,
            new OptimizerConfig(0.8, 0.9, 1e-6),
            new ScheduleConfig(Schedule.COSINE, 0.2),
            new EvaluationConfig(false),
            new LoggingConfig(
                25, List.of(ReportTo.TENSORBOARD, ReportTo.MLFLOW), "events", "first"),
            5_000_000_000L);
    assertThat(config.training()).isEqualTo(training);
    assertThat(recipe.baselineTraining()).isEqualTo(training.withLr(0.25, List.of()));
    assertThat(recipe.baselineInitialization()).isEqualTo(Initialization.XAVIER);

    assertThat(Recipe.read(recipe.json()).config())
        .as("what is recorded is a recipe for the same run")
        .isEqualTo(config);
  }

  @Test
  void demoAndExampleAreTheSame() {
    RecipeTree example = new RecipeTree();
    example.load(EXAMPLES.resolve("wordnet-topics.yaml"));
    RecipeTree demo = RecipeTree.resource("demo.yaml");
    for (String key : List.of("model", "data.train", "data.eval")) {
      demo.set(key, "there");
    }
    Recipe theDemo = Recipe.read(demo.root());
    Recipe theExample = Recipe.read(example.root());
    assertThat(theExample.config()).isEqualTo(theDemo.config());
    assertThat(theExample.baselineTraining()).isEqualTo(theDemo.baselineTraining());
    assertThat(theExample.baselineInitialization()).isEqualTo(theDemo.baselineInitialization());
  }

  @Test
  void scratchHasARateOfItsOwnUnlessOneIsGiven() {
    assertThat(recipe("method=scratch").config().training().lr()).isEqualTo(5e-4);
    assertThat(recipe("method=scratch", "training.lr=0.1").config().training().lr()).isEqualTo(0.1);
    assertThat(recipe("method=full").config().training().lr()).isEqualTo(1e-3);
    assertThat(recipe("method=full").config().regime()).isEqualTo(Regime.FULL);
  }

  @Test
  void maskedLmNeedsNoLabel() {
    assertThat(recipe("task=masked-lm").data().columns().label()).isNull();
  }

  @Test
  void targetsAreAllLinearNamesOrAnExpression() {
    assertThat(targets("all-linear")).isEqualTo(Targets.allLinear());
    assertThat(targets("query,value")).isEqualTo(Targets.of("query", "value"));
    assertThat(targets("[query, value]")).isEqualTo(Targets.of("query", "value"));
    assertThat(targets("'.*\\.query'").regex()).isTrue();
    Recipe oneLayer = recipe("adapter.target_modules=[query]", "adapter.layers_to_transform=3");
    assertThat(oneLayer.config().lora().targets().layersToTransform()).containsExactly(3);
  }

  private static Targets targets(String value) {
    return recipe("adapter.target_modules=" + value).config().lora().targets();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          modle=x                                 | unknown key "modle"; nearest: model, seed
          data.trian=x                            | unknown key "data.trian"; nearest: train, eval
          adapter.rank=8                          | unknown key "adapter.rank"; nearest: r, bias
          training.groups.head.rate=1             | unknown key "training.groups.head.rate"; nearest: lr, multiplier
          baseline.rate=1                         | unknown key "baseline.rate"; nearest: lr, kind
          data=file.jsonl                         | data must be a section of keys, not "file.jsonl"
          data.text=[a]                           | data.text must be a single value, not ["a"]
          seed=1.5                                | seed must be a whole number, not 1.5
          adapter.r=four                          | adapter.r must be a whole number, not "four"
          adapter.rank_pattern.query=2.5          | adapter.rank_pattern.query must be a whole number, not 2.5
          adapter.rank_pattern=4                  | adapter.rank_pattern must be a section of patterns and values, not 4
          adapter.layers_to_transform=[1, x]      | adapter.layers_to_transform must be a list of whole numbers, not [1,"x"]
          adapter.modules_to_save.pooler=1        | adapter.modules_to_save must be a list, not {"pooler":1}
          training.lr=fast                        | training.lr must be a number, not "fast"
          training.logging_steps=often            | training.logging_steps must be a whole number, not "often"
          training.keep_best=maybe                | training.keep_best must be true or false, not "maybe"
          """)
  void whatIsNotUnderstoodIsNamed(String assignment, String message) {
    assertThatThrownBy(() -> recipe(assignment))
        .isInstanceOf(UsageException.class)
        .hasMessage("recipe: " + message);
  }

  @Test
  void baselineIsFromScratch() {
    assertThatThrownBy(() -> recipe("baseline.kind=probe"))
        .isInstanceOf(UsageException.class)
        .hasMessage("baseline probe is not built: use scratch");
  }
}
