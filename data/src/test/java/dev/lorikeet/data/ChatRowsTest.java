package dev.lorikeet.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.data.DataReader.Columns;
import dev.lorikeet.data.DataReader.DataSet;
import dev.lorikeet.data.DataReader.OnBadRow;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.Message;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The rows that language models learn from. */
class ChatRowsTest {
  @TempDir private Path folder;

  private DataSet read(HeadType task, Columns columns, OnBadRow onBadRow, String... lines)
      throws IOException {
    Path file = Files.write(folder.resolve("rows.jsonl"), List.of(lines));
    return DataReader.read(
        file.toString(), columns, Formats.of(task, ProblemType.SINGLE_LABEL), onBadRow);
  }

  private Example.Chat chat(Columns columns, String line) throws IOException {
    return Objects.requireNonNull(
        read(HeadType.CAUSAL_LM, columns, OnBadRow.FAIL, line).examples().get(0).chat());
  }

  @Test
  void messagesKeepAllThatTheySayButWhatIsNull() throws IOException {
    Example.Chat chat =
        chat(
            Columns.ofChats("messages"),
            """
            {"messages": [{"role": "user", "content": "Warm? “é”", "name": null}, \
            {"role": "assistant", "content": null, "tool_calls": [{"id": "a", "n": 1.5}]}]}\
            """);
    assertThat(chat.given()).isZero();
    assertThat(chat.messages().get(0)).isEqualTo(Message.user("Warm? “é”"));
    assertThat(chat.messages().get(1).json().toString())
        .isEqualTo(
            "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"a\",\"n\":1.5}]}");
  }

  @Test
  void shareGptsTurnsBecomeMessages() throws IOException {
    Example.Chat chat =
        chat(
            Columns.ofChats("conversations"),
            """
            {"conversations": [{"from": "system", "value": "s"}, {"from": "human", "value": "h"}, \
            {"from": "gpt", "value": "g"}]}\
            """);
    assertThat(chat.messages())
        .containsExactly(Message.system("s"), Message.user("h"), Message.assistant("g"));
  }

  @Test
  void aPromptOfMessagesIsGiven() throws IOException {
    Example.Chat chat =
        chat(
            new Columns("prompt", "completion", null),
            """
            {"prompt": [{"role": "user", "content": "a"}], \
            "completion": [{"role": "assistant", "content": "b"}]}\
            """);
    assertThat(chat.given()).isEqualTo(1);
    assertThat(chat.messages()).containsExactly(Message.user("a"), Message.assistant("b"));
  }

  @Test
  void promptsAndTargetsAreTexts() throws IOException {
    String line = "{\"a\": \"x \", \"b\": \"y\"}";
    for (HeadType task : List.of(HeadType.CAUSAL_LM, HeadType.SEQ_2_SEQ_LM)) {
      Columns columns = new Columns("a", "b", null);
      assertThat(read(task, columns, OnBadRow.FAIL, line).examples())
          .containsExactly(Example.ofPair("x ", "y"));
    }
  }

  @Test
  void messagesMayBeWrittenAsJsonInACell() throws IOException {
    Path file =
        Files.writeString(
            folder.resolve("rows.csv"),
            "messages\n\"[{\"\"role\"\": \"\"user\"\", \"\"content\"\": \"\"a, b\"\"}]\"\n");
    DataSet set =
        DataReader.read(
            file.toString(),
            Columns.ofChats("messages"),
            Formats.of(HeadType.CAUSAL_LM, ProblemType.SINGLE_LABEL),
            OnBadRow.FAIL);
    assertThat(set.examples()).containsExactly(Example.ofChat(List.of(Message.user("a, b"))));
  }

  @Test
  void aMalformedChatTellsWhereItIs() throws IOException {
    assertBad("{\"messages\": []}", "\"messages\" has no messages");
    assertBad(
        "{\"messages\": 7}", "\"messages\" is a number or a boolean, not an array of messages");
    assertBad("{\"messages\": \"hello\"}", "\"messages\" is not an array of messages in JSON");
    assertBad(
        "{\"messages\": [[1]]}", "\"messages\" has no object with role and content at place 1");
    assertBad("{\"messages\": [{\"content\": \"a\"}]}", "\"messages\" has no role at place 1");
    assertBad("{\"messages\": [{\"role\": \"user\"}]}", "\"messages\" has no content at place 1");
    assertBad(
        "{\"messages\": [{\"from\": \"bot\", \"value\": \"a\"}]}",
        "\"messages\" says at place 1 that \"bot\" speaks: use human or gpt");
    assertBad("{\"messages\": [{\"from\": \"human\"}]}", "\"messages\" has no value at place 1");
  }

  private void assertBad(String line, String problem) throws IOException {
    String good = "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}";
    Columns columns = Columns.ofChats("messages");
    assertThatThrownBy(() -> read(HeadType.CAUSAL_LM, columns, OnBadRow.FAIL, good, line))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            folder.resolve("rows.jsonl")
                + ":2: "
                + problem
                + "; mend the row, or have bad rows skipped");
    assertThat(read(HeadType.CAUSAL_LM, columns, OnBadRow.SKIP, good, line).skipped()).isEqualTo(1);
  }

  @Test
  void onlyLanguageModelsTakeChatsAndTheyTakeNoLabels() {
    assertThatThrownBy(
            () -> read(HeadType.MASKED_LM, Columns.ofChats("m"), OnBadRow.FAIL, "{\"m\": []}"))
        .isInstanceOf(UsageException.class)
        .hasMessage("masked-lm takes texts, not chats: give --text");
    assertThatThrownBy(
            () -> read(HeadType.CAUSAL_LM, new Columns("a", null, "b"), OnBadRow.FAIL, "{}"))
        .isInstanceOf(UsageException.class)
        .hasMessage("causal-lm takes no labels: leave column \"b\" out");
    assertThatThrownBy(
            () -> read(HeadType.SEQ_2_SEQ_LM, new Columns("a", null, null), OnBadRow.FAIL, "{}"))
        .isInstanceOf(UsageException.class)
        .hasMessage("seq2seq-lm needs the targets' column: give --target");
  }
}
