package dev.lorikeet.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.lorikeet.adapters.AdapterConfig;
import dev.lorikeet.adapters.AdapterMethods;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.data.Augmentation;
import dev.lorikeet.data.Example;
import dev.lorikeet.lora.LoraConfig;
import dev.lorikeet.models.Dropouts;
import dev.lorikeet.models.Initialization;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.AveragingConfig;
import dev.lorikeet.training.ClassWeights;
import dev.lorikeet.training.EpochReport;
import dev.lorikeet.training.ParameterGroup;
import dev.lorikeet.training.RegularizationConfig;
import dev.lorikeet.training.TrainingConfig;
import dev.lorikeet.training.TrainingListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("numeric")
class FineTuningTest {
  private static final FineTuningConfig CONFIG =
      FineTuningConfig.DEFAULT
          .withLora(LoraConfig.of(4, 8))
          .withMaxLength(16)
          .withTraining(
              TrainingConfig.DEFAULT.withLr(1e-2, List.of()).withEpochs(4).withBatchSize(4, 1));

  @TempDir Path temporary;

  private Path base;

  @BeforeEach
  void writeModel() throws IOException {
    base = TinyModel.write(temporary.resolve("base"));
  }

  private static FineTuningConfig config(Regime regime) {
    return regime == Regime.ADAPTER ? CONFIG : CONFIG.withRegime(regime, Initialization.PAPER);
  }

  @ParameterizedTest
  @EnumSource(Regime.class)
  void whatIsSavedAnswersAsWhatWasTrained(Regime regime) {
    FineTuning tuning = new FineTuning(base, config(regime));
    Path saved = temporary.resolve("saved");
    List<Prediction> before;
    try (TextModel tuned = tuning.train(TinyModel.examples(), TinyModel.examples())) {
      assertThat(Objects.requireNonNull(tuned.labels()).names()).containsExactly("even", "odd");
      before = tuned.predict(TinyModel.examples());
      tuned.save(saved);
    }
    assertThat(tuning.result().steps()).isEqualTo(12);
    assertThat(tuning.result().epochs()).hasSize(4);
    boolean whole = regime != Regime.ADAPTER;
    try (TextModel opened =
        TextModel.open(whole ? saved : base, whole ? null : saved, ModelOptions.DEFAULT, null)) {
      assertThat(opened.maxLength()).isEqualTo(16);
      assertSame(opened.predict(TinyModel.examples()), before, 0);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"ia3", "vera", "loha", "lokr", "oft", "ln_tuning", "prompt", "ptuning", "prefix"})
  void everyAdapterMethodTrainsAndIsSaved(String method) {
    AdapterConfig adapter =
        AdapterMethods.ofId(method).orElseThrow().read(JsonNodeFactory.instance.objectNode());
    FineTuning tuning = new FineTuning(base, CONFIG.withAdapter(adapter).withMaxLength(8));
    Path saved = temporary.resolve("saved");
    List<Prediction> before;
    try (TextModel tuned = tuning.train(TinyModel.examples(), TinyModel.examples())) {
      before = tuned.predict(TinyModel.examples());
      tuned.save(saved);
    }
    try (TextModel opened = TextModel.open(base, saved, ModelOptions.DEFAULT, null)) {
      // A prompt made by its network is the same but for the order of sums.
      assertSame(opened.predict(TinyModel.examples()), before, 1e-6);
    }
  }

