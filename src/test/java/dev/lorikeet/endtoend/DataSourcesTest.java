package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** From all kinds of sources to a trained model, and what is said of texts that are cut. */
class DataSourcesTest {
  private static final String SMALL = " --rank 2 --max-steps 1 --batch-size 4";

  @TempDir Path temporary;

  private Path output;

  @BeforeEach
  void nameOutput() {
    output = temporary.resolve("out");
  }

  // ---- sources ----

  @Test
  void aPackedFileIsSplitByLabelWhereThereIsNoEvaluationData() throws IOException {
    Path model = Tiny.model("bert-classify-lora", temporary);
    Path data = temporary.resolve("texts.jsonl.gz");
    try (OutputStream gzip = new GZIPOutputStream(Files.newOutputStream(data))) {
      Files.copy(Tiny.texts(temporary), gzip);
    }
    JsonNode results =
        Cli.done(
                "train --model %s --data %s --output %s --eval-fraction 0.25 --max-length 24 --json"
                    + SMALL,
                model,
                data,
                output)
            .json();
    assertThat(results.path("eval_examples").asInt()).isEqualTo(2);
    JsonNode record = Cli.parse(Files.readString(output.resolve("lorikeet.json")));
    assertThat(record.path("data").path("train").path("examples").asInt()).isEqualTo(6);
    assertThat(record.path("data").path("eval").path("examples").asInt()).isEqualTo(2);
    assertThat(record.path("data").path("eval").path("fraction").asDouble()).isEqualTo(0.25);
    Refusal.of(
        temporary,
        2,
        "eval_fraction splits the training data where there are no evaluation data: leave it or"
            + " --eval-data out",
        "train --model %s --data %s --eval-data %s --eval-fraction 0.1 --output %s",
        model,
        data,
        data,
        temporary.resolve("other"));
  }

  @Test
  void standardInputIsAnswered() throws IOException {
    Path model = Tiny.model("bert-classify-lora", temporary);
    Path data = Tiny.texts(temporary);
    Cli.done("train --model %s --data %s --output %s --max-length 24" + SMALL, model, data, output);
    Cli ofFile = Cli.done("predict --model %s --adapter %s --data %s", model, output, data);
    InputStream before = System.in;
    System.setIn(new ByteArrayInputStream(Files.readAllBytes(data)));
    try {
      Cli ofInput = Cli.done("predict --model %s --adapter %s --data -", model, output);
      assertThat(ofInput.out()).isEqualTo(ofFile.out());
    } finally {
      System.setIn(before);
    }
  }

  @Test
  void linesOfAPlainTextAreMaskedByWords() throws IOException {
    Path model = Embedded.MODEL;
    Path data = Files.writeString(temporary.resolve("lines.txt"), "a cat sat\n\na dog ran\n");
    String command =
        "train --task masked-lm --model %s --data %s --output %s --max-length 24 --mlm-probability"
            + " 0.4 --whole-word-mask";
    Cli.done(command + SMALL, model, data, output);
    JsonNode settings = Cli.parse(Files.readString(output.resolve("lorikeet.json")));
    assertThat(settings.findValue("mlm_probability").asDouble()).isEqualTo(0.4);
    assertThat(settings.findValue("whole_word_mask").asBoolean()).isTrue();
    Refusal.of(
        temporary,
        2,
        "mlm_probability is 1.5: it must be above 0 and at most 1",
        "train --task masked-lm --model %s --data %s --output %s --mlm-probability 1.5",
        model,
        data,
        temporary.resolve("other"));
  }

  @Test
  void masksAreScoredAsTheyWereLearned() {
    Path model = Embedded.MODEL;
    Path data = Tiny.stories(temporary);
    JsonNode run =
        Cli.done(
                "train --task masked-lm --model %s --data %s --eval-data %s --output %s --max-length"
                    + " 24 --mlm-probability 0.6 --json"
                    + SMALL,
                model,
                data,
                data,
                output)
            .json();
    JsonNode scored = Cli.done("evaluate --adapter %s --data %s --json", output, data).json();
    // The same tokens are hidden, and the logits are sums in another order at most.
    assertThat(scored.path("eval_loss").asDouble())
        .isCloseTo(run.findValue("eval_loss").asDouble(), within(1e-5));
  }

