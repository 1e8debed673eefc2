package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Updates;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What users put around the steps of a run. */
class HookTest {
  /** Eight texts in batches of four: two steps an epoch. */
  private static final List<EncodedExample> DATA = TinyBert.classified(8, 3, 9, 1);

  private static final TrainingConfig CONFIG =
      TrainingConfig.DEFAULT
          .withLr(1e-3, List.of())
          .withEpochs(1)
          .withBatchSize(4, 1)
          .with(draft -> draft.logging = new LoggingConfig(1, List.of(), null, null));

  private Scope scope;
  private long liveBefore;

  @BeforeEach
  void open() {
    liveBefore = Tensor.live();
    scope = Scope.open();
  }

  @AfterEach
  void nothingIsLeft() {
    scope.close();
    assertThat(Tensor.live()).isEqualTo(liveBefore);
  }

  /** Writes down the calls of a hook and of a listener as they come. */
  private static final class Recorder implements Hook, TrainingListener {
    final List<String> calls = new ArrayList<>();

    private void say(String call) {
      calls.add(call);
    }

    // ---- the hook ----

    @Override
    public void resume() {
      say("resume");
    }

    @Override
    public void start() {
      say("start");
    }

    @Override
    public void beforeStep(long step) {
      say("beforeStep " + step);
    }

    @Override
    public void beforeClipping(Map<Parameter, Tensor> gradients) {
      say("beforeClipping");
    }

    @Override
    public void beforeUpdate(Map<Parameter, Tensor> gradients, double norm) {
      say("beforeUpdate");
    }

    @Override
    public void afterUpdate(Map<Parameter, Tensor> gradients) {
      say("afterUpdate");
    }

    @Override
    public void skipped(LorikeetException reason) {
      say("skipped");
    }

    @Override
    public void afterStep(FinishedStep step) {
      say(
          "afterStep "
              + step.step()
              + " of "
              + step.totalSteps()
              + (step.endsEpoch() ? ", end" : ""));
    }

    @Override
    public void afterEpoch(EpochReport report) {
      say("afterEpoch " + report.epoch());
    }

    @Override
    public void settled(FinishedStep step) {
      say("settled " + step.step());
    }

    @Override
    public void end() {
      say("end");
    }

    @Override
    public void close() {
      say("close");
    }

    // ---- the listener ----

    @Override
    public void started(List<ParameterGroup> groups, long totalSteps) {
      say("- started");
    }

    @Override
    public void progressed(TrainingListener.Progress progress) {
      say("- progressed " + progress.step());
    }

    @Override
    public void logged(StepReport report) {
      say("- logged " + report.step());
    }

    @Override
    public void evaluated(StepEvaluation evaluation) {
      say("- evaluated " + evaluation.step());
    }

    @Override
    public void epochEnded(EpochReport report) {
      say("- epochEnded " + report.epoch());
    }
  }

  private static Trainer trainer(
      Model model, List<EncodedExample> data, TrainingConfig config, TrainingListener listener) {
    return new Trainer(
        model,
        Tasks.of(model),
        Trainable.headOf(model),
        TrainingData.of(data),
        DATA,
        0,
        config,
        listener);
  }

