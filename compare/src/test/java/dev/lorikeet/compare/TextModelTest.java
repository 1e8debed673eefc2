package dev.lorikeet.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.data.Example;
import dev.lorikeet.export.Parity;
import dev.lorikeet.lora.LoraConfig;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.Evaluation;
import dev.lorikeet.training.TrainingConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TextModelTest {
  @TempDir Path temporary;

  private Path base;
  private TextModel tuned;

  @BeforeEach
  void train() throws IOException {
    base = TinyModel.write(temporary.resolve("base"));
    FineTuningConfig config =
        FineTuningConfig.DEFAULT
            .withLora(LoraConfig.of(4, 8))
            .withMaxLength(16)
            .withTraining(
                TrainingConfig.DEFAULT.withLr(1e-2, List.of()).withEpochs(4).withBatchSize(4, 1));
    tuned = new FineTuning(base, config).train(TinyModel.examples(), List.of());
  }

  @AfterEach
  void close() {
    tuned.close();
  }

  private List<Prediction> answers() {
    return tuned.predict(TinyModel.examples());
  }

  @Test
  void answersFollowTheOrderOfTheTexts() {
    List<Example> reversed = new ArrayList<>(TinyModel.examples());
    Collections.reverse(reversed);
    List<Prediction> backwards = new ArrayList<>(tuned.predict(reversed));
    Collections.reverse(backwards);
    // Rows stand elsewhere in their batch: other blocks of the same float32 products.
    FineTuningTest.assertSame(backwards, answers(), 1e-5);
    assertThat(tuned.predict(List.of())).isEmpty();
  }

  @Test
  void accuracyIsTheShareOfRightAnswers() {
    List<Prediction> answers = answers();
    int right = 0;
    for (int i = 0; i < answers.size(); i++) {
      right += answers.get(i).labels().equals(TinyModel.examples().get(i).labels()) ? 1 : 0;
    }
    Evaluation evaluation = tuned.evaluate(TinyModel.examples());
    assertThat(evaluation.metrics()).containsEntry("accuracy", right / 12.0);
    assertThat(evaluation.examples()).isEqualTo(12);
  }

  @Test
  void exportAgreesAndLeavesTheAdapterAsItWas() {
    List<Prediction> before = answers();
    Path onnx = temporary.resolve("onnx");
    Parity parity = tuned.exportOnnx(onnx, TinyModel.examples(), 1e-4).orElseThrow();
    assertThat(parity.rows()).isEqualTo(12);
    assertThat(parity.changedLabels()).isZero();
    // Not zero, or nothing was compared: two libraries add float32 in different orders.
    assertThat(parity.largestDifference()).isLessThan(1e-5).isPositive();
    assertThat(adapter().isMerged()).isFalse();
    FineTuningTest.assertSame(answers(), before, 0);
  }

  @Test
  void exportOfAnotherAnswerIsNotWritten() {
    Path onnx = temporary.resolve("onnx");
    assertThatThrownBy(() -> tuned.exportOnnx(onnx, TinyModel.examples(), 1e-12))
        .isInstanceOf(LorikeetException.class)
        .hasMessageStartingWith("the exported model disagrees with the trained one: ");
    assertThat(onnx).doesNotExist();
  }

  @Test
  void mergedFolderAnswersAlone() {
    List<Prediction> before = answers();
    Path merged = temporary.resolve("merged");
    tuned.saveMerged(merged);
    assertThat(adapter().isMerged()).isTrue();
    // Merging rounds W + BA once more than running both does.
    FineTuningTest.assertSame(answers(), before, 1e-5);
    try (TextModel alone = TextModel.open(merged, null, ModelOptions.DEFAULT, null)) {
      assertThat(alone.adapter()).isNull();
      assertThat(Objects.requireNonNull(alone.labels()).names()).containsExactly("even", "odd");
      FineTuningTest.assertSame(alone.predict(TinyModel.examples()), answers(), 0);
    }
  }

  @Test
  void exportAfterMergingIsCheckedAgainstTheAdapter() {
    tuned.saveMerged(temporary.resolve("merged"));
    Parity parity =
        tuned.exportOnnx(temporary.resolve("onnx"), TinyModel.examples(), 1e-4).orElseThrow();
    assertThat(parity.changedLabels()).isZero();
  }

  @Test
  void adapterOfPeftsIsOpenedOnABaseOfOurs() {
    Path adapter = TinyModel.golden("bert-classify-lora").resolve("adapter");
    try (TextModel opened = TextModel.open(base, adapter, ModelOptions.DEFAULT, null)) {
      assertThat(opened.maxLength()).isEqualTo(40);
      assertThat(opened.predict(List.of(Example.of("w6 w7"))).get(0).labels())
          .singleElement()
          .asString()
          .startsWith("LABEL_");
    }
  }

  @Test
  void labelThatTheModelDoesNotKnowIsNamed() {
    assertThatThrownBy(() -> tuned.evaluate(List.of(Example.of("w6", "odds"))))
        .isInstanceOf(LorikeetException.class)
        .hasMessage("unknown label \"odds\"; nearest: odd; the model knows: even, odd");
  }

  @Test
  void encoderAloneIsNoTextModel() throws IOException {
    Path config = base.resolve("config.json");
    Files.writeString(
        config, Files.readString(config).replace("BertForSequenceClassification", "BertModel"));
    assertThatThrownBy(() -> TextModel.open(base, null, ModelOptions.DEFAULT, null))
        .isInstanceOf(UsageException.class)
        .hasMessage(base + " has no head: give --task, or the adapter that was trained on it");
  }

  @Test
  void lengthBeyondTheModelsPositionsIsRefused() {
    assertThatThrownBy(() -> TextModel.open(base, null, ModelOptions.DEFAULT, 41))
        .isInstanceOf(UsageException.class)
        .hasMessage("max_length is 41, the model has 40 positions: use at most that");
  }

  private Adapter adapter() {
    return Objects.requireNonNull(tuned.adapter());
  }
}
