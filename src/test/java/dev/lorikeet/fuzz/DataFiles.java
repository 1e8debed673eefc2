package dev.lorikeet.fuzz;

import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Data in every form, and recipes. */
final class DataFiles {
  private static final int EVERY = 4;

  /** A set of rows, its columns' flags, and the model that reads it. */
  private record Rows(String name, String text, String model, String flags) {}

  private static final List<Rows> ROWS =
      List.of(
          new Rows(
              "labels.jsonl",
              """
              {"text": "ab c", "label": "LABEL_0"}
              {"text": "d \\u00e9", "label": "LABEL_1"}
              {"text": "e", "label": "LABEL_2"}
              """,
              "bert-classify-lora",
              "--task sequence-classification"),
          new Rows(
              "labels.csv",
              "text,label\r\n\"a, \"\"b\"\"\",LABEL_0\r\n\"c\nd\",LABEL_1\r\ne,LABEL_2\r\n",
              "bert-classify-lora",
              "--task sequence-classification"),
          new Rows(
              "labels.tsv",
              "text\tlabel\na b\tLABEL_0\nc\tLABEL_1\n",
              "bert-classify-lora",
              "--task sequence-classification"),
          new Rows(
              "numbers.csv",
              "text,label\na,1\nb,-1000\nc,2e0\n",
              "bert-regress-lora-all-linear",
              "--task sequence-classification"),
          new Rows(
              "words.jsonl",
              """
              {"words": ["ab", "c"], "tags": ["LABEL_0", "LABEL_1"]}
              {"words": ["d"], "tags": ["LABEL_2"]}
              """,
              "bert-tag-lora",
              "--task token-classification --text words --label tags"),
          new Rows(
              "texts.jsonl",
              "{\"text\": \"hello\"}\n{\"text\": \"a b c\"}\n",
              "llama-lm-lora",
              "--task causal-lm"),
          new Rows(
              "chats.jsonl",
              """
              {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
              {"messages": [{"role": "system", "content": "c"}, {"role": "user", "content": "d"},
              """
                      .replace("},\n", "}, ")
                      .strip()
                  + " {\"role\": \"assistant\", \"content\": \"e\"}]}\n",
              "llama-lm-lora",
              "--task causal-lm --messages messages"),
          new Rows(
              "pairs.jsonl",
              "{\"text\": \"ab\", \"target\": \"c\"}\n{\"text\": \"d\", \"target\": \"ef\"}\n",
              "t5-seq2seq-lora",
              "--task seq2seq-lm"));

  private static final String RECIPE =
      """
      model: m
      output: o
      task: sequence-classification
      problem_type: single_label_classification
      method: lora
      seed: 1
      data:
        train: x.jsonl
        eval: x.jsonl
        text: text
        label: label
        max_length: 16
      adapter:
        r: 4
        lora_alpha: 8
        lora_dropout: 0.0
        target_modules: [query, value]
        rank_pattern: {layer.0.attention.self.query: 2}
      training:
        lr: 1.0e-3
        groups:            # the first pattern that matches a parameter counts
          lora_B: x4
          head: {lr: 2.0e-3, weight_decay: 0.1}
        epochs: 2
        batch_size: 2
        warmup_ratio: 0.06
        schedule: linear
        class_weights: balanced
        freeze_layers: 0
      """;

  private static final Map<String, String> METHODS =
      Map.of(
          "adalora", "{init_r: 6, target_r: 2, tinit: 0, tfinal: 0}",
          "ia3", "{target_modules: [key, value, dense], feedforward_modules: [dense]}",
          "lokr", "{r: 4, alpha: 8, decompose_factor: 4}",
          "oft", "{r: 0, oft_block_size: 8}",
          "prompt", "{num_virtual_tokens: 4}");

  private DataFiles() {}

