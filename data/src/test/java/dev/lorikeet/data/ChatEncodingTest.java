package dev.lorikeet.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.Message;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.TextTokenizer;
import dev.lorikeet.torch.LorikeetException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Chats and texts as tokens and labels. The tokenizer, and what transformers 5.18 says of it, are
 * of {@code src/test/interop/chat_tokenizers.py}; its own template marks answers by {@code {%
 * generation %}}, other tests put another in its place.
 */
class ChatEncodingTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String CHATML =
      "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}"
          + "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

  /** Drops what was thought earlier, as Qwen 3 does. */
  private static final String FORGETFUL =
      "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' }}"
          + "{{ m.content if loop.last else m.content.split('</think>')[-1] }}"
          + "{{ '<|im_end|>\\n' }}{% endfor %}"
          + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

  /** Puts the system prompt before the last question, and ends answers only, as Mistral's v3. */
  private static final String LATE_SYSTEM =
      "{% set turns = messages[1:] if messages[0].role == 'system' else messages %}{% for m in turns %}"
          + "{% if m.role == 'user' %}{{ '[INST] ' }}"
          + "{{ messages[0].content + ' ' if loop.revindex <= 2 and messages[0].role == 'system' }}"
          + "{{ m.content + '[/INST]' }}{% else %}{{ ' ' + m.content | trim + '<|im_end|>' }}"
          + "{% endif %}{% endfor %}";

  @TempDir private Path folder;

  @BeforeEach
  void copyTokenizer() throws IOException {
    for (String name : List.of("tokenizer.json", "tokenizer_config.json")) {
      try (InputStream file = resource("bytes/" + name)) {
        Files.copy(file, folder.resolve(name));
      }
    }
  }

  private static InputStream resource(String name) {
    return ChatEncodingTest.class.getResourceAsStream("/chat/" + name);
  }

  private void template(String source) throws IOException {
    Files.writeString(folder.resolve("chat_template.jinja"), source, StandardCharsets.UTF_8);
  }

  @Test
  void tokensAndAssistantMasksAreThoseOfTransformers() throws IOException {
    for (JsonNode chat : JSON.readTree(resource("masks.json")).path("chats")) {
      EncodedExample encoded = encode(Example.ofChat(messages(chat)));
      assertThat(encoded.ids()).isEqualTo(ints(chat.path("input_ids")));
      int[] masks = ints(chat.path("assistant_masks"));
      long[] expected =
          IntStream.range(0, masks.length)
              .mapToLong(i -> masks[i] == 1 ? encoded.ids()[i] : EncodedExample.IGNORED)
              .toArray();
      assertThat(encoded.classes()).isEqualTo(expected);
    }
  }

  @Test
  void aTextGetsItsTokenizersSpecialTokensAndTheEndOfText() throws IOException {
    for (JsonNode text : JSON.readTree(resource("masks.json")).path("texts")) {
      List<Integer> expected = new ArrayList<>();
      text.path("input_ids").forEach(id -> expected.add(id.asInt()));
      EncodedExample encoded = encode(Example.of(text.path("text").asText()));
      expected.add(encoded.ids()[encoded.length() - 1]);
      assertThat(encoded.ids()).containsExactly(expected.stream().mapToInt(i -> i).toArray());
      assertThat(words(encoded)).endsWith("<|eot_id|>");
      assertThat(encoded.classes()[0]).isEqualTo(EncodedExample.IGNORED);
      assertThat(Arrays.copyOfRange(encoded.classes(), 1, encoded.length()))
          .isEqualTo(longs(Arrays.copyOfRange(encoded.ids(), 1, encoded.length())));
    }
  }

  @Test
  void ofAPromptWithACompletionTheCompletionIsLearned() {
    EncodedExample encoded = encode(Example.ofPair("the user:", " thanks 🦜"));
    assertThat(learned(encoded)).isEqualTo(" thanks 🦜<|eot_id|>");
    assertThat(words(encoded)).isEqualTo("<s>the user: thanks 🦜<|eot_id|>");
    EncodedExample all = encode(Example.ofPair("the user:", " thanks"), TrainOn.ALL);
    assertThat(learned(all)).isEqualTo("the user: thanks<|eot_id|>");
  }

  @Test
  void aTemplateWithoutMarksIsRenderedUpToEachAnswer() throws IOException {
    template(CHATML);
    Example chat =
        Example.ofChat(
            List.of(
                Message.system("Be kind"),
                Message.user("Hello"),
                Message.assistant("Hi — 世界"),
                Message.user("Bye"),
                Message.assistant("So long ")));
    EncodedExample encoded = encode(chat);
    assertThat(learned(encoded)).isEqualTo("Hi — 世界<|im_end|>So long <|im_end|>");
    assertThat(words(encoded)).endsWith("<|im_end|>\n").startsWith("<|im_start|>system\nBe kind");
    assertThat(learned(encode(chat, TrainOn.ALL))).isEqualTo(words(encoded).substring(12));
  }

  @Test
  void anAnswerThatIsWrittenOtherwiseLaterIsFoundByWhatChanges() throws IOException {
    template(FORGETFUL);
    Example chat =
        Example.ofChat(
            List.of(
                Message.user("2+2?"),
                Message.assistant("<think>so</think>4"),
                Message.user("3+3?"),
                Message.assistant("<think>so</think>6")));
    assertThat(learned(encode(chat))).isEqualTo("4<|im_end|><think>so</think>6<|im_end|>");
  }

  @Test
  void aSystemPromptThatMovesDoesNotHideTheAnswers() throws IOException {
    template(LATE_SYSTEM);
    Example chat =
        Example.ofChat(
            List.of(
                Message.system("Be kind"),
                Message.user("a"),
                Message.assistant(" b "),
                Message.user("c"),
                Message.assistant("d")));
    assertThat(words(encode(chat)))
        .isEqualTo("[INST] a[/INST] b<|im_end|>[INST] Be kind c[/INST] d<|im_end|>");
    // Of the first answer the blank before it belongs to the template, as does the second's: it is
    // of no prompt, so where the prefix is found it is learned with the answer.
    assertThat(learned(encode(chat))).isEqualTo("b<|im_end|> d<|im_end|>");
  }

  @Test
  void givenMessagesAreNotLearned() throws IOException {
    template(CHATML);
    Example.Chat chat =
        new Example.Chat(
            List.of(
                Message.user("a"),
                Message.assistant("b"),
                Message.user("c"),
                Message.assistant("d")),
            3);
    assertThat(learned(encode(Example.ofChat(chat)))).isEqualTo("d<|im_end|>");
    Files.delete(folder.resolve("chat_template.jinja"));
    assertThat(learned(encode(Example.ofChat(chat)))).isEqualTo("d<|eot_id|>");
  }

  @Test
  void whatIsTooLongIsCutAndWhatTeachesNothingIsLeftOut() throws IOException {
    template(CHATML);
    Example longer =
        Example.ofChat(List.of(Message.user("Hello there, 世界 and 世界"), Message.assistant("Hello")));
    Example shorter = Example.ofChat(List.of(Message.user("a"), Message.assistant("b")));
    try (TextTokenizer tokenizer = TextTokenizer.open(folder)) {
      int length = encode(shorter).length();
      ExampleEncoder encoder = encoder(tokenizer, length, TrainOn.ASSISTANT);
      assertThat(encoder.encode(List.of(longer, shorter))).hasSize(1);
      assertThat(encoder.truncated().texts()).isEqualTo(1);
      assertThat(encoder.silent()).isEqualTo(1);
      assertThatThrownBy(() -> encoder.encode(List.of(longer)))
          .isInstanceOf(LorikeetException.class)
          .hasMessage(
              "none of the 1 examples has a token to learn in its first "
                  + length
                  + ": raise max_length, or look whether the assistant says anything");
    }
  }

  @Test
  void aRefusedChatTellsWhichOneAndWhy() throws IOException {
    template("{{ raise_exception('Roles must alternate') }}");
    assertThatThrownBy(() -> encode(Example.ofChat(List.of(Message.user("a")))))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "example 1: "
                + folder.resolve("chat_template.jinja")
                + ": the chat template says: Roles must alternate");
  }

  @Test
  void withoutATemplateThereAreNoChats() throws IOException {
    Files.delete(folder.resolve("tokenizer_config.json"));
    assertThatThrownBy(() -> encode(Example.ofChat(List.of(Message.user("a")))))
        .isInstanceOf(LorikeetException.class)
        .hasMessageStartingWith("example 1: the tokenizer has no chat template");
  }

  @Test
  void anEncoderDecoderLearnsTheTarget() {
    try (TextTokenizer tokenizer = TextTokenizer.open(folder)) {
      ExampleEncoder encoder =
          Encoders.of(tokenizer, null, HeadType.SEQ_2_SEQ_LM, ProblemType.SINGLE_LABEL, 64);
      List<EncodedExample> encoded =
          encoder.encode(
              List.of(Example.ofPair("Hello there", "you"), Example.ofPair("a", "Hello you")));
      assertThat(words(encoded.get(0))).isEqualTo("<s>Hello there");
      assertThat(learned(encoded.get(0))).isEqualTo("<s>you<|eot_id|>");
      Batch batch = Batch.of(encoded, new int[] {0, 1}, 0);
      assertThat(batch.length()).isEqualTo(encoded.get(0).length());
      assertThat(batch.labelLength()).isEqualTo(encoded.get(1).classes().length);
      assertThat(batch.classes()[batch.labelLength() - 1]).isEqualTo(EncodedExample.IGNORED);
    }
  }

  // ---- helpers ----

  private EncodedExample encode(Example example) {
    return encode(example, TrainOn.ASSISTANT);
  }

  private EncodedExample encode(Example example, TrainOn trainOn) {
    try (TextTokenizer tokenizer = TextTokenizer.open(folder)) {
      return encoderOf(tokenizer, trainOn, example);
    }
  }

  /** The example as it is, even where there is nothing to learn. */
  private static EncodedExample encoderOf(
      TextTokenizer tokenizer, TrainOn trainOn, Example example) {
    try {
      return encoder(tokenizer, 512, trainOn).encode(List.of(example)).get(0);
    } catch (LorikeetException e) {
      if (!String.valueOf(e.getMessage()).startsWith("none of")) {
        throw e;
      }
      LanguageModelEncoder whole = new LanguageModelEncoder(tokenizer, 512, trainOn);
      return whole.cut(whole.causal(example));
    }
  }

  private static ExampleEncoder encoder(TextTokenizer tokenizer, int length, TrainOn trainOn) {
    return Encoders.of(
        tokenizer, null, HeadType.CAUSAL_LM, ProblemType.SINGLE_LABEL, length, trainOn);
  }

  private static List<Message> messages(JsonNode chat) {
    return StreamSupport.stream(chat.path("messages").spliterator(), false)
        .map(message -> new Message((ObjectNode) message))
        .toList();
  }

  private static int[] ints(JsonNode array) {
    return IntStream.range(0, array.size()).map(i -> array.path(i).asInt()).toArray();
  }

  private static long[] longs(int[] values) {
    return Arrays.stream(values).asLongStream().toArray();
  }

  private String words(EncodedExample example) {
    return spelled(longs(example.ids()));
  }

  private String learned(EncodedExample example) {
    return spelled(
        Arrays.stream(example.classes()).filter(id -> id != EncodedExample.IGNORED).toArray());
  }

  /** The text of byte-level tokens, special ones included. */
  private String spelled(long[] ids) {
    try (TextTokenizer tokenizer = TextTokenizer.open(folder)) {
      StringBuilder text = new StringBuilder();
      List<Integer> run = new ArrayList<>();
      for (long id : ids) {
        if (tokenizer.specialTokenIds().contains((int) id)) {
          text.append(tokenizer.decode(run.stream().mapToInt(i -> i).toArray()));
          text.append(tokenizer.token((int) id));
          run.clear();
        } else {
          run.add((int) id);
        }
      }
      return text.append(tokenizer.decode(run.stream().mapToInt(i -> i).toArray())).toString();
    }
  }
}
