package dev.lorikeet.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.torch.LorikeetException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is known of an adapter, from its own record or, where PEFT wrote it, from its files. */
class RunRecordTest {
  @TempDir Path temporary;

  /** A base as it is published: an encoder without a head or labels. */
  private Path encoder() throws IOException {
    String config =
        Files.readString(TinyModel.golden("bert-classify-lora").resolve("config.json"))
            .replace("BertForSequenceClassification", "BertModel")
            .replaceAll("(?s)\"(id2label|label2id)\": \\{.*?\\},", "");
    Files.writeString(temporary.resolve("config.json"), config);
    return temporary;
  }

  private static ModelOptions complete(Path base, String adapterCase) {
    Path adapter = TinyModel.golden(adapterCase).resolve("adapter");
    return RunRecord.read(adapter)
        .complete(ModelOptions.DEFAULT, base, AdapterFolder.open(adapter));
  }

  @Test
  void foreignAdaptersTaskIsPeftsAndItsLabelsAreTheBases() {
    ModelOptions options = complete(TinyModel.golden("bert-classify-lora"), "bert-classify-lora");
    assertThat(options.headType()).isEqualTo(HeadType.SEQUENCE_CLASSIFICATION);
    assertThat(options.labels()).containsExactly("LABEL_0", "LABEL_1", "LABEL_2");
    assertThat(options.problemType()).isNull();
  }

  @Test
  void foreignAdaptersLabelsAreCountedByItsHead() throws IOException {
    ModelOptions options = complete(encoder(), "bert-classify-lora");
    assertThat(options.headType()).isEqualTo(HeadType.SEQUENCE_CLASSIFICATION);
    assertThat(options.labels()).containsExactly("LABEL_0", "LABEL_1", "LABEL_2");
    options = complete(encoder(), "bert-tag-rslora-pattern");
    assertThat(options.headType()).isEqualTo(HeadType.TOKEN_CLASSIFICATION);
    assertThat(options.labels()).hasSize(5).last().isEqualTo("LABEL_4");
  }

  @Test
  void foreignAdapterWithoutATaskHasTheBases() throws IOException {
    ModelOptions options = complete(TinyModel.golden("bert-mlm"), "bert-mlm");
    assertThat(options.headType()).isEqualTo(HeadType.MASKED_LM);
    assertThat(options.labels()).isEmpty();
    assertThat(complete(encoder(), "bert-mlm").headType()).isNull();
  }

  @Test
  void ownRecordComesFirst() throws IOException {
    Path adapter = temporary.resolve("adapter");
    Files.createDirectory(adapter);
    Files.writeString(
        adapter.resolve("lorikeet.json"),
        """
        {"task": "sequence-classification", "problem_type": "multi_label_classification",
         "labels": ["x", "y", "z"], "max_length": 17, "unknown": 1}
        """);
    Path foreign = TinyModel.golden("bert-classify-lora").resolve("adapter");
    RunRecord record = RunRecord.read(adapter);
    ModelOptions options =
        record.complete(ModelOptions.DEFAULT, encoder(), AdapterFolder.open(foreign));
    assertThat(options.labels()).containsExactly("x", "y", "z");
    assertThat(options.problemType()).isEqualTo(ProblemType.MULTI_LABEL);
    assertThat(record.maxLength(ModelConfig.read(encoder()), Integer.MAX_VALUE)).isEqualTo(17);
  }

  @Test
  void taskThatIsAskedForComesBeforeAll() throws IOException {
    Path adapter = TinyModel.golden("bert-classify-lora").resolve("adapter");
    ModelOptions asked = ModelOptions.DEFAULT.withHead(HeadType.MASKED_LM, List.of());
    assertThat(
            RunRecord.read(adapter)
                .complete(asked, encoder(), AdapterFolder.open(adapter))
                .headType())
        .isEqualTo(HeadType.MASKED_LM);
  }

  @Test
  void modelWithoutAdapterIsLeftToItsConfig() throws IOException {
    assertThat(RunRecord.read(encoder()).complete(ModelOptions.DEFAULT, encoder(), null))
        .isSameAs(ModelOptions.DEFAULT);
  }

  @Test
  void lengthIsAtMostWhatTheModelHasPositionsFor() throws IOException {
    assertThat(RunRecord.read(temporary).maxLength(ModelConfig.read(encoder()), Integer.MAX_VALUE))
        .isEqualTo(40);
  }

  @Test
  void damagedRecordIsNamed() throws IOException {
    Path file = Files.writeString(temporary.resolve("lorikeet.json"), "[]");
    assertThatThrownBy(() -> RunRecord.read(temporary))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(file + " is not a JSON object");
    Files.writeString(file, "{\"task\": ");
    assertThatThrownBy(() -> RunRecord.read(temporary))
        .isInstanceOf(LorikeetException.class)
        .hasMessageStartingWith(file + " is not JSON: ")
        .hasMessageNotContaining("\n");
  }
}
