package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Texts of which a tokenizer without special tokens makes nothing at all. */
class TextsWithoutTokensTest {
  private static final Path TOKENIZER = Path.of("resources/chat/tiny");

  @TempDir Path folder;

  @Test
  void areRefusedByName() throws IOException {
    Refusal.of(
        folder,
        1,
        "\"c\" has no tokens: the tokenizer makes none of it",
        "predict --model %s --task sequence-classification ab c",
        model("gpt2-classify-lora"));
  }

  @Test
  void haveWordsThatSaySo() throws IOException {
    String out =
        Cli.done("predict --model %s --task token-classification c", model("bert-tag-lora")).out();
    assertThat(out).isEqualTo("c\n  c: the tokenizer makes no token of it\n");
  }

  /** A model whose tokenizer of characters drops each c. */
  private Path model(String golden) throws IOException {
    Path model = Files.createDirectory(folder.resolve(golden));
    for (String file : new String[] {"config.json", "model.safetensors"}) {
      Files.copy(Path.of("resources/golden", golden, file), model.resolve(file));
    }
    Files.copy(TOKENIZER.resolve("tokenizer_config.json"), model.resolve("tokenizer_config.json"));
    String tokenizer = Files.readString(TOKENIZER.resolve("tokenizer.json"));
    String dropping =
        tokenizer.replaceFirst(
            "\"normalizer\": *null",
            "\"normalizer\": {\"type\": \"Replace\", \"pattern\": {\"String\": \"c\"}, \"content\": \"\"}");
    assertThat(dropping).isNotEqualTo(tokenizer);
    Files.writeString(model.resolve("tokenizer.json"), dropping);
    return model;
  }
}
