package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.Adapters;
import dev.lorikeet.compare.FineTuning;
import dev.lorikeet.compare.FineTuningConfig;
import dev.lorikeet.compare.Prediction;
import dev.lorikeet.compare.TextModel;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.data.Example;
import dev.lorikeet.lora.LoraConfig;
import dev.lorikeet.models.GenerationConfig;
import dev.lorikeet.models.Generator;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import dev.lorikeet.training.Trainable;
import dev.lorikeet.training.Trainer;
import dev.lorikeet.training.TrainingConfig;
import dev.lorikeet.training.TrainingData;
import dev.lorikeet.training.TrainingListener;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One model that several threads ask, change, train and close. */
class SharedModelTest {
  private static final int THREADS = 3;
  private static final int SWAPS = 30;

  /** More than one batch of 32. */
  private static final List<Example> TEXTS = TinyBase.examples(40);

  @TempDir static Path folder;
  private static Path base;

  /** Two trained adapters by name, which answer differently. */
  private static final Map<String, Path> ADAPTERS = new LinkedHashMap<>();

  @BeforeAll
  static void trainAdapters() {
    base = TinyBase.in(folder.resolve("base"));
    for (long seed = 1; seed <= 2; seed++) {
      TrainingConfig training = TrainingConfig.DEFAULT.withEpochs(1).withSeed(seed);
      FineTuningConfig config =
          FineTuningConfig.DEFAULT.withLora(LoraConfig.of(4, 8)).withTraining(training);
      Path output = folder.resolve("adapter-" + seed);
      try (TextModel model = new FineTuning(base, config).train(TEXTS, List.of())) {
        model.save(output);
      }
      ADAPTERS.put("of" + seed, output);
    }
  }

  private static TextModel several() {
    return TextModel.openSeveral(base, ADAPTERS, ModelOptions.DEFAULT, null);
  }

  private static Adapters adapters(TextModel model) {
    return Objects.requireNonNull(model.adapters());
  }

  /** The answers of one prediction, to the last bit. */
  private static String answers(List<Prediction> predictions) {
    StringBuilder answers = new StringBuilder();
    predictions.forEach(p -> answers.append(Arrays.toString(p.logits())));
    return answers.toString();
  }

  /** In a process of its own, which such a close ended with a segmentation fault. */
  @Test
  void closingWaitsForWhoAsksAndRefusesWhoComesLater() throws Exception {
    List<String> command =
        JavaProcess.java(
            ClosedWhileAskedMain.class.getName(),
            base.toString(),
            ADAPTERS.values().iterator().next().toString());
    JavaProcess process = JavaProcess.run(folder, Map.of(), command);
    assertThat(process.status()).as(process.out() + process.err()).isZero();
    assertThat(process.out().strip()).endsWith("refused 12 of 12");
  }

  @Test
  void whatIsAskedOfAClosedModelIsRefused() {
    TextModel model = several();
    model.close();
    model.close(); // does nothing
    assertThatThrownBy(() -> model.predict(TEXTS))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the model was closed");
    assertThatThrownBy(() -> adapters(model).activate("of2"))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the model was closed");
    assertThatThrownBy(() -> model.tokenizer().encode("a bird", null, 10))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the tokenizer was closed");
  }

  @Test
  void aThreadCannotChangeOrCloseTheModelInTheMiddleOfItsOwnPass() {
    try (TextModel model = several()) {
      insideAPass(model);
    }
  }

  private static void insideAPass(TextModel model) {
    try (Model.Lease pass = model.model().share()) {
      assertThatThrownBy(() -> adapters(model).activate("of2"))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage(
              "the model cannot be changed in the middle of a pass, prediction or generation of"
                  + " this thread: do it afterwards");
      assertThatThrownBy(model::close)
          .isInstanceOf(IllegalStateException.class)
          .hasMessage(
              "the model cannot be closed in the middle of a pass, prediction or generation of"
                  + " this thread: do it afterwards");
      assertThat(model.predict(TEXTS)).hasSameSizeAs(TEXTS);
    }
  }

  /** Adapters went and came layer by layer: 23 different answers where two are right. */
  @Test
  void aPredictionSeesOneSetOfAdaptersWhileOthersChangeIt() throws Exception {
    try (TextModel model = several()) {
      Adapters adapters = adapters(model);
      Set<String> right = new HashSet<>();
      for (String name : adapters.names()) {
        adapters.activate(name);
        right.add(answers(model.predict(TEXTS)));
        adapters.merge();
        right.add(answers(model.predict(TEXTS))); // rounded otherwise
        adapters.unmerge();
      }
      try (Adapters.Pause pause = adapters.disable()) {
        right.add(answers(model.predict(TEXTS)));
      }
      assertThat(right).hasSize(5);
      Set<String> seen = whileChanging(() -> answers(model.predict(TEXTS)), () -> swap(adapters));
      assertThat(right).containsAll(seen);
      assertThat(seen).hasSizeGreaterThan(1);
    }
  }

