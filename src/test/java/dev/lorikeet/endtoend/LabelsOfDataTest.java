package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How labels may be written, from the file to the model that learned them. */
class LabelsOfDataTest {
  @TempDir Path temporary;

  @Test
  void vectorsOfZerosAndOnesAreAsManyLabels() throws IOException {
    Path data =
        file(
            "vectors.jsonl",
            """
            {"text": "bird", "label": [1.0, 0.0, 1.0]}
            {"text": "dog", "label": [0.0, 1.0, 0.0]}
            {"text": "cat", "label": [0.0, 0.0, 0.0]}
            """);
    Path output = train(data, "--problem-type multi_label_classification");
    assertThat(record(output).path("labels"))
        .extracting(JsonNode::asText)
        .containsExactly("0", "1", "2");
    JsonNode scores =
        Cli.done("evaluate --model %s --adapter %s --data %s --json", Embedded.MODEL, output, data)
            .json();
    // Three rows of three labels, all read: a loss near that of a coin, ln 2 = 0.69.
    assertThat(scores.path("eval_loss").asDouble()).isBetween(0.3, 1.2);

    Path longer = file("longer.jsonl", "{\"text\": \"bird\", \"label\": [1, 0, 1, 0]}\n");
    Refusal.of(
        temporary,
        1,
        "the labels are vectors of 4, and the model has 3 labels: 0, 1, 2",
        "evaluate --model %s --adapter %s --data %s",
        Embedded.MODEL,
        output,
        longer);
  }

  @Test
  void columnsOfZerosAndOnesNeedNoProblemType() throws IOException {
    Path data =
        file("columns.csv", "text,bird,small,red\na robin,1,1,1\na heron,1,0,0\na fox,0,0,1\n");
    Path output = train(data, "--label bird,small,red");
    JsonNode record = record(output);
    assertThat(record.path("problem_type").asText()).isEqualTo("multi_label_classification");
    assertThat(record.path("labels"))
        .extracting(JsonNode::asText)
        .containsExactly("bird", "small", "red");
    Cli.done(
        "evaluate --model %s --adapter %s --data %s --label bird,small,red",
        Embedded.MODEL, output, data);
  }

  @Test
  void aColumnOfManyFractionsIsNotGuessed() throws IOException {
    StringBuilder rows = new StringBuilder("text,score\n");
    for (int i = 0; i < 40; i++) {
      rows.append("text ").append(i).append(',').append(i / 16.0).append('\n');
    }
    Path data = file("scores.csv", rows.toString());
    Refusal.of(
        temporary,
        2,
        data
            + ": \"score\" has 40 different numbers, such as 0.0625: give --problem-type regression"
            + " to predict numbers, or --problem-type single_label_classification to tell each"
            + " apart as a class",
        "train --model %s --data %s --label score --output %s",
        Embedded.MODEL,
        data,
        temporary.resolve("out"));
    assertThat(record(train(data, "--label score --problem-type regression")).path("labels"))
        .isEmpty();
  }

  private Path train(Path data, String flags) {
    Path output = temporary.resolve("out");
    Cli.done(
        "train --model %s --data %s --output %s --rank 2 --max-steps 1 --batch-size 4 " + flags,
        Embedded.MODEL,
        data,
        output);
    return output;
  }

  private static JsonNode record(Path output) throws IOException {
    return Cli.parse(Files.readString(output.resolve("lorikeet.json")));
  }

  private Path file(String name, String content) throws IOException {
    return Files.writeString(temporary.resolve(name), content);
  }
}
