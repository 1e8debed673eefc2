package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.SavedRuns.Outcome;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs that are saved, and go on as if nothing had happened. */
@Tag("numeric")
class ResumeTest {
  /** Batches of four, two a step: five batches and three steps an epoch, nine in all. */
  static final TrainingConfig CONFIG =
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

  @TempDir private Path temporary;
  private SavedRuns runs;
  private Path checkpoints;
  private long liveBefore;
  private Scope scope;

  @BeforeEach
  void open() {
    liveBefore = Tensor.live();
    scope = Scope.open();
    runs = new SavedRuns(temporary);
    checkpoints = runs.checkpoints;
  }

  @AfterEach
  void nothingIsLeft() {
    scope.close();
    assertThat(Tensor.live()).isEqualTo(liveBefore);
  }

  private Outcome train(TrainingConfig config, List<EncodedExample> data, Checkpoints where) {
    return runs.train(config, data, where);
  }

  private Outcome trained() {
    return runs.trained(CONFIG);
  }

  private Outcome resumed() {
    return runs.resumed(CONFIG);
  }

  @Test
  void aRunGoesOnFromAnyStepToTheSameBytes() throws IOException {
    Outcome whole = trained();
    assertThat(runs.saved()).hasSize((int) whole.result().steps());
    assertThat(whole.result().bestStep()).as("the best copy matters").isLessThan(8);
    for (long step = whole.result().steps(); step > 0; step--) {
      runs.cutAfter(step);
      runs.messages.clear();
      resumed().assertSame(whole);
      assertThat(runs.messages)
          .containsExactly("going on from " + checkpoints.resolve("checkpoint-" + step));
    }
  }

  @Test
  void savingChangesNothing() {
    Outcome saved = trained();
    TrainingConfig without = CONFIG.with(draft -> draft.checkpoint = CheckpointConfig.DEFAULT);
    Path elsewhere = temporary.resolve("elsewhere");
    train(without, SavedRuns.data(), Checkpoints.in(elsewhere)).assertSame(saved);
    assertThat(elsewhere).doesNotExist();
  }

  /** Bits that rot in the record would change the run without a word. */
  @Test
  void aRecordThatIsNotAsItWasWrittenIsLeftOut() throws IOException {
    Outcome whole = trained();
    Path six = checkpoints.resolve("checkpoint-6");
    runs.cutAfter(6);
    Path record = six.resolve("state.json");
    String text = Files.readString(record);
    assertThat(text).contains("\"step\":6");
    Files.writeString(record, text.replace("\"step\":6", "\"step\":7"));

    resumed().assertSame(whole);
    assertThat(runs.messages)
        .containsExactly(
            six + " is damaged and left out: state.json is not as it was written",
            "going on from " + checkpoints.resolve("checkpoint-5"));
  }

  @Test
  void aDamagedCheckpointIsLeftOutAndTheOneBeforeIsUsed() throws IOException {
    Outcome whole = trained();
    Path six = checkpoints.resolve("checkpoint-6");
    Path five = checkpoints.resolve("checkpoint-5");
    Path four = checkpoints.resolve("checkpoint-4");
    runs.cutAfter(6);
    byte[] bytes = Files.readAllBytes(six.resolve("optimizer.safetensors"));
    bytes[bytes.length - 1] ^= 1;
    Files.write(six.resolve("optimizer.safetensors"), bytes);
    Files.delete(five.resolve("parameters.safetensors"));
    Files.writeString(four.resolve("state.json"), "{\"format\":");
    Files.createDirectory(checkpoints.resolve(".lorikeet-1.tmp"));
    Files.createDirectory(checkpoints.resolve(".deleted-checkpoint-1"));

    resumed().assertSame(whole);
    assertThat(runs.messages)
        .hasSize(4)
        .contains(
            six + " is damaged and left out: optimizer.safetensors is not as it was written",
            five + " is damaged and left out: parameters.safetensors is missing")
        .anyMatch(message -> message.startsWith(four + " is damaged and left out: state.json is"))
        .last()
        .isEqualTo("going on from " + checkpoints.resolve("checkpoint-3"));
    assertThat(runs.saved())
        .as("damaged ones are replaced")
        .allMatch(n -> n.startsWith("checkpoint-"));
    runs.messages.clear();
    resumed().assertSame(whole);
    assertThat(runs.messages).hasSize(1);
  }

