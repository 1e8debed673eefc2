package dev.lorikeet.lora;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.models.Model;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** GPT-2's weights are stored transposed, which PEFT writes as {@code fan_in_fan_out}. */
@Tag("numeric")
class FanInFanOutTest {
  private static final String GPT2 = "gpt2-lm-lora";
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private Path copy;

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
  void whatPeftWroteIsWrittenAgainByteForByte() throws IOException {
    Path peft = TinyBert.folder(GPT2).resolve("adapter");
    try (Model model = TinyBert.open(GPT2)) {
      AdapterFolder folder = AdapterFolder.open(peft);
      AdapterFolder.write(folder.attachTo(model), folder.json(), copy);
    }
    for (String file : new String[] {AdapterFolder.WEIGHTS, AdapterFolder.CONFIG}) {
      assertThat(copy.resolve(file)).hasSameBinaryContentAs(peft.resolve(file));
    }
  }

  @Test
  void aWrongValueIsReadAsWhatIsTrueAsPeftReadsIt() throws IOException {
    Path peft = TinyBert.folder(GPT2).resolve("adapter");
    ObjectNode json = (ObjectNode) JSON.readTree(peft.resolve(AdapterFolder.CONFIG).toFile());
    JSON.writeValue(copy.resolve(AdapterFolder.CONFIG).toFile(), json.put("fan_in_fan_out", false));
    Files.copy(peft.resolve(AdapterFolder.WEIGHTS), copy.resolve(AdapterFolder.WEIGHTS));
    assertThat(logits(copy).sameAs(logits(peft))).isTrue();
  }

  private static Tensor logits(Path adapter) {
    try (Model model = TinyBert.open(GPT2)) {
      AdapterFolder.open(adapter).attachTo(model);
      return TinyBert.logits(model);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "gpt2-lm-lora, true",
    "bert-classify-lora, false",
  })
  void newAdaptersSayWhatIsTrue(String base, boolean expected) throws IOException {
    try (Model model = TinyBert.open(base)) {
      AdapterFolder.write(
          Adapter.attach(model, LoraConfig.DEFAULT, 1), JSON.createObjectNode(), copy);
    }
    ObjectNode json = (ObjectNode) JSON.readTree(copy.resolve(AdapterFolder.CONFIG).toFile());
    assertThat(json.path("fan_in_fan_out").asBoolean()).isEqualTo(expected);
  }
}
