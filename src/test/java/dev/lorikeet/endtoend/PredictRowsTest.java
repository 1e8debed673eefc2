package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** No row of a data set is lost or shifted, malformed ones included. */
class PredictRowsTest {
  private static final String FLAGS =
      "--task token-classification --text tokens --model "
          + Path.of("resources/cases/token-words/base").toAbsolutePath();

  @TempDir private Path temporary;

  private Path rows(String... lines) throws IOException {
    return Files.write(temporary.resolve("rows.jsonl"), List.of(lines));
  }

  @Test
  void everyRowIsAnsweredWithItsLineAndWhatIsKeptOfIt() throws IOException {
    Path data =
        rows(
            "{\"tokens\": [\"the\"], \"id\": 7, \"tags\": [\"O\"]}",
            "",
            "{\"tokens\": [], \"id\": {\"doc\": \"x\"}}",
            "no JSON",
            "{\"tokens\": [\"robin\", \"sings\"]}");
    Cli cli = Cli.done("predict %s --data %s --on-bad-row skip --keep id,tags", FLAGS, data);
    List<JsonNode> answers = cli.jsonLines();
    assertThat(answers).extracting(a -> a.path("line").asInt()).containsExactly(1, 3, 4, 5);
    assertThat(answers.get(0).path("input")).hasToString("{\"id\":7,\"tags\":[\"O\"]}");
    assertThat(answers.get(0).path("words")).hasSize(1);
    assertThat(answers.get(1))
        .hasToString(
            "{\"line\":3,\"input\":{\"id\":{\"doc\":\"x\"},\"tags\":null},"
                + "\"error\":\"\\\"tokens\\\" is empty\"}");
    assertThat(answers.get(2).path("error").asText()).startsWith("not JSON: ");
    assertThat(answers.get(3).path("words")).hasSize(2);
    assertThat(cli.err())
        .contains(data + ": skipped 2 malformed rows, the first of them:")
        .contains("  " + data + ":3: \"tokens\" is empty");
  }

  @Test
  void rowsOfAllBlocksKeepTheirOrder() throws IOException {
    Path data =
        Files.write(
            temporary.resolve("many.jsonl"),
            IntStream.range(0, 1100)
                .mapToObj(
                    i ->
                        i % 500 == 499
                            ? "{\"id\": " + i + "}"
                            : "{\"id\": "
                                + i
                                + ", \"tokens\": [\"the\""
                                + ", \"robin\"".repeat(i % 5)
                                + "]}")
                .toList());
    Path output = temporary.resolve("answers.jsonl");
    JsonNode done =
        Cli.done(
                "predict %s --data %s --on-bad-row skip --id id --output %s --json",
                FLAGS, data, output)
            .json();
    assertThat(done.path("predictions").asInt()).isEqualTo(1100);
    List<JsonNode> answers = Files.readAllLines(output).stream().map(Cli::parse).toList();
    assertThat(answers).hasSize(1100);
    for (int i = 0; i < 1100; i++) {
      JsonNode answer = answers.get(i);
      assertThat(answer.path("line").asInt()).isEqualTo(i + 1);
      assertThat(answer.path("input").path("id").asInt()).isEqualTo(i);
      assertThat(answer.has("error")).isEqualTo(i % 500 == 499);
      assertThat(answer.path("words")).hasSize(i % 500 == 499 ? 0 : 1 + i % 5);
    }
  }

  @Test
  void aBadRowThatIsNotSkippedLeavesNoOutput() throws IOException {
    Path data = rows("{\"tokens\": [\"the\"]}", "{\"tokens\": []}");
    Refusal.of(
        temporary,
        1,
        data + ":2: \"tokens\" is empty; mend the row, or have bad rows skipped",
        "predict %s --data %s --output %s",
        FLAGS,
        data,
        temporary.resolve("answers.jsonl"));
  }

  @Test
  void anUnknownColumnToKeepIsNamed() throws IOException {
    Path data = rows("{\"tokens\": [\"the\"], \"ids\": 1}");
    Refusal.of(
        temporary,
        2,
        data + ": no column \"id\"; nearest: ids; there are: ids, tokens",
        "predict %s --data %s --keep id",
        FLAGS,
        data);
  }
}
