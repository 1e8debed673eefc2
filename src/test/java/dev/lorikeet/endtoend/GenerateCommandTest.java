package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code lorikeet generate} on a tiny model that has learned four answers by heart. */
class GenerateCommandTest {
  private static final Path RESOURCES = Path.of("resources");

  @TempDir static Path temporary;
  private static Path base;
  private static Path adapter;

  @BeforeAll
  static void learn() throws IOException {
    base = Files.createDirectory(temporary.resolve("base"));
    for (String name : List.of("config.json", "model.safetensors")) {
      Files.copy(RESOURCES.resolve("golden/llama-lm-lora").resolve(name), base.resolve(name));
    }
    for (String name : List.of("tokenizer.json", "tokenizer_config.json")) {
      Files.copy(RESOURCES.resolve("chat/tiny").resolve(name), base.resolve(name));
    }
    StringBuilder chats = new StringBuilder();
    for (String word : List.of("apple", "bee", "cat", "dog")) {
      chats.append(
          """
          {"messages": [{"role": "user", "content": "%s"}, {"role": "assistant", "content": "%s"}]}
          """
              .formatted(word.charAt(0), word));
    }
    Path data = Files.writeString(temporary.resolve("chats.jsonl"), chats);
    adapter = temporary.resolve("adapter");
    Cli.done(
        "train --model %s --data %s --task causal-lm --messages messages --output %s"
            + " --rank 16 --alpha 32 --lr 2e-2 --epochs 80 --batch-size 4 --max-length 64 --seed 3",
        base, data, adapter);
  }

  private static Cli generate(String flags) {
    return Cli.run("generate --model %s --adapter %s " + flags, base, adapter);
  }

  @Test
  void aChatIsAnsweredByWhatWasLearned() {
    Cli cli = generate("--chat --prompt b --max-new-tokens 12");
    assertThat(cli.out()).as(cli.err()).isEqualTo("bee" + System.lineSeparator());
  }

  @Test
  void theBaseAloneKnowsNothing() {
    Cli cli = Cli.done("generate --model %s --chat --prompt b --max-new-tokens 12", base);
    assertThat(cli.out()).doesNotContain("bee");
  }

  @Test
  void severalPromptsAreAnsweredInTheirOrder() {
    List<JsonNode> answers =
        generate("--chat --prompt d --prompt a --prompt c --batch-size 2 --max-new-tokens 12")
            .jsonLines();
    assertThat(answers)
        .extracting(json -> json.path("text").asText())
        .containsExactly("dog", "apple", "cat");
    assertThat(answers.get(1).path("prompt").asText()).isEqualTo("a");
    assertThat(answers.get(1).path("tokens").asInt()).isEqualTo(5);
    assertThat(answers)
        .extracting(json -> json.path("finish_reason").asText())
        .containsOnly("stop");
  }

  @Test
  void withoutTheCacheTheAnswerIsTheSame() {
    assertThat(generate("--chat --prompt a --max-new-tokens 12 --no-cache").out())
        .isEqualTo(generate("--chat --prompt a --max-new-tokens 12").out());
  }

  @Test
  void aStopSequenceAndALimitEndAnswers() {
    JsonNode stopped = generate("--json --chat --prompt a --stop pl --max-new-tokens 12").json();
    assertThat(stopped.path("text").asText()).isEqualTo("ap");
    assertThat(stopped.path("finish_reason").asText()).isEqualTo("stop");
    JsonNode cut = generate("--json --chat --prompt a --max-new-tokens 3").json();
    assertThat(cut.path("text").asText()).isEqualTo("app");
    assertThat(cut.path("finish_reason").asText()).isEqualTo("length");
  }

  @Test
  void drawsRepeatBySeed() {
    String drawn = "--prompt abc --temperature 3 --max-new-tokens 20 --seed ";
    assertThat(generate(drawn + 1).out()).isEqualTo(generate(drawn + 1).out());
    assertThat(generate(drawn + 1).out()).isNotEqualTo(generate(drawn + 2).out());
  }

  @Test
  void wrongUseIsRefused() {
    assertRefused("", 2, "nothing to continue: give --prompt TEXT or --prompts FILE");
    assertRefused("--prompt a --temperature -1", 2, "temperature is -1.0: it must be 0");
    assertRefused("--prompt a --top-p 0", 2, "top_p is 0.0: it must be above 0 and at most 1");
    assertRefused("--prompt a --system b", 2, "--system needs --chat");
    assertRefused("--prompts nowhere.txt", 1, "nowhere.txt cannot be read");
  }

  private static void assertRefused(String flags, int status, String message) {
    Cli cli = generate(flags);
    assertThat(cli.status()).as(cli.err()).isEqualTo(status);
    assertThat(cli.err()).contains(message);
    assertThat(cli.out()).isEmpty();
  }
}
