package dev.lorikeet.fuzz;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.models.FileHash;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Adapters of every method, those of other tools, and checkpoints of a run. */
final class AdapterFolders {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Mutation JSON_DAMAGE = ((Mutation) JsonDamage::damaged).orBytes(10);
  private static final Mutation TENSOR_DAMAGE = ((Mutation) SafetensorsDamage::damaged).orBytes(5);

  /** Methods that change what a model reads cannot be merged. */
  private static final Pattern INPUTS = Pattern.compile("prefix|prompt|ptuning");

  private static final String ROWS =
      """
      {"text": "ab", "label": "x"}
      {"text": "cd e", "label": "y"}
      """;

  private AdapterFolders() {}

  /** A golden case's adapter beside its model, for every case that a tokenizer of texts fits. */
  static List<Specimen> peft(RealFiles files) throws IOException {
    List<Specimen> specimens = new ArrayList<>();
    List<String> names = new ArrayList<>(RealFiles.golden("-classify-"));
    names.addAll(RealFiles.golden("-lm-"));
    names.addAll(RealFiles.golden("-tag-"));
    for (String golden : names) {
      Path adapter = RealFiles.GOLDEN.resolve(golden).resolve("adapter");
      if (golden.startsWith("vit") || !Files.isDirectory(adapter)) {
        continue;
      }
      Path folder =
          files.folder(
              golden,
              made -> {
                RealFiles.copyModel(golden, made);
                RealFiles.copyFolder(adapter, made.resolve("adapter"));
              });
      for (String command : commands(golden)) {
        specimens.add(new Specimen(folder, "adapter/adapter_config.json", JSON_DAMAGE, command));
        specimens.add(
            new Specimen(folder, "adapter/adapter_model.safetensors", TENSOR_DAMAGE, command));
      }
    }
    Path trained = files.folder("trained", AdapterFolders::train);
    for (String command : commands("-classify-")) {
      specimens.add(new Specimen(trained, "adapter/lorikeet.json", JSON_DAMAGE, command));
    }
    return specimens;
  }

  private static List<String> commands(String golden) {
    String run =
        golden.contains("-lm-")
            ? "generate --prompt ab --max-new-tokens 1"
            : "predict --threads 1 ab --task "
                + (golden.contains("-tag-") ? "token-classification" : "sequence-classification");
    String adapted = run + " --model @ --adapter @/adapter --any-base";
    String inspect = "adapter inspect @/adapter";
    return INPUTS.matcher(golden).find()
        ? List.of(adapted, inspect)
        : List.of(
            adapted, inspect, "merge --model @ --adapter @/adapter --any-base --output @/output");
  }

  private static void train(Path made) throws IOException {
    RealFiles.copyModel("bert-classify-lora", made);
    Path rows = Files.writeString(made.resolve("rows.jsonl"), ROWS);
    RealFiles.lorikeet(
        "train --model %s --data %s --eval-data %s --max-steps 1 --max-length 8 --output %s",
        made, rows, rows, made.resolve("adapter"));
  }

  /** Kohya's, torchtune's and MLX-LM's forms of golden adapters. */
  static List<Specimen> otherTools(RealFiles files) throws IOException {
    List<Specimen> specimens = new ArrayList<>();
    for (String[] pair :
        new String[][] {
          {"llama-lm-lora", "kohya"},
          {"llama-lm-lora", "torchtune"},
          {"llama-lm-lora", "mlx"},
          {"llama-lm-rope-yarn", "mlx"},
          {"bert-mlm", "kohya"},
          {"gpt2-lm-lora", "kohya"},
        }) {
      Path golden = RealFiles.GOLDEN.resolve(pair[0]);
      Path folder =
          files.folder(
              pair[0] + "-" + pair[1],
              made -> {
                RealFiles.copy(golden, made, "config.json");
                RealFiles.lorikeet(
                    "adapter convert %s --to %s --model %s --output %s",
                    golden.resolve("adapter"), pair[1], made, made.resolve("adapter"));
              });
      String command =
          "adapter convert @/adapter --from %s --model @ --output @/output".formatted(pair[1]);
      try (Stream<Path> written = Files.list(folder.resolve("adapter"))) {
        for (Path file : written.sorted().toList()) {
          Mutation mutation =
              file.toString().endsWith(".safetensors") ? TENSOR_DAMAGE : JSON_DAMAGE;
          specimens.add(
              new Specimen(folder, folder.relativize(file).toString(), mutation, command));
        }
      }
    }
    return specimens;
  }

  /** A run that was saved twice and goes on. */
  static List<Specimen> checkpoints(RealFiles files) throws IOException {
    String train =
        "train --model @ --data @/rows.jsonl --eval-data @/rows.jsonl --max-length 8 --threads 1"
            + " --target-modules query --save-strategy steps --save-steps 1 --output @/output";
    Path folder =
        files.folder(
            "run",
            made -> {
              RealFiles.copyModel("bert-classify-lora", made);
              Files.writeString(made.resolve("rows.jsonl"), ROWS);
              RealFiles.lorikeet(
                  train.replace("@", "%s") + " --max-steps 3", made, made, made, made);
              Path output = made.resolve("output");
              try (Stream<Path> written = Files.list(output)) {
                for (Path file : written.toList()) {
                  Files.delete(file);
                }
              }
              Files.delete(output);
              deleteCheckpoint(made.resolve("output.checkpoints/checkpoint-3"));
            });
    String resume = train + " --max-steps 3 --resume";
    String newest = "output.checkpoints/checkpoint-2/";
    List<Specimen> specimens = new ArrayList<>();
    specimens.add(new Specimen(folder, newest + "state.json", JSON_DAMAGE, resume));
    for (String file :
        List.of("parameters.safetensors", "optimizer.safetensors", "best.safetensors")) {
      if (Files.exists(folder.resolve(newest + file))) {
        specimens.add(new Specimen(folder, newest + file, TENSOR_DAMAGE, resume));
        specimens.add(
            new Specimen(
                folder,
                newest + file,
                TENSOR_DAMAGE,
                copy -> hashRightly(copy.resolve(newest), file),
                List.of(resume.split(" "))));
      }
    }
    return specimens;
  }

  private static void deleteCheckpoint(Path folder) throws IOException {
    try (Stream<Path> written = Files.list(folder)) {
      for (Path file : written.toList()) {
        Files.delete(file);
      }
    }
    Files.delete(folder);
  }

  /** Has the checkpoint's record say the damaged file's own hash, and the record's own too. */
  private static void hashRightly(Path checkpoint, String file) throws IOException {
    Path state = checkpoint.resolve("state.json");
    ObjectNode json = (ObjectNode) JSON.readTree(state.toFile());
    ((ObjectNode) json.path("files")).put(file, FileHash.sha256(checkpoint.resolve(file)));
    json.remove("sha256");
    byte[] record = JSON.writeValueAsBytes(JSON.readTree(JSON.writeValueAsBytes(json)));
    Files.write(state, JSON.writeValueAsBytes(json.put("sha256", FileHash.sha256(record))));
  }
}
