package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs that are saved, and go on as if nothing had happened. */
class ResumeTest {
  private static final int PAD = 0;

  /** Batches of four, two a step: five batches and three steps an epoch, nine in all. */
  private static final TrainingConfig CONFIG =
      TrainingConfig.DEFAULT
          .withLr(3e-3, List.of())
          .withEpochs(3)
          .withBatchSize(4, 2)
          .with(
              draft -> {
                draft.evaluation =
                    draft.evaluation.with(
                        evaluation -> {
                          evaluation.evalStrategy = IntervalStrategy.STEPS;
                          evaluation.evalSteps = 2;
                          evaluation.metricForBestModel = "loss";
                          evaluation.earlyStoppingPatience = 4;
                        });
                draft.checkpoint = new CheckpointConfig(IntervalStrategy.STEPS, 1, 0);
              });

  private static final List<EncodedExample> HELD = TinyBert.misclassified(9, 3, 12, 3);

  @TempDir private Path temporary;
  private Path model;
  private Path checkpoints;
  private long liveBefore;
  private Scope scope;
  private final List<String> messages = new ArrayList<>();

  @BeforeEach
  void open() throws IOException {
    liveBefore = Tensor.live();
    scope = Scope.open();
    model = TinyBert.withDropout(Files.createDirectory(temporary.resolve("model")));
    checkpoints = temporary.resolve("checkpoints");
  }

  @AfterEach
  void nothingIsLeft() {
    scope.close();
    assertThat(Tensor.live()).isEqualTo(liveBefore);
  }

  /** What a run left: the model's bytes, and all it has measured but the time. */
  private record Outcome(Map<String, byte[]> bytes, TrainingResult result) {
    void assertSame(Outcome expected) {
      assertThat(bytes.keySet()).isEqualTo(expected.bytes.keySet());
      assertThat(bytes).allSatisfy((name, b) -> assertThat(b).isEqualTo(expected.bytes.get(name)));
      assertThat(result)
          .usingRecursiveComparison()
          .ignoringFieldsMatchingRegexes(".*[sS]econds", "peakRssMib")
          .isEqualTo(expected.result);
    }
  }

  private Outcome train(TrainingConfig config, List<EncodedExample> data, Checkpoints where) {
    try (Model opened = Model.open(model, ModelOptions.DEFAULT)) {
      TrainingResult result =
          new Trainer(
                  opened,
                  Trainable.allOf(opened),
                  TrainingData.of(data),
                  HELD,
                  PAD,
                  config,
                  TrainingListener.SILENT)
              .checkpoints(where.messages(messages::add))
              .run();
      return new Outcome(TinyBert.bytes(opened), result);
    }
  }

  private static List<EncodedExample> data() {
    return TinyBert.classified(20, 3, 12, 1);
  }

  private Outcome trained() {
    return train(CONFIG, data(), Checkpoints.in(checkpoints));
  }

  private Outcome resumed() {
    return train(CONFIG, data(), Checkpoints.in(checkpoints).resuming(true));
  }

  private List<String> saved() throws IOException {
    try (Stream<Path> paths = Files.list(checkpoints)) {
      return paths.map(path -> path.getFileName().toString()).sorted().toList();
    }
  }

  /** Deletes the checkpoints after a step, as if the run had ended there. */
  private void cutAfter(long step) throws IOException {
    for (String name : saved()) {
      if (Long.parseLong(name.substring("checkpoint-".length())) > step) {
        RunCheckpoint.delete(checkpoints.resolve(name));
      }
    }
  }

  @Test
  void aRunGoesOnFromAnyStepToTheSameBytes() throws IOException {
    Outcome whole = trained();
    assertThat(saved()).hasSize((int) whole.result.steps());
    assertThat(whole.result.bestStep()).as("the best copy matters").isLessThan(8);
    for (long step = whole.result.steps(); step > 0; step--) {
      cutAfter(step);
      messages.clear();
      resumed().assertSame(whole);
      assertThat(messages)
          .containsExactly("going on from " + checkpoints.resolve("checkpoint-" + step));
    }
  }

  @Test
  void savingChangesNothing() {
    Outcome saved = trained();
    TrainingConfig without = CONFIG.with(draft -> draft.checkpoint = CheckpointConfig.DEFAULT);
    Path elsewhere = temporary.resolve("elsewhere");
    train(without, data(), Checkpoints.in(elsewhere)).assertSame(saved);
    assertThat(elsewhere).doesNotExist();
  }

  @Test
  void aDamagedCheckpointIsLeftOutAndTheOneBeforeIsUsed() throws IOException {
    Outcome whole = trained();
    Path six = checkpoints.resolve("checkpoint-6");
    Path five = checkpoints.resolve("checkpoint-5");
    Path four = checkpoints.resolve("checkpoint-4");
    cutAfter(6);
    byte[] bytes = Files.readAllBytes(six.resolve("optimizer.safetensors"));
    bytes[bytes.length - 1] ^= 1;
    Files.write(six.resolve("optimizer.safetensors"), bytes);
    Files.delete(five.resolve("parameters.safetensors"));
    Files.writeString(four.resolve("state.json"), "{\"format\":");
    Files.createDirectory(checkpoints.resolve(".lorikeet-1.tmp"));
    Files.createDirectory(checkpoints.resolve(".deleted-checkpoint-1"));

    resumed().assertSame(whole);
    assertThat(messages)
        .hasSize(4)
        .contains(
            six + " is damaged and left out: optimizer.safetensors is not as it was written",
            five + " is damaged and left out: parameters.safetensors is missing")
        .anyMatch(message -> message.startsWith(four + " is damaged and left out: state.json is"))
        .last()
        .isEqualTo("going on from " + checkpoints.resolve("checkpoint-3"));
    assertThat(saved()).as("damaged ones are replaced").allMatch(n -> n.startsWith("checkpoint-"));
    messages.clear();
    resumed().assertSame(whole);
    assertThat(messages).hasSize(1);
  }