  @Test
  void withoutAnyCheckpointARunStartsAtItsBeginning() {
    Outcome whole = resumed();
    assertThat(runs.messages)
        .containsExactly(
            "no complete checkpoint in " + checkpoints + ": starting at the beginning");
    assertThat(whole.result().steps()).isEqualTo(9);
  }

  @Test
  void theNewestAreKept() throws IOException {
    TrainingConfig config =
        CONFIG.with(draft -> draft.checkpoint = new CheckpointConfig(IntervalStrategy.STEPS, 2, 2));
    train(config, SavedRuns.data(), Checkpoints.in(checkpoints));
    assertThat(runs.saved()).containsExactly("checkpoint-8", "checkpoint-9");
    Checkpoints.in(checkpoints).deleteAll();
    assertThat(checkpoints).doesNotExist();
  }

  @Test
  void epochsCanBeSavedToo() throws IOException {
    TrainingConfig config =
        CONFIG.with(draft -> draft.checkpoint = new CheckpointConfig(IntervalStrategy.EPOCH, 1, 0));
    train(config, SavedRuns.data(), Checkpoints.in(checkpoints));
    assertThat(runs.saved()).containsExactly("checkpoint-3", "checkpoint-6", "checkpoint-9");
  }

  @Test
  void aRequestToStopSavesTheRunAndEndsIt() throws IOException {
    Outcome whole = trained();
    Checkpoints.in(checkpoints).deleteAll();
    TrainingConfig config = CONFIG.with(draft -> draft.checkpoint = CheckpointConfig.DEFAULT);
    int[] asked = {0};
    Checkpoints stopping = Checkpoints.in(checkpoints).stoppingWhen(() -> ++asked[0] == 4);
    assertThatThrownBy(() -> train(config, SavedRuns.data(), stopping))
        .isInstanceOf(RunInterrupted.class)
        .hasMessage("stopped after step 4 of 9, saved in " + checkpoints.resolve("checkpoint-4"));
    assertThat(runs.saved()).containsExactly("checkpoint-4");
    train(config, SavedRuns.data(), Checkpoints.in(checkpoints).resuming(true)).assertSame(whole);
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
        SavedRuns.data(),
        "training.lr is 0.001 and was 0.003; go on with what it was, or delete the folder to"
            + " begin anew");
    assertOther(
        CONFIG.withEpochs(4).withSeed(2),
        SavedRuns.data(),
        "training.epochs is 4 and was 3; go on with");
    assertOther(
        CONFIG.with(draft -> draft.optimizer = new OptimizerConfig(0.8, 0.999, 1e-8)),
        SavedRuns.data(),
        "training.beta1 is 0.8 and was 0.9");
    assertOther(CONFIG, SavedRuns.data().subList(0, 19), "training data is ");
    assertOther(CONFIG, TinyBert.misclassified(20, 3, 12, 1), "training data is ");
    assertThatThrownBy(
            () ->
                train(
                    CONFIG,
                    SavedRuns.data(),
                    Checkpoints.in(checkpoints)
                        .resuming(true)
                        .identifiedBy(() -> Map.of("model", "abc"))))
        .hasMessageContaining("model is abc and was not there");
  }

  @Test
  void howOftenARunIsSavedMayChange() throws IOException {
    Outcome whole = trained();
    runs.cutAfter(2);
    TrainingConfig config =
        CONFIG.with(draft -> draft.checkpoint = new CheckpointConfig(IntervalStrategy.EPOCH, 1, 0));
    train(config, SavedRuns.data(), Checkpoints.in(checkpoints).resuming(true)).assertSame(whole);
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
    try (Model opened = Model.open(runs.model, ModelOptions.DEFAULT)) {
      Trainer trainer =
          new Trainer(
              opened,
              Tasks.of(opened),
              Trainable.headOf(opened),
              TrainingData.of(SavedRuns.data()),
              SavedRuns.HELD,
              SavedRuns.PAD,
              CONFIG,
              TrainingListener.SILENT);
      assertThatThrownBy(trainer::run)
          .isInstanceOf(LorikeetException.class)
          .hasMessage(
              "save_strategy is steps, and this run has no folder for checkpoints: set it to no");
    }
  }
}
