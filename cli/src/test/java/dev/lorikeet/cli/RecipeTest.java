package dev.lorikeet.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.adapters.AdapterConfig;
import dev.lorikeet.adapters.Bias;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.compare.FineTuningConfig;
import dev.lorikeet.compare.Regime;
import dev.lorikeet.data.DataReader;
import dev.lorikeet.data.DataReader.Columns;
import dev.lorikeet.data.TrainOn;
import dev.lorikeet.lora.LoraConfig;
import dev.lorikeet.models.Initialization;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.CheckpointConfig;
import dev.lorikeet.training.EvaluationConfig;
import dev.lorikeet.training.FreezeConfig;
import dev.lorikeet.training.GroupRule;
import dev.lorikeet.training.IntervalStrategy;
import dev.lorikeet.training.LoggingConfig;
import dev.lorikeet.training.MaskingConfig;
import dev.lorikeet.training.NonFiniteConfig;
import dev.lorikeet.training.OptimizerConfig;
import dev.lorikeet.training.OptimizerType;
import dev.lorikeet.training.RateConfig;
import dev.lorikeet.training.RegularizationConfig;
import dev.lorikeet.training.ReportTo;
import dev.lorikeet.training.Schedule;
import dev.lorikeet.training.ScheduleConfig;
import dev.lorikeet.training.ThroughputConfig;
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

  @Test
  void everyAdapterMethodHasItsOwnKeys() {
    AdapterConfig loha =
        recipe("method=loha", "adapter.r=3", "adapter.target_modules=query,value")
            .config()
            .adapter();
    assertThat(loha.peftType()).isEqualTo("LOHA");
    assertThat(loha.targets().modules()).containsExactly("query", "value");
    assertThat(loha.json().path("r").intValue()).isEqualTo(3);
    assertThat(recipe("method=oft").json().path("method").asText()).isEqualTo("oft");
    assertThatThrownBy(() -> recipe("method=loha", "adapter.lora_alpha=3"))
        .isInstanceOf(UsageException.class)
        .hasMessageStartingWith("recipe: unknown key \"adapter.lora_alpha\"; nearest: alpha");
  }

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
              cache_features: false
              cache_frozen_layers: true
              packing: true
              mlm_probability: 0.3
              whole_word_mask: true
              gradient_checkpointing: true
              schedule: cosine
              max_grad_norm: 0
              beta1: 0.8
              beta2: 0.9
              eps: 1.0e-6
              max_steps: 40
              eval_strategy: steps
              eval_steps: 20
              eval_on_start: true
              keep_best: false
              layer_lr_decay: 0.9
              head_lr_multiplier: 2
              loraplus_lr_ratio: 16
              loraplus_lr_embedding: 1.0e-5
              freeze_layers: 1
              freeze_embeddings: true
              lora_fa: true
              unfreeze_steps: 5
              metric_for_best_model: eval_macro_f1
              greater_is_better: true
              early_stopping_patience: 3
              early_stopping_threshold: 0.01
              save_strategy: epoch
              save_steps: 0.5
              save_total_limit: 2
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
                null,
                new DataReader.Columns("words", null, "tags"),
                DataReader.OnBadRow.SKIP,
                false));
    FineTuningConfig config = recipe.config();
    assertThat(config.task()).isEqualTo(Tasks.TOKEN_CLASSIFICATION);
    assertThat(config.maxLength()).isEqualTo(77);
    assertThat(config.initialization()).isEqualTo(Initialization.HE);
    assertThat(config.device()).isEqualTo(Device.CPU);
    assertThat(config.adapter())
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
            40,
            9,
            2,
            512,
            0,
            new OptimizerConfig(0.8, 0.9, 1e-6),
            ScheduleConfig.of(Schedule.COSINE, 0.2),
            new RateConfig(0.9, 2, 16.0, 1e-5),
            new FreezeConfig(1, true, true, 0, 5),
            new EvaluationConfig(
                IntervalStrategy.STEPS, 20, true, false, "eval_macro_f1", true, 3, 0.01),
            new CheckpointConfig(IntervalStrategy.EPOCH, 0.5, 2),
            RegularizationConfig.NONE,
            NonFiniteConfig.DEFAULT,
            new ThroughputConfig(false, true, true, true),
            new MaskingConfig(0.3, true),
            new LoggingConfig(
                25, List.of(ReportTo.TENSORBOARD, ReportTo.MLFLOW), "events", "first"),
            5_000_000_000L);
    assertThat(config.training()).isEqualTo(training);
    assertThat(recipe.baselineTraining())
        .isEqualTo(
            training
                .withLr(0.25, List.of())
                .with(
                    draft -> {
                      draft.rates = RateConfig.DEFAULT;
                      draft.freeze = FreezeConfig.NONE;
                    }));
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
  void anOptimizerHasItsOwnDefaultsAndIsRecorded() {
    Recipe recipe =
        recipe(
            "training.optimizer=sgd",
            "training.momentum=0.9",
            "training.nesterov=true",
            "training.l1_penalty=1e-5",
            "training.decoupled_weight_decay=true");
    OptimizerConfig sgd =
        OptimizerConfig.of(OptimizerType.SGD)
            .with(
                draft -> {
                  draft.momentum = 0.9;
                  draft.nesterov = true;
                  draft.l1Penalty = 1e-5;
                  draft.decoupledWeightDecay = true;
                });
    assertThat(recipe.config().training().optimizer()).isEqualTo(sgd);
    assertThat(recipe.json().path("training").has("beta1")).isFalse();
    for (OptimizerType type : OptimizerType.values()) {
      Recipe other = recipe("training.optimizer=" + type.id());
      assertThat(other.config().training().optimizer()).isEqualTo(OptimizerConfig.of(type));
      assertThat(Recipe.read(other.json()).config()).isEqualTo(other.config());
    }
    assertThatThrownBy(() -> recipe("training.optimizer=lion", "training.eps=1e-8"))
        .isInstanceOf(UsageException.class)
        .hasMessage("eps is no setting of optimizer lion: it has beta1, beta2");
  }

  @Test
  void aScheduleHasItsOwnDefaultsAndIsRecorded() {
    for (Schedule schedule : Schedule.values()) {
      Recipe recipe = recipe("training.schedule=" + schedule.id());
      assertThat(recipe.config().training().schedule()).isEqualTo(ScheduleConfig.of(schedule));
      assertThat(Recipe.read(recipe.json()).config()).isEqualTo(recipe.config());
    }
    Recipe recipe =
        recipe(
            "training.schedule=polynomial",
            "training.power=2",
            "training.warmup_steps=5",
            "training.groups.head.schedule=constant_with_warmup",
            "training.groups.head.warmup_steps=3",
            "training.groups.bert.multiplier=0.5",
            "training.groups.bert.power=3");
    ScheduleConfig polynomial =
        ScheduleConfig.of(Schedule.POLYNOMIAL)
            .with(
                draft -> {
                  draft.power = 2;
                  draft.warmupRatio = 0;
                  draft.warmupSteps = 5;
                });
    ScheduleConfig constant =
        ScheduleConfig.of(Schedule.CONSTANT_WITH_WARMUP)
            .with(
                draft -> {
                  draft.warmupRatio = 0;
                  draft.warmupSteps = 3;
                });
    assertThat(recipe.config().training().schedule()).isEqualTo(polynomial);
    assertThat(recipe.config().training().groups())
        .containsExactly(
            new GroupRule("head", null, 1, null, constant),
            new GroupRule("bert", null, 0.5, null, polynomial.with(draft -> draft.power = 3)));
    assertThat(Recipe.read(recipe.json()).config()).isEqualTo(recipe.config());
    assertThatThrownBy(() -> recipe("training.warmup_steps=5", "training.warmup_ratio=0.1"))
        .isInstanceOf(UsageException.class)
        .hasMessage("warmup_steps is 5 and warmup_ratio 0.1: give one of them");
  }

  @Test
  void presetsAreDefaultsUnderWhatIsSaid() {
    TrainingConfig tuned = recipe("preset=fine-tune").config().training();
    assertThat(tuned)
        .isEqualTo(
            TrainingConfig.DEFAULT
                .withLr(5e-4, List.of())
                .withEpochs(3)
                .with(draft -> draft.schedule = ScheduleConfig.of(Schedule.LINEAR, 0.1)));
    assertThat(recipe("preset=fine-tune", "method=full").config().training().lr()).isEqualTo(5e-5);
    TrainingConfig trained =
        recipe("preset=train", "method=probe", "training.epochs=20", "training.patience=1")
            .config()
            .training();
    assertThat(trained.lr()).isEqualTo(1e-2);
    assertThat(trained.epochs()).isEqualTo(20);
    assertThat(trained.schedule().schedule()).isEqualTo(Schedule.REDUCE_LR_ON_PLATEAU);
    assertThat(trained.schedule().patience()).isEqualTo(1);
    assertThat(trained.schedule().factor()).isEqualTo(0.5);
    Recipe recipe = recipe("preset=train");
    assertThat(Recipe.read(recipe.json()).config()).isEqualTo(recipe.config());
    assertThatThrownBy(() -> recipe("preset=quick"))
        .isInstanceOf(UsageException.class)
        .hasMessage("unknown preset \"quick\": use fine-tune, train");
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
    assertThat(oneLayer.config().adapter().targets().layersToTransform()).containsExactly(3);
  }

  private static Targets targets(String value) {
    return recipe("adapter.target_modules=" + value).config().adapter().targets();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          modle=x                                 | unknown key "modle"; nearest: model, seed
          data.trian=x                            | unknown key "data.trian"; nearest: train, eval
          adapter.rank=8                          | unknown key "adapter.rank"; it is called r
          training.groups.head.rate=1             | unknown key "training.groups.head.rate"; nearest: lr, power
          training.learning_rate=1                | unknown key "training.learning_rate"; it is called lr
          learning_rate=1                         | unknown key "learning_rate"; lr belongs into the section training: training.lr
          lr=1                                    | unknown key "lr"; lr belongs into the section training: training.lr
          data.lr=1                               | unknown key "data.lr"; lr belongs into the section training: training.lr
          training.seed=1                         | unknown key "training.seed"; seed belongs at the top of a recipe
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