  @Test
  void withoutAnyCheckpointARunStartsAtItsBeginning() {
    Outcome whole = resumed();
    assertThat(messages)
        .containsExactly(
            "no complete checkpoint in " + checkpoints + ": starting at the beginning");
    assertThat(whole.result.steps()).isEqualTo(9);
  }

  @Test
  void theNewestAreKept() throws IOException {
    TrainingConfig config =
        CONFIG.with(draft -> draft.checkpoint = new CheckpointConfig(IntervalStrategy.STEPS, 2, 2));
    train(config, data(), Checkpoints.in(checkpoints));
    assertThat(saved()).containsExactly("checkpoint-8", "checkpoint-9");
    Checkpoints.in(checkpoints).deleteAll();
    assertThat(checkpoints).doesNotExist();
  }

  @Test
  void epochsCanBeSavedToo() throws IOException {
    TrainingConfig config =
        CONFIG.with(draft -> draft.checkpoint = new CheckpointConfig(IntervalStrategy.EPOCH, 1, 0));
    train(config, data(), Checkpoints.in(checkpoints));
    assertThat(saved()).containsExactly("checkpoint-3", "checkpoint-6", "checkpoint-9");
  }

  @Test
  void aRequestToStopSavesTheRunAndEndsIt() throws IOException {
    Outcome whole = trained();
    Checkpoints.in(checkpoints).deleteAll();
    TrainingConfig config = CONFIG.with(draft -> draft.checkpoint = CheckpointConfig.DEFAULT);
    int[] asked = {0};
    Checkpoints stopping = Checkpoints.in(checkpoints).stoppingWhen(() -> ++asked[0] == 4);
    assertThatThrownBy(() -> train(config, data(), stopping))
        .isInstanceOf(RunInterrupted.class)
        .hasMessage("stopped after step 4 of 9, saved in " + checkpoints.resolve("checkpoint-4"));
    assertThat(saved()).containsExactly("checkpoint-4");
    train(config, data(), Checkpoints.in(checkpoints).resuming(true)).assertSame(whole);
  }

  // ---- other runs ----

  private void assertOther(TrainingConfig config, List<EncodedExample> examples, String message) {
    assertThatThrownBy(() -> train(config, examples, Checkpoints.in(checkpoints).resuming(true)))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining(checkpoints + " is of another run: " + message);
  }

  @Test
  void theCheckpointsOfAnotherRunAreRefusedWithTheFirstDifference() {
    trained();
    assertOther(
        CONFIG.withLr(1e-3, List.of()),
        data(),
        "training.lr is 0.001 and was 0.003; go on with what it was, or delete the folder to"
            + " begin anew");
    assertOther(
        CONFIG.withEpochs(4).withSeed(2), data(), "training.epochs is 4 and was 3; go on with");
    assertOther(
        CONFIG.with(draft -> draft.optimizer = new OptimizerConfig(0.8, 0.999, 1e-8)),
        data(),
        "training.beta1 is 0.8 and was 0.9");
    assertOther(CONFIG, data().subList(0, 19), "training data is ");
    assertOther(CONFIG, TinyBert.misclassified(20, 3, 12, 1), "training data is ");
    assertThatThrownBy(
            () ->
                train(
                    CONFIG,
                    data(),
                    Checkpoints.in(checkpoints)
                        .resuming(true)
                        .identifiedBy(() -> Map.of("model", "abc"))))
        .hasMessageContaining("model is abc and was not there");
  }

  @Test
  void howOftenARunIsSavedMayChange() throws IOException {
    Outcome whole = trained();
    cutAfter(2);
    TrainingConfig config =
        CONFIG.with(draft -> draft.checkpoint = new CheckpointConfig(IntervalStrategy.EPOCH, 1, 0));
    train(config, data(), Checkpoints.in(checkpoints).resuming(true)).assertSame(whole);
  }

  @Test
  void checkpointsAreNotOverwrittenByARunThatDoesNotGoOn() {
    trained();
    assertThatThrownBy(this::trained)
        .isInstanceOf(UsageException.class)
        .hasMessage(
            checkpoints
                + " has checkpoints of an earlier run, the newest checkpoint-9: give --resume to"
                + " go on from there, or delete the folder to begin anew");
  }

  @Test
  void savingNeedsAFolder() {
    try (Model opened = Model.open(model, ModelOptions.DEFAULT)) {
      Trainer trainer =
          new Trainer(
              opened,
              Trainable.headOf(opened),
              TrainingData.of(data()),
              HELD,
              PAD,
              CONFIG,
              TrainingListener.SILENT);
      assertThatThrownBy(trainer::run)
          .isInstanceOf(LorikeetException.class)
          .hasMessage(
              "save_strategy is steps, and this run has no folder for checkpoints: set it to no");
    }
  }
}
