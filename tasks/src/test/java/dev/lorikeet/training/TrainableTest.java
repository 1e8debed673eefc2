package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainableTest {
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  @Test
  void anAdaptersParametersAreCalledByTheirPlaceInTheModel() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Adapter adapter = Adapter.attach(model, DeltaAdapter.on("layer.1.attention.self.key"), 1);
      List<Trainable> trainables = Trainable.of(adapter);
      assertThat(trainables)
          .extracting(Trainable::name)
          .containsExactly(
              "bert.encoder.layer.1.attention.self.key.delta.weight",
              "classifier.weight",
              "classifier.bias");
      assertThat(trainables).extracting(Trainable::head).containsExactly(false, true, true);
      assertThat(trainables).allMatch(trainable -> trainable.parameter().isTrainable());
      assertThat(model.parameters().values()).noneMatch(Parameter::isTrainable);
    }
  }

  @Test
  void fullFineTuningTrainsTheWholeModel() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      List<Trainable> trainables = Trainable.allOf(model);
      assertThat(trainables)
          .extracting(Trainable::name)
          .containsExactlyElementsOf(model.parameters().keySet());
      assertThat(model.parameters().values()).allMatch(Parameter::isTrainable);
    }
  }

  @Test
  void aProbeTrainsTheHeadAlone() {
    try (Model model = TinyBert.open(TinyBert.MLM)) {
      List<Trainable> trainables = Trainable.headOf(model);
      assertThat(trainables)
          .isNotEmpty()
          .allMatch(Trainable::head)
          .allMatch(trainable -> trainable.name().startsWith("cls."));
      assertThat(model.parameters().values().stream().filter(Parameter::isTrainable))
          .hasSameSizeAs(trainables);
    }
  }

  @Test
  void modulesThatTheCheckpointLackedBelongToTheHead() {
    ModelOptions newHead =
        ModelOptions.DEFAULT.withHead(HeadType.SEQUENCE_CLASSIFICATION, List.of("a", "b"));
    try (Model model = Model.open(TinyBert.folder(TinyBert.MLM), newHead)) {
      assertThat(Trainable.headOf(model))
          .extracting(Trainable::name)
          .containsExactlyInAnyOrder(
              "bert.pooler.dense.weight",
              "bert.pooler.dense.bias",
              "classifier.weight",
              "classifier.bias");
    }
  }

  @Test
  void withoutAHeadThereIsNothingToProbe(@TempDir Path copy) throws IOException {
    Path from = TinyBert.folder(TinyBert.CLASSIFY);
    Files.copy(from.resolve("model.safetensors"), copy.resolve("model.safetensors"));
    String config = Files.readString(from.resolve("config.json"));
    Files.writeString(
        copy.resolve("config.json"), config.replace("BertForSequenceClassification", "BertModel"));
    try (Model model = Model.open(copy, ModelOptions.DEFAULT)) {
      assertThatThrownBy(() -> Trainable.headOf(model))
          .isInstanceOf(LorikeetException.class)
          .hasMessage("the model has no head to train: choose a task that has one");
    }
  }
}