  @Test
  void aQueryThatWritesIsRefusedInADryRun() {
    Path model = Tiny.model("bert-classify-lora", temporary);
    Cli cli =
        Cli.ofWords(
            "train",
            "--dry-run",
            "--model",
            model.toString(),
            "--max-length",
            "24",
            "--data",
            "sql:SELECT 'a' AS text, 'b' AS label); COPY (SELECT 1) TO '"
                + temporary.resolve("stolen.csv")
                + "'; SELECT (1");
    assertThat(cli.status()).isEqualTo(1);
    assertThat(Refusal.errors(cli))
        .isEqualTo("error: the query: DuckDB says: Parser Error: syntax error at or near \")\"");
    assertThat(temporary.resolve("stolen.csv")).doesNotExist();
  }

  // ---- what is cut ----

  @Test
  void howManyTextsWereCutIsSaidOnceInEveryCommand() throws IOException {
    Path model = Tiny.model("bert-classify-lora", temporary);
    Path data = Tiny.texts(temporary);
    String cut = " of 8 training texts were cut, as they have more than 8 tokens (max_length)";
    Cli trained =
        Cli.done(
            "train --model %s --data %s --eval-data %s --output %s --max-length 8 --json --epochs 2"
                + " --rank 2 --batch-size 4",
            model, data, data, output);
    int texts = trained.json().path("truncated_texts").asInt();
    assertThat(texts).isBetween(1, 7);
    assertThat(trained.json().path("eval_truncated_texts").asInt()).isEqualTo(texts);
    assertThat(trained.err()).containsOnlyOnce(texts + cut);
    assertThat(trained.err()).containsOnlyOnce(texts + cut.replace("training", "evaluation"));

    String said = texts + cut.replace("training texts", "texts");
    Cli scored = Cli.done("evaluate --model %s --adapter %s --data %s --json", model, output, data);
    assertThat(scored.json().path("eval_truncated_texts").asInt()).isEqualTo(texts);
    assertThat(scored.err()).containsOnlyOnce(said);
    Cli answered = Cli.done("predict --model %s --adapter %s --data %s", model, output, data);
    assertThat(answered.err()).containsOnlyOnce(said);

    Path recipe =
        Files.writeString(
            temporary.resolve("cut.yaml"),
            """
            model: "%s"
            output: "%s"
            data: {train: "%s", max_length: 8}
            adapter: {r: 2}
            training: {max_steps: 1, batch_size: 4, warmup_ratio: 0}
            """
                .formatted(model, temporary.resolve("swept"), data));
    assertThat(Cli.done("sweep %s", recipe).err()).containsOnlyOnce(texts + cut);
    assertThat(Cli.done("compare %s --set output=%s", recipe, temporary.resolve("both")).err())
        .containsOnlyOnce(texts + cut);
  }

  @Test
  void labelsOfWordsThatWereCutOffAreCounted() throws IOException {
    Path model = Tiny.model("bert-tag-lora", temporary);
    Path data =
        Files.writeString(
            temporary.resolve("words.conll"),
            "a O\nb X\nc O\nd X\ne O\nf O\ng O\nh O\n\na O\nb X\n",
            StandardCharsets.UTF_8);
    Cli trained =
        Cli.done(
            "train --task token-classification --model %s --data %s --output %s --max-length 6"
                + " --json"
                + SMALL,
            model,
            data,
            output);
    assertThat(trained.json().path("truncated_texts").asInt()).isEqualTo(1);
    int labels = trained.json().path("truncated_labels").asInt();
    assertThat(labels).isBetween(2, 7);
    assertThat(trained.err())
        .containsOnlyOnce(
            "1 of 2 training texts were cut, as they have more than 6 tokens (max_length); "
                + labels
                + " labels were cut off with them");
  }
}