  static void assertSame(List<Prediction> actual, List<Prediction> expected, double tolerance) {
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < actual.size(); i++) {
      assertThat(actual.get(i).labels()).isEqualTo(expected.get(i).labels());
      assertThat(actual.get(i).logits())
          .containsExactly(expected.get(i).logits(), within((float) tolerance));
    }
  }

  @Test
  void augmentationAndDropoutReachTheRun() {
    double plain = firstLoss(RegularizationConfig.NONE);
    assertThat(firstLoss(regularized(new Dropouts(0.5, null, null), Augmentation.NONE)))
        .isNotEqualTo(plain);
    Augmentation.Rates half = new Augmentation.Rates(0.5, 0, 0);
    assertThat(firstLoss(regularized(Dropouts.UNCHANGED, half)))
        .isNotEqualTo(plain)
        .isEqualTo(firstLoss(regularized(Dropouts.UNCHANGED, half)));
  }

  private static RegularizationConfig regularized(Dropouts dropouts, Augmentation.Rates rates) {
    return new RegularizationConfig(
        0, ClassWeights.NONE, 0, 0, 0, AveragingConfig.NONE, dropouts, rates);
  }

  private double firstLoss(RegularizationConfig regularization) {
    FineTuning tuning =
        new FineTuning(
            base,
            CONFIG.withTraining(
                CONFIG.training().with(draft -> draft.regularization = regularization)));
    tuning.train(TinyModel.examples(), List.of()).close();
    return tuning.result().epochs().get(0).trainLoss();
  }

  @Test
  void augmentationOfALanguageModelIsRefused() {
    RegularizationConfig swapped =
        regularized(Dropouts.UNCHANGED, new Augmentation.Rates(0, 0.1, 0));
    FineTuningConfig config =
        CONFIG
            .withTask(Tasks.MASKED_LM, ProblemType.SINGLE_LABEL)
            .withTraining(CONFIG.training().with(draft -> draft.regularization = swapped));
    assertThatThrownBy(() -> new FineTuning(base, config).train(TinyModel.examples(), List.of()))
        .isInstanceOf(UsageException.class)
        .hasMessage(
            "word_dropout, word_swap and token_masking are for classification, not for masked-lm,"
                + " whose labels are the words themselves: leave them out");
  }

  @Test
  void scratchStartsElsewhereThanTheCheckpoint() {
    FineTuning scratch = new FineTuning(base, config(Regime.SCRATCH));
    FineTuning full = new FineTuning(base, config(Regime.FULL));
    scratch.train(TinyModel.examples(), List.of()).close();
    full.train(TinyModel.examples(), List.of()).close();
    assertThat(scratch.result().trainableParameters())
        .isEqualTo(full.result().trainableParameters())
        .isEqualTo(full.result().totalParameters());
    assertThat(scratch.result().epochs().get(0).trainLoss())
        .isNotEqualTo(full.result().epochs().get(0).trainLoss());
  }

  @Test
  void sameSeedGivesTheSameBytes() throws IOException {
    assertThat(adapterBytes("first", 3))
        .isEqualTo(adapterBytes("second", 3))
        .isNotEqualTo(adapterBytes("other", 4));
  }

  private byte[] adapterBytes(String name, long seed) throws IOException {
    FineTuningConfig seeded = CONFIG.withTraining(CONFIG.training().withSeed(seed));
    Path folder = temporary.resolve(name);
    try (TextModel tuned = new FineTuning(base, seeded).train(TinyModel.examples(), List.of())) {
      tuned.save(folder);
    }
    return Files.readAllBytes(folder.resolve("adapter_model.safetensors"));
  }

  @Test
  void listenerHearsGroupsStepsAndEpochs() {
    List<String> heard = new ArrayList<>();
    TrainingListener listener =
        new TrainingListener() {
          @Override
          public void started(List<ParameterGroup> groups, long totalSteps) {
            heard.add("started " + totalSteps);
          }

          @Override
          public void progressed(Progress progress) {
            heard.add("step " + progress.step());
          }

          @Override
          public void epochEnded(EpochReport report) {
            heard.add("epoch " + report.epoch());
          }
        };
    FineTuningConfig twoEpochs = CONFIG.withTraining(CONFIG.training().withEpochs(2));
    new FineTuning(base, twoEpochs)
        .listener(listener)
        .train(TinyModel.examples(), List.of())
        .close();
    assertThat(heard)
        .containsExactly(
            "started 6",
            "step 1",
            "step 2",
            "step 3",
            "epoch 1",
            "step 4",
            "step 5",
            "step 6",
            "epoch 2");
  }

  @Test
  void nothingIsKeptInNativeMemory() {
    long before = Tensor.live();
    new FineTuning(base, CONFIG).train(TinyModel.examples(), TinyModel.examples()).close();
    assertThat(Tensor.live()).isEqualTo(before);

    FineTuningConfig wrong = CONFIG.withLora(LoraConfig.of(4, 8).withTargets(Targets.of("q_porj")));
    assertThatThrownBy(() -> new FineTuning(base, wrong).train(TinyModel.examples(), List.of()))
        .isInstanceOf(UsageException.class);
    assertThat(Tensor.live()).isEqualTo(before);
  }

  @Test
  void thereIsNoResultBeforeTraining() {
    assertThatThrownBy(() -> new FineTuning(base, CONFIG).result())
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("not trained yet");
  }

  @Test
  void lengthBeyondTheModelsPositionsIsRefused() {
    assertThatThrownBy(
            () ->
                new FineTuning(base, CONFIG.withMaxLength(41))
                    .train(TinyModel.examples(), List.of()))
        .isInstanceOf(UsageException.class)
        .hasMessage("max_length is 41, the model has 40 positions: use at most that");
  }

  @Test
  void folderThatIsNoCheckpointIsNotToldOfATokenizer() {
    Path nowhere = temporary.resolve("nowhere");
    assertThatThrownBy(() -> new FineTuning(nowhere, CONFIG).train(TinyModel.examples(), List.of()))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(nowhere + " has no config.json: give the folder of a Hugging Face checkpoint");
  }

  @Test
  void examplesOfOneLabelAreRefused() {
    List<Example> same = TinyModel.examples().subList(0, 6);
    assertThatThrownBy(() -> new FineTuning(base, CONFIG).train(same, List.of()))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "all examples have the same label \"even\", so there is nothing to learn: add examples"
                + " of another label");
  }
}
