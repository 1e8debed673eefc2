package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.lora.LoraConfig;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.training.Trainable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What adapters train of the heads of BERT's descendants, and what they save of them. */
@Tag("numeric")
class EncoderHeadsTest {
  @TempDir Path folder;

  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "camembert-regress-lora",
        "distilbert-classify-lora",
        "distilbert-mlm-lora",
        "distilbert-tag-lora",
        "electra-classify-lora",
        "electra-mlm-lora",
        "electra-tag-lora",
        "roberta-classify-lora",
        "roberta-mlm-lora",
        "roberta-tag-lora",
        "xlmr-mlm-lora",
        "xlmr-tag-lora"
      })
  void whatPeftWroteIsWrittenAgainByteForByte(String name) throws IOException {
    Path original = golden(name).resolve("adapter");
    try (Model model = Model.open(golden(name), ModelOptions.DEFAULT)) {
      AdapterFolder opened = AdapterFolder.open(original);
      AdapterFolder.write(opened.attachTo(model), opened.json(), folder);
    }
    for (String file : List.of(AdapterFolder.WEIGHTS, AdapterFolder.CONFIG)) {
      assertThat(folder.resolve(file)).hasSameBinaryContentAs(original.resolve(file));
    }
  }

  /**
   * Masked language models as classifiers: the heads that they lack are trained and saved whole.
   */
  @ParameterizedTest
  @CsvSource({
    "distilbert-mlm-lora, pre_classifier;classifier",
    "electra-mlm-lora, classifier",
    "roberta-mlm-lora, classifier"
  })
  void aNewClassifierIsTrainedAndSavedWhole(String name, String heads) throws IOException {
    ModelOptions options =
        ModelOptions.DEFAULT.withHead(HeadType.SEQUENCE_CLASSIFICATION, List.of("a", "b", "c"));
    ModelInput input = new ModelInput(Tensor.of(new long[] {10, 11, 12}, 1, 3), null, null);
    try (Model model = Model.open(golden(name), options);
        Model again = Model.open(golden(name), options.withSeed(5))) {
      assertThat(model.newModules()).containsExactly(heads.split(";", -1));
      Adapter adapter = Adapter.attach(model, LoraConfig.DEFAULT, 3);
      for (Trainable trainable : Trainable.of(adapter)) {
        boolean adapted = trainable.name().contains("lora_");
        assertThat(trainable.head()).as(trainable.name()).isEqualTo(!adapted);
        move(trainable.parameter());
      }
      AdapterFolder.write(adapter, new ObjectMapper().createObjectNode(), folder);
      AdapterFolder.open(folder).attachTo(again);
      assertThat(again.logits(input).sameAs(model.logits(input))).isTrue();
    }
  }

  @Test
  void allLinearIsEveryLayerOfDistilBertButThoseOfTheHead() {
    try (Model model = Model.open(golden("distilbert-classify-lora"), ModelOptions.DEFAULT)) {
      Set<String> adapted = Adapter.attach(model, LoraConfig.DEFAULT, 3).layers().keySet();
      assertThat(adapted).hasSize(2 * 6).allMatch(path -> path.startsWith("distilbert."));
    }
  }

  private static void move(Parameter parameter) {
    parameter.original().addInPlace(Tensor.normal(0, 0.1, parameter.original().shape()), 1);
  }

  private static Path golden(String name) {
    return Path.of("resources/golden", name);
  }
}
