package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lorikeet.compare.Prediction;
import dev.lorikeet.compare.TextModel;
import dev.lorikeet.data.Example;
import dev.lorikeet.models.FileHash;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.Scope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code lorikeet sweep}: several recipes' adapters in one pass. */
class SweepCommandTest {
  private static final String WITHOUT_DROPOUT =
      "--set training.dropout=0 --set training.attention_dropout=0"
          + " --set training.classifier_dropout=0";

  @TempDir Path temporary;

  private Path recipe(String name, int rank, long seed, double lr, String more) throws IOException {
    return Files.writeString(
        temporary.resolve(name + ".yaml"),
        """
        model: '%s'
        output: '%s'
        seed: %d
        data: {train: '%s', eval: '%s', max_length: 32}
        adapter: {r: %d, target_modules: [query, value]}
        training: {lr: %s, epochs: 1, batch_size: 8%s}
        """
            .formatted(
                Embedded.MODEL,
                temporary.resolve(name),
                seed,
                Embedded.FEW,
                Embedded.FEW,
                rank,
                lr,
                more));
  }

  @Test
  void eachAdapterIsWrittenAsTrainAloneWritesIt() throws IOException {
    Path small = recipe("small", 2, 1, 1e-3, "");
    Path large = recipe("large", 4, 5, 4e-4, ", schedule: cosine");
    JsonNode json = Cli.done("sweep %s %s " + WITHOUT_DROPOUT + " --json", small, large).json();
    assertThat(json.path("small").path("steps").asInt()).isEqualTo(3);
    for (String name : new String[] {"small", "large"}) {
      Path alone = temporary.resolve(name + "-alone");
      JsonNode trained =
          Cli.done(
                  "train %s " + WITHOUT_DROPOUT + " --output %s --json",
                  temporary.resolve(name + ".yaml"),
                  alone)
              .json();
      assertThat(json.path(name).path("trainable_parameters"))
          .isEqualTo(trained.path("trainable_parameters"));
      // 24 texts, a float32 mean of other sums.
      assertThat(json.path(name).path("eval_loss").asDouble())
          .isEqualTo(trained.path("eval_loss").asDouble(), within(1e-5));
      assertSame(temporary.resolve(name), alone);
      assertThat(
              Cli.done(
                      "evaluate --model %s --adapter %s --data %s --json",
                      Embedded.MODEL, temporary.resolve(name), Embedded.FEW)
                  .json()
                  .path("eval_loss")
                  .asDouble())
          .isEqualTo(trained.path("eval_loss").asDouble(), within(1e-5));
    }
    assertTextsOfBothAreAnsweredAsByEachAlone();
  }

  private void assertTextsOfBothAreAnsweredAsByEachAlone() throws IOException {
    List<Example> texts = new ArrayList<>();
    List<@Nullable String> rows = new ArrayList<>();
    for (String line : Files.readAllLines(Embedded.FEW)) {
      texts.add(Example.of(Cli.parse(line).path("text").asText()));
      rows.add(texts.size() % 3 == 0 ? "large" : "small");
    }
    Map<String, Path> folders = new LinkedHashMap<>();
    folders.put("small", temporary.resolve("small"));
    folders.put("large", temporary.resolve("large"));
    try (TextModel model =
        TextModel.openSeveral(Embedded.MODEL, folders, ModelOptions.DEFAULT, null)) {
      List<Prediction> mixed = model.predict(texts, rows);
      for (String name : folders.keySet()) {
        Objects.requireNonNull(model.adapters()).activate(name);
        List<Prediction> alone = model.predict(texts);
        for (int i = 0; i < texts.size(); i++) {
          if (name.equals(rows.get(i))) {
            // Six layers of sums in another order.
            assertThat(mixed.get(i).logits()).containsExactly(alone.get(i).logits(), offset(1e-5f));
          }
        }
      }
      model.save(temporary.resolve("both"));
    }
    assertThat(temporary.resolve("both/small/adapter_model.safetensors"))
        .hasSameBinaryContentAs(temporary.resolve("small/adapter_model.safetensors"));
    assertThat(temporary.resolve("both/large/adapter_model.safetensors"))
        .hasSameBinaryContentAs(temporary.resolve("large/adapter_model.safetensors"));
  }

  /** The same files, the same names, the same numbers but for the order of sums. */
  private static void assertSame(Path joint, Path alone) throws IOException {
    assertThat(joint.resolve("adapter_config.json"))
        .hasSameTextualContentAs(alone.resolve("adapter_config.json"));
    assertThat(joint.resolve("lorikeet.json")).exists();
    assertThat(joint.resolve("tokenizer.json")).exists();
    try (Scope scope = Scope.open()) {
      Safetensors wanted = Safetensors.open(alone.resolve("adapter_model.safetensors"));
      Safetensors found = Safetensors.open(joint.resolve("adapter_model.safetensors"));
      assertThat(found.names()).isEqualTo(wanted.names());
      for (String name : wanted.names()) {
        assertThat(found.tensor(name).sub(wanted.tensor(name)).abs().max().item())
            .as(name)
            .isLessThan(1e-5);
      }
    }
  }

  // ---- checkpoints ----