  /** Every kind of change, one after the other. */
  private static void swap(Adapters adapters) {
    adapters.activate("of1");
    adapters.activate("of2");
    adapters.merge();
    adapters.unmerge();
    try (Adapters.Pause pause = adapters.disable()) {
      assertThat(adapters.active()).containsExactly("of2");
    }
    adapters.add("new", LoraConfig.of(2, 4), 3);
    adapters.rename("new", "newer");
    adapters.delete("newer");
  }

  @Test
  void rowsOfSeveralAdaptersAreAnsweredAsAloneWhileOthersChangeWhoIsActive() throws Exception {
    List<@Nullable String> rows = new ArrayList<>();
    for (int i = 0; i < TEXTS.size(); i++) {
      rows.add(i % 3 == 0 ? null : "of" + i % 3);
    }
    try (TextModel model = several()) {
      Adapters adapters = adapters(model);
      String right = answers(model.predict(TEXTS, rows));
      Set<String> seen =
          whileChanging(
              () -> answers(model.predict(TEXTS, rows)),
              SWAPS / 3,
              () -> {
                adapters.activate("of1");
                model.predict(TEXTS.subList(0, 4));
                adapters.activate("of2");
              });
      assertThat(seen).containsExactly(right);
    }
  }

  @Test
  void aGenerationIsWrittenByOneSetOfAdapters() throws Exception {
    Path golden = Path.of("resources/golden/llama-lm-lora");
    GenerationConfig config = GenerationConfig.GREEDY.withMaxNewTokens(12);
    List<int[]> prompts = List.of(new int[] {5, 9, 20}, new int[] {7, 30});
    try (Model model = Model.open(golden, ModelOptions.DEFAULT)) {
      Adapters adapters = new Adapters(model);
      Adapter other = adapters.add("other", LoraConfig.of(4, 64), 1);
      try (Scope scope = Scope.open()) {
        Torch.seed(1);
        for (Parameter parameter : other.parameters().values()) {
          parameter.freeze();
          parameter.original().setInPlace(Tensor.normal(0, 0.3, parameter.original().shape()));
        }
      }
      Callable<String> write = () -> Arrays.deepToString(written(model, config, prompts).toArray());
      Set<String> right = new HashSet<>();
      right.add(write.call());
      adapters.activate("other");
      right.add(write.call());
      assertThat(right).hasSize(2);
      Set<String> seen =
          whileChanging(
              write,
              () -> {
                adapters.activate();
                adapters.activate("other");
              });
      assertThat(right).containsAll(seen);
    }
  }

  private static List<int[]> written(Model model, GenerationConfig config, List<int[]> prompts) {
    return new Generator(model, config).generate(prompts, (row, token) -> true);
  }

  @Test
  void trainingHasTheModelToItself() throws Exception {
    try (TextModel model = several()) {
      Adapters adapters = adapters(model);
      String before = answers(model.predict(TEXTS));
      Trainer trainer =
          new Trainer(
              model.model(),
              Tasks.of(model.model()),
              Trainable.of(adapters.get("of1")),
              TrainingData.of(encoded()),
              List.of(),
              0,
              TrainingConfig.DEFAULT.withEpochs(4).withBatchSize(8, 1),
              TrainingListener.SILENT);
      Set<String> seen = whileChanging(() -> answers(model.predict(TEXTS)), 1, trainer::run);
      assertThat(Set.of(before, answers(model.predict(TEXTS)))).hasSize(2).containsAll(seen);
    }
  }

  private static List<EncodedExample> encoded() {
    List<EncodedExample> examples = new ArrayList<>();
    for (int i = 0; i < 24; i++) {
      int[] ids = {2, 5 + i % 6, 6 + i % 5, 3};
      examples.add(new EncodedExample(ids, new int[4], new long[] {i % 2}, new float[0]));
    }
    return examples;
  }

  private static Set<String> whileChanging(Callable<String> question, Runnable change)
      throws Exception {
    return whileChanging(question, SWAPS, change);
  }

  /** The different answers that threads get while another changes the model so many times. */
  private static Set<String> whileChanging(Callable<String> question, int times, Runnable change)
      throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(THREADS);
    AtomicBoolean done = new AtomicBoolean();
    try {
      List<Future<Set<String>>> asking = new ArrayList<>();
      for (int i = 0; i < THREADS; i++) {
        asking.add(
            threads.submit(
                () -> {
                  Set<String> seen = new HashSet<>();
                  while (!done.get()) {
                    seen.add(question.call());
                  }
                  return seen;
                }));
      }
      for (int i = 0; i < times; i++) {
        change.run();
      }
      done.set(true);
      Set<String> seen = new HashSet<>();
      for (Future<Set<String>> answers : asking) {
        seen.addAll(answers.get());
      }
      return seen;
    } finally {
      done.set(true);
      threads.shutdown();
    }
  }
}
