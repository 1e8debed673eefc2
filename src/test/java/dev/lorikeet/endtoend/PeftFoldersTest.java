package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.torch.Scope;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Folders of the LoRA family that PEFT 0.21.0 wrote are written again byte for byte. */
class PeftFoldersTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "bert-classify-dora",
        "bert-classify-embedding",
        "bert-classify-embedding-dora",
        "bert-classify-lora-bias",
        "bert-classify-tokens",
        "llama-lm-dora-pattern",
        "llama-lm-embedding-lora"
      })
  void whatPeftWroteIsWrittenAgain(String name, @TempDir Path copy) throws IOException {
    Path base = Path.of("resources/golden").resolve(name);
    AdapterFolder folder = AdapterFolder.open(base.resolve("adapter"));
    try (Scope scope = Scope.open();
        Model model = Model.open(base, ModelOptions.DEFAULT)) {
      AdapterFolder.write(folder.attachTo(model), folder.json(), copy);
    }
    for (String file : new String[] {AdapterFolder.WEIGHTS, AdapterFolder.CONFIG}) {
      assertThat(copy.resolve(file)).hasSameBinaryContentAs(base.resolve("adapter").resolve(file));
    }
  }
}