  /** Two recipes of 2 and 6 steps, with dropout, over a model that trains within a second. */
  private String tiny() {
    Path model = Tiny.model("bert-classify-lora", temporary.resolve("models"));
    Path texts = Tiny.texts(temporary);
    for (int epochs = 1; epochs <= 3; epochs += 2) {
      Tiny.file(
          temporary.resolve("epochs-" + epochs + ".yaml"),
          """
          {model: '%s', output: '%s', data: {train: '%s', eval: '%s', max_length: 16},
           adapter: {r: %d, lora_dropout: 0.2},
           training: {lr: 0.01, epochs: %d, batch_size: 4, save_strategy: steps, save_steps: 1}}
          """
              .formatted(
                  model, temporary.resolve("epochs-" + epochs), texts, texts, epochs, epochs));
    }
    return "sweep %s/epochs-1.yaml %s/epochs-3.yaml --json".formatted(temporary, temporary);
  }

  private Path checkpoint(int step) {
    return temporary.resolve("epochs-1.checkpoints/checkpoint-" + step);
  }

  private List<String> hashes() {
    return List.of(hash("epochs-1"), hash("epochs-3"));
  }

  private String hash(String name) {
    return FileHash.sha256(temporary.resolve(name).resolve("adapter_model.safetensors"));
  }

  /** From step 4, when one member is done, and from step 1, when none is. */
  @Test
  void aSweepThatGoesOnEndsWithTheSameBytes() throws IOException {
    String sweep = tiny();
    JsonNode whole = Cli.done(sweep).json();
    List<String> expected = hashes();
    for (int kept : new int[] {4, 1}) {
      for (String output : List.of("epochs-1", "epochs-3")) {
        Files.delete(temporary.resolve(output).resolve("adapter_model.safetensors"));
      }
      for (int step = kept + 1; step <= 6; step++) {
        delete(checkpoint(step));
      }
      Cli resumed = Cli.done(sweep + " --resume --overwrite");
      assertThat(resumed.err()).contains("going on from " + checkpoint(kept));
      assertThat(hashes()).as("from step %d", kept).isEqualTo(expected);
      for (String name : List.of("epochs-1", "epochs-3")) {
        for (String key : List.of("steps", "tokens", "eval_loss", "best_step")) {
          assertThat(resumed.json().path(name).path(key))
              .as(name + " " + key)
              .isEqualTo(whole.path(name).path(key));
        }
      }
    }
  }

  @Test
  void aSweepGoesOnOnlyAsItBegan() {
    String sweep = tiny();
    Cli.done(sweep);
    Path folder = temporary.resolve("epochs-1.checkpoints");
    assertRefused(
        folder
            + " has checkpoints of an earlier run, the newest checkpoint-6: give --resume to go on"
            + " from there, or delete the folder to begin anew",
        sweep);
    assertRefused(
        folder
            + " is of another run: epochs-1/training.lr is 0.02 and was 0.01; go on with what it"
            + " was, or delete the folder to begin anew",
        sweep + " --resume --set training.lr=0.02");
    assertRefused(
        "epochs-3: save_strategy, save_steps or save_total_limit is another than the first's, and"
            + " all are saved together: make them the same",
        "sweep %s %s --resume",
        temporary.resolve("epochs-1.yaml"),
        Tiny.file(
            temporary.resolve("epochs-3.yaml"),
            Tiny.read(temporary.resolve("epochs-3.yaml"))
                .replace("save_steps: 1", "save_steps: 2")));
  }

  private static void delete(Path folder) throws IOException {
    List<Path> paths;
    try (Stream<Path> walk = Files.walk(folder)) {
      paths = walk.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path path : paths) {
      Files.delete(path);
    }
  }

  @Test
  void whatCannotBeTrainedTogetherIsRefused() throws IOException {
    Path a = recipe("a", 2, 1, 1e-3, "");
    Path b = recipe("b", 2, 1, 1e-3, ", dropout: 0.3");
    assertRefused(
        "dropout of a is config.json's, of b 0.3: they train on one model; make it the same, or"
            + " train them apart",
        "sweep %s %s",
        a,
        b);
    Path other =
        Files.writeString(
            temporary.resolve("other.yaml"),
            Files.readString(a).replace("'" + Embedded.MODEL + "'", "elsewhere"));
    assertRefused(
        "other: model is elsewhere, the first recipe's "
            + Embedded.MODEL
            + ": a sweep trains on one model",
        "sweep %s %s",
        a,
        other);
    Path same = Files.copy(a, temporary.resolve("same.yaml"));
    assertRefused(
        "same and a have the same output, " + temporary.resolve("a") + ": give each its own",
        "sweep %s %s",
        a,
        same);
    assertRefused("two recipes are called a: rename one", "sweep %s %s", a, a);
    Path full = recipe("full", 2, 1, 1e-3, "");
    assertRefused(
        "a is of method full, which changes the base: only adapters are trained together",
        "sweep %s %s --set method=full",
        a,
        full);
    assertThat(temporary.resolve("a")).doesNotExist();
  }

  private static void assertRefused(String message, String typed, Object... arguments) {
    Cli cli = Cli.run(typed, arguments);
    assertThat(
            cli.err()
                .lines()
                .filter(line -> !line.startsWith("settings of "))
                .filter(line -> !line.startsWith("going on from ")))
        .containsExactly("error: " + message);
    assertThat(cli.status()).isEqualTo(2);
  }
}
