package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code train --adapter} goes on from an adapter's weights. */
class TrainOnTest {
  @TempDir static Path shared;
  private static Path base;
  private static Path rows;
  private static Path adapter;
  private static JsonNode trained;

  @TempDir Path temporary;

  @BeforeAll
  static void train() {
    base = Tiny.model("bert-classify-lora", shared);
    rows =
        Tiny.file(
            shared.resolve("rows.jsonl"),
            Tiny.read(Tiny.texts(shared)).replace("\"text\"", "\"gloss\""));
    adapter = shared.resolve("adapter");
    trained = start("lora", "--rank 4", adapter);
  }

  private static JsonNode start(String method, String flags, Path output) {
    return Cli.done(
            "train --model %s --data %s --eval-data %s --method %s %s --text gloss --lr 1e-2"
                + " --epochs 2 --batch-size 4 --output %s --json",
            base, rows, rows, method, flags, output)
        .json();
  }

  /** Evaluated before the first step, a run answers as what it goes on from does. */
  @ParameterizedTest
  @ValueSource(strings = {"lora", "ia3", "vera", "loha", "oft", "prompt", "ln_tuning"})
  void aRunBeginsWhereTheLastOneEnded(String method) {
    Path first = temporary.resolve("first");
    JsonNode before = start(method, "", first);
    JsonNode after =
        Cli.done(
                "train --adapter %s --data %s --eval-data %s --eval-on-start --epochs 1 --lr 1e-2"
                    + " --batch-size 4 --output %s --json",
                first, rows, rows, temporary.resolve("second"))
            .json();
    assertThat(after.path("evaluations").path(0).path("step").asInt()).isZero();
    // The same batches of four through the same weights: the same operations on the same numbers.
    assertThat(after.path("evaluations").path(0).path("eval_loss"))
        .isEqualTo(before.path("eval_loss"));
    assertThat(after.path("trainable_parameters")).isEqualTo(before.path("trainable_parameters"));
  }

  @Test
  void itKeepsTheShapeAndLearnsMoreAndSaysSo() throws IOException {
    Path second = temporary.resolve("second");
    Cli run =
        Cli.done(
            "train --adapter %s --data %s --eval-data %s --epochs 10 --lr 1e-2 --batch-size 4"
                + " --output %s --json",
            adapter, rows, rows, second);
    assertThat(run.err())
        .contains(
            "going on from "
                + adapter
                + ", which was trained for 2 epochs: a new run of 10 epochs more from its weights;"
                + " optimizer and schedule begin anew");
    assertThat(run.json().path("eval_loss").asDouble())
        .isLessThan(trained.path("eval_loss").asDouble());
    JsonNode config = Cli.parse(Files.readString(second.resolve("adapter_config.json")));
    assertThat(config.path("r").asInt()).isEqualTo(4);
    assertThat(config.path("base_model_name_or_path").asText()).isEqualTo(base.toString());
    JsonNode record = Cli.parse(Files.readString(second.resolve("lorikeet.json")));
    assertThat(record.path("start").path("path").asText()).isEqualTo(adapter.toString());
    assertThat(record.path("settings").path("data").path("text").asText()).isEqualTo("gloss");
    assertThat(record.path("labels").toString()).isEqualTo("[\"animal\",\"fruit\"]");
    double scored =
        Cli.done("evaluate --adapter %s --data %s --json", second, rows)
            .json()
            .path("eval_loss")
            .asDouble();
    // One batch of eight instead of two of four: other orders of the same float32 sums.
    assertThat(scored).isEqualTo(run.json().path("eval_loss").asDouble(), within(1e-5));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          --method ia3                | method is ia3, and the adapter that is trained on, %s, has lora: leave it out
          --rank 8                    | adapter.r is 8, and the adapter that is trained on, %s, has 4: leave it out
          --set adapter.use_dora=true | adapter.use_dora is true, and the adapter that is trained on, %s, has false: leave it out
          --task token-classification | task is token-classification, and the adapter that is trained on, %s, has sequence-classification: leave it out
          """)
  void whatWouldChangeTheAdapterIsRefused(String flags, String message) {
    Refusal.of(
        temporary,
        2,
        message.formatted(adapter),
        "train --adapter %s --data %s %s --output %s",
        adapter,
        rows,
        flags,
        temporary.resolve("out"));
  }

  @Test
  void flagsThatSayWhatItIsAreNoConflict() {
    Cli.done(
        "train --adapter %s --data %s --model %s --method lora --rank 4 --epochs 1 --output %s",
        adapter, rows, base, temporary.resolve("out"));
  }

  @Test
  void labelsThatItDoesNotKnowAreRefused() {
    Path others =
        Tiny.file(
            temporary.resolve("others.jsonl"),
            "{\"gloss\": \"a\", \"label\": \"fruit\"}\n{\"gloss\": \"b\", \"label\": \"metal\"}\n");
    for (String data : List.of("--data %1$s", "--data %2$s --eval-data %1$s")) {
      Cli run =
          Cli.run(
              "train --adapter %s --output %s " + data.formatted(others, rows),
              adapter,
              temporary.resolve("out"));
      assertThat(run.status()).isEqualTo(1);
      assertThat(run.err())
          .contains("error: " + others + ":2: unknown label \"metal\"")
          .contains("knows: animal, fruit");
    }
  }

  @Test
  void theAdapterItselfIsReplacedOnlyWhereThatIsSaid() throws IOException {
    Path own = temporary.resolve("own");
    start("lora", "--rank 2", own);
    String line = "train --adapter %s --data %s --epochs 1 --output %s";
    Cli refused = Cli.run(line, own, rows, own);
    assertThat(refused.err())
        .contains(
            own + " is what is read: choose another output, or give --overwrite to replace it");
    byte[] before = Files.readAllBytes(own.resolve("adapter_model.safetensors"));
    Cli.done(line + " --overwrite", own, rows, own);
    assertThat(Files.readAllBytes(own.resolve("adapter_model.safetensors"))).isNotEqualTo(before);
  }

  @Test
  void methodsWhoseStateWasNotSavedAreRefused() {
    Path vectors = temporary.resolve("vectors");
    start("ptuning", "", vectors);
    Refusal.of(
        temporary,
        2,
        vectors
            + " is of method ptuning, which cannot be trained on: the network that made its vectors"
            + " was not saved",
        "train --adapter %s --data %s --output %s",
        vectors,
        rows,
        temporary.resolve("out"));
  }

  @Test
  void theSummarySaysWhatWasKeptAndWhatIsNew() {
    Cli run =
        Cli.done(
            "train --model %s --data %s --eval-data %s --text gloss --epochs 2 --batch-size 4"
                + " --method probe --output %s",
            base, rows, rows, temporary.resolve("probe"));
    assertThat(run.out())
        .containsPattern("kept: the weights after step [24] of 4 \\(epoch [12]\\), accuracy 0\\.")
        .contains("new, since the checkpoint has no weights for them: classifier\n");
    // The model has 40 positions and the default is 128.
    assertThat(run.err()).contains("texts of at most 40 tokens");
  }
}