  static List<Specimen> data(RealFiles files) throws IOException {
    List<Specimen> specimens = new ArrayList<>();
    for (Rows rows : ROWS) {
      Path folder =
          files.folder(
              rows.name(),
              made -> {
                RealFiles.copyModel(rows.model(), made);
                Files.writeString(made.resolve(rows.name()), rows.text());
              });
      Mutation words = TextDamage.data().orBytes(EVERY);
      Mutation mutation =
          rows.name().endsWith(".jsonl")
              ? (bytes, random) ->
                  random.nextBoolean() ? oneLine(bytes, random) : words.apply(bytes, random)
              : words;
      specimens.add(
          new Specimen(
              folder,
              rows.name(),
              mutation,
              "evaluate --model @ --max-length 30 --threads 1 --data @/%s %s"
                  .formatted(rows.name(), rows.flags())));
      specimens.add(
          new Specimen(
              folder,
              rows.name(),
              mutation,
              "train --dry-run --model @ --max-length 30 --output @/output --data @/%s %s"
                  .formatted(rows.name(), rows.flags())));
    }
    Path parquet =
        files.folder(
            "parquet",
            made -> {
              RealFiles.copyModel("bert-classify-lora", made);
              writeParquet(made.resolve("labels.parquet"));
            });
    specimens.add(
        new Specimen(
            parquet,
            "labels.parquet",
            Bytes::damaged,
            "evaluate --model @ --task sequence-classification --max-length 30 --threads 1 --data"
                + " @/labels.parquet"));
    return specimens;
  }

  /** Damages the JSON of one line. */
  private static byte[] oneLine(byte[] bytes, Random random) throws IOException {
    String[] lines = new String(bytes, StandardCharsets.UTF_8).split("\n");
    int at = random.nextInt(lines.length);
    byte[] damaged = JsonDamage.damaged(lines[at].getBytes(StandardCharsets.UTF_8), random);
    lines[at] = new String(damaged, StandardCharsets.UTF_8);
    return (String.join("\n", lines) + "\n").getBytes(StandardCharsets.UTF_8);
  }

  private static void writeParquet(Path file) throws IOException {
    try (Connection connection = DriverManager.getConnection("jdbc:duckdb:");
        Statement statement = connection.createStatement()) {
      statement.execute(
          "COPY (SELECT 'text ' || i AS text, 'LABEL_' || (i % 3) AS label FROM range(20) t(i)) TO '"
              + file
              + "' (FORMAT parquet)");
    } catch (SQLException e) {
      throw new IOException(e);
    }
  }

  static List<Specimen> recipes(RealFiles files) throws IOException {
    List<Specimen> specimens = new ArrayList<>();
    specimens.addAll(recipes(files, "lora", RECIPE));
    for (Map.Entry<String, String> method : new java.util.TreeMap<>(METHODS).entrySet()) {
      String recipe =
          RECIPE
              .replace("method: lora", "method: " + method.getKey())
              .replaceFirst(
                  "(?s)adapter:.*?training:", "adapter: " + method.getValue() + "\ntraining:")
              .replace("    lora_B: x4\n", "");
      specimens.addAll(recipes(files, method.getKey(), recipe));
    }
    return specimens;
  }

  /** Damages what a recipe says; as JSON, which is YAML. */
  private static byte[] values(byte[] recipe, Random random) throws IOException {
    return JsonDamage.damaged(new YAMLMapper().readTree(recipe), random)
        .getBytes(StandardCharsets.UTF_8);
  }

  private static List<Specimen> recipes(RealFiles files, String method, String recipe)
      throws IOException {
    Path folder =
        files.folder(
            method,
            made -> {
              RealFiles.copyModel("bert-classify-lora", made);
              Files.writeString(made.resolve("recipe.yaml"), recipe);
              Files.writeString(made.resolve("x.jsonl"), ROWS.get(0).text());
            });
    Mutation words = TextDamage.yaml().orBytes(2 * EVERY);
    Mutation mutation =
        (bytes, random) ->
            random.nextInt(3) == 0 ? words.apply(bytes, random) : values(bytes, random);
    return List.of(
        new Specimen(
            folder,
            "recipe.yaml",
            mutation,
            "train @/recipe.yaml --dry-run --model @ --output @/output --data @/x.jsonl --eval-data"
                + " @/x.jsonl"),
        new Specimen(
            folder,
            "recipe.yaml",
            mutation,
            "adapter plan @/recipe.yaml --model @ --data @/x.jsonl"));
  }
}