  @Test
  void hooksAreCalledAroundEachStepAfterWhatTheSettingsAskFor() {
    Recorder recorder = new Recorder();
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      trainer(model, DATA, CONFIG, recorder).hook(recorder).run();
    }
    assertThat(recorder.calls)
        .containsExactly(
            "resume",
            "- started",
            "start",
            "beforeStep 0",
            "beforeClipping",
            "beforeUpdate",
            "afterUpdate",
            "- logged 1",
            "- progressed 1",
            "afterStep 1 of 2",
            "settled 1",
            "beforeStep 1",
            "beforeClipping",
            "beforeUpdate",
            "afterUpdate",
            "- logged 2",
            "- progressed 2",
            "- evaluated 2",
            "afterStep 2 of 2, end",
            "- epochEnded 1",
            "afterEpoch 1",
            "settled 2",
            "end",
            "close");
  }

  @Test
  void aStepThatIsLeftOutIsToldAndMovesNothing() {
    List<EncodedExample> data = new ArrayList<>(TinyBert.measured(8, 3, 9, 1));
    EncodedExample good = data.get(5);
    data.set(
        5, new EncodedExample(good.ids(), good.typeIds(), good.classes(), new float[] {Float.NaN}));
    TrainingConfig config =
        CONFIG
            .withEpochs(2)
            .with(draft -> draft.nonFinite = new NonFiniteConfig(NonFiniteConfig.OnNan.SKIP, 2));
    Recorder recorder = new Recorder();
    try (Model model = TinyBert.open(TinyBert.REGRESS)) {
      new Trainer(
              model,
              Tasks.of(model),
              Trainable.headOf(model),
              TrainingData.of(data),
              List.of(),
              0,
              config,
              TrainingListener.SILENT)
          .hook(recorder)
          .run();
    }
    int skipped = recorder.calls.indexOf("skipped");
    assertThat(recorder.calls.stream().filter("skipped"::equals)).hasSize(2); // one an epoch
    assertThat(recorder.calls.stream().filter("afterUpdate"::equals)).hasSize(2);
    assertThat(recorder.calls.get(skipped - 1)).startsWith("beforeStep");
    assertThat(recorder.calls.get(skipped + 1)).startsWith("afterStep");
  }

  @Test
  void hooksAreCalledInTheOrderInWhichTheyWereAddedAndClosedTheOtherWayRound() {
    List<String> calls = new ArrayList<>();
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      trainer(model, DATA, CONFIG, TrainingListener.SILENT)
          .hook(named("first", calls))
          .hook(named("second", calls))
          .run();
    }
    assertThat(calls).containsExactly("first ends", "second ends", "second closes", "first closes");
  }

  private static Hook named(String name, List<String> calls) {
    return new Hook() {
      @Override
      public void end() {
        calls.add(name + " ends");
      }

      @Override
      public void close() {
        calls.add(name + " closes");
      }
    };
  }

  /** Plain SGD: twice the gradients are twice the rate, to the last bit. */
  @Test
  void theOptimizerStepsByWhatAHookMakesOfTheGradients() {
    Hook twice =
        new Hook() {
          @Override
          public void beforeClipping(Map<Parameter, Tensor> gradients) {
            Updates.scaleInPlace(List.copyOf(gradients.values()), 2);
          }
        };
    TrainingConfig sgd =
        CONFIG.with(
            draft -> {
              draft.optimizer = OptimizerConfig.of(OptimizerType.SGD);
              draft.weightDecay = 0;
              draft.maxGradNorm = 0;
              draft.maxSteps = 1;
            });
    assertThat(head(sgd, twice)).isEqualTo(head(sgd.withLr(2e-3, List.of()), new Hook() {}));
    assertThat(head(sgd, twice)).isNotEqualTo(head(sgd, new Hook() {}));
  }

  private static List<Float> head(TrainingConfig config, Hook hook) {
    List<Float> values = new ArrayList<>();
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      trainer(model, DATA, config, TrainingListener.SILENT).hook(hook).run();
      for (Trainable trainable : Trainable.headOf(model)) {
        for (float value : trainable.parameter().original().toFloats()) {
          values.add(value);
        }
      }
    }
    return values;
  }

  @Test
  void aHookThatThrowsEndsTheRunAndIsClosed() {
    List<String> calls = new ArrayList<>();
    Hook failing =
        new Hook() {
          @Override
          public void afterStep(FinishedStep step) {
            throw new LorikeetException("enough");
          }

          @Override
          public void close() {
            calls.add("closed");
          }
        };
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Trainer trainer = trainer(model, DATA, CONFIG, TrainingListener.SILENT).hook(failing);
      assertThatThrownBy(trainer::run).isInstanceOf(LorikeetException.class).hasMessage("enough");
      assertThat(model.mode().isTraining()).isFalse();
    }
    assertThat(calls).containsExactly("closed");
  }

  // ---- checkpoints ----

  /** Counts steps in a tensor that is saved with the run. */
  private static final class Counter implements Hook {
    final Tensor count = Tensor.full(0, DType.FLOAT32, Device.CPU, 1);
    private final String name;

    Counter(String name) {
      this.name = name;
    }

    @Override
    public void afterStep(FinishedStep step) {
      count.addInPlace(Tensor.full(1, DType.FLOAT32, Device.CPU, 1), 1);
    }

    @Override
    public Map<String, Tensor> state() {
      return Map.of(name, count);
    }
  }

  @Test
  void whatAHookRemembersGoesOnWithTheRun(@TempDir Path folder) {
    TrainingConfig config = CONFIG.withEpochs(3);
    int[] asked = {0};
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Counter counter = new Counter("counter/steps");
      Trainer trainer =
          trainer(model, DATA, config, TrainingListener.SILENT)
              .checkpoints(Checkpoints.in(folder).stoppingWhen(() -> ++asked[0] == 4))
              .hook(counter);
      assertThatThrownBy(trainer::run).isInstanceOf(RunInterrupted.class);
      assertThat(counter.count.item()).isEqualTo(4);
    }
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Counter counter = new Counter("counter/steps");
      trainer(model, DATA, config, TrainingListener.SILENT)
          .checkpoints(Checkpoints.in(folder).resuming(true))
          .hook(counter)
          .run();
      assertThat(counter.count.item()).isEqualTo(6);
    }
  }

  @Test
  void namesThatClashAreRefusedBeforeTheFirstStep(@TempDir Path folder) {
    assertClash(
        folder,
        "two hooks save a tensor under the name \"a/steps\": give each names of its own",
        "a/steps",
        "a/steps");
    assertClash(
        folder,
        "a hook saves a tensor under the name \"classifier.bias\", which is a parameter's: give it"
            + " another",
        "classifier.bias");
  }

  private static void assertClash(Path folder, String message, String... names) {
    Recorder recorder = new Recorder();
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Trainer trainer =
          trainer(model, DATA, CONFIG, TrainingListener.SILENT)
              .checkpoints(Checkpoints.in(folder))
              .hook(recorder);
      for (String name : names) {
        trainer.hook(new Counter(name));
      }
      assertThatThrownBy(trainer::run).isInstanceOf(LorikeetException.class).hasMessage(message);
    }
    assertThat(recorder.calls).containsExactly("resume", "close");
  }
}
