package dev.lorikeet.endtoend;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Settings that mean nothing: found before anything is computed, and explained in one line. */
class BadSettingsTest {
  @TempDir Path temporary;

  private void training(int status, String message, String flags) {
    Refusal.of(
        temporary,
        status,
        message,
        "train --model %s --data %s --output %s " + flags,
        Embedded.MODEL,
        Embedded.FEW,
        temporary.resolve("out"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      textBlock =
          """
          --target-modules q_porj        ; no module matches target_modules entry "q_porj"; nearest: query, key
          --target-modules .*\\.(q|k)    ; no module matches target_modules entry ".*\\.(q|k)"; nearest: query, key
          """)
  void targetThatMatchesNothing(String flags, String message, String nearest) {
    training(2, message + "; " + nearest, flags);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          lora_B       | lr group "lora_B" is not PATTERN=RATE: write lora_B=4e-3, or lora_B=x4 for four times the learning rate
          lora_B=fast  | lr group "lora_B=fast" is not PATTERN=RATE: write lora_B=4e-3, or lora_B=x4 for four times the learning rate
          lora_C=1e-3  | no trainable parameter matches group "lora_C"; nearest: lora_A, lora_B
          (=1e-3       | parameter group "(" is not a regular expression: Unclosed group
          head=-1      | parameter group head: lr is -1.0, it must be at least 0
          """)
  void learningRateGroup(String group, String message) {
    training(2, message, "--lr-group " + group);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          training.lr                     | --set training.lr is not KEY=VALUE: write training.lr=1e-4, for example
          training.lr=fast                | recipe: training.lr must be a number, not "fast"
          training.rl=1e-4                | recipe: unknown key "training.rl"; nearest: lr, eps
          trainin.lr=1e-4                 | recipe: unknown key "trainin"; nearest: training, task
          training=1                      | recipe: training must be a section of keys, not 1
          training.epochs=1.5             | recipe: training.epochs must be a whole number, not 1.5
          training.lr=[                   | --set training.lr=[: the value is not YAML
          adapter.use_rslora=maybe        | recipe: adapter.use_rslora must be true or false, not "maybe"
          adapter.layers_to_transform=[x] | recipe: adapter.layers_to_transform must be a list of whole numbers, not ["x"]
          """)
  void assignment(String assignment, String message) {
    training(2, message, "--set " + assignment);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          --task poetry         | unknown task "poetry": use sequence-classification, token-classification, masked-lm, causal-lm, seq2seq-lm, image-classification
          --method ia4          | unknown method "ia4": use adalora, ia3, ln_tuning, loha, lokr, lora, oft, prefix, prompt, ptuning, vera, full, bitfit, probe, scratch
          --precision int8      | unknown precision "int8": use float32, bfloat16, float16 or auto
          --device tpu          | unknown device "tpu": use auto, cpu, cuda or cuda:N
          --schedule sawtooth   | unknown schedule "sawtooth": use linear, cosine, cosine_with_restarts, cosine_with_min_lr, polynomial, constant, constant_with_warmup, inverse_sqrt, reduce_lr_on_plateau, one_cycle, warmup_stable_decay
          --optimizer adamx     | unknown optimizer "adamx": use adamw, adam, sgd, rmsprop, adagrad, adafactor, lion
          --preset quick        | unknown preset "quick": use fine-tune, train
          --packing             | packing is for causal-lm, and the task is sequence-classification: leave it out
          --rank 0              | r is 0: a rank must be at least 1
          --dropout 1           | lora_dropout is 1.0: it must be at least 0 and below 1
          --threads 0           | threads is 0: use at least 1
          --max-length 2        | max_length is 2: it must leave room for a token between two special ones, 3
          --max-length 513      | max_length is 513, the model has 512 positions: use at most that
          --on-bad-row ignore   | unknown on_bad_row "ignore": use fail or skip
          --baseline full       | baseline full is not built: use scratch
          --modules-to-save poler | no module matches modules_to_save entry "poler"; nearest: pooler, layer
          """)
  void choice(String flags, String message) {
    training(2, message, flags);
  }

  @Test
  void recipeWithAnUnknownKey() throws IOException {
    Path recipe = temporary.resolve("recipe.yaml");
    Files.writeString(recipe, "model: x\ndata: {train: y}\nadapter:\n  rang: 8\n");
    Refusal.of(
        temporary,
        2,
        "recipe: unknown key \"adapter.rang\"; nearest: r, bias",
        "train %s --output %s",
        recipe,
        temporary.resolve("out"));
  }

  @Test
  void recipeThatIsNone() throws IOException {
    Path recipe = temporary.resolve("recipe.yaml");
    Refusal.of(
        temporary, 1, recipe + " does not exist: give the path of a recipe", "train %s", recipe);
    Files.writeString(recipe, "model: [\n");
    Refusal.of(
        temporary,
        1,
        recipe + " is not YAML, line 2: expected the node content, but found '<stream end>'",
        "train %s",
        recipe);
    Files.writeString(recipe, "model: x\ntraining:\n\tlr: 1\n");
    Refusal.of(
        temporary,
        1,
        recipe
            + " is not YAML, line 3: found character '\\t(TAB)' that cannot start any token. (Do not"
            + " use \\t(TAB) for indentation)",
        "train %s",
        recipe);
    Files.writeString(recipe, "model: x\ntraining:\n  lr: 1\n  lr: 2\n");
    Refusal.of(
        temporary, 1, recipe + " is not YAML, line 4: Duplicate field 'lr'", "train %s", recipe);
    Files.writeString(recipe, "output: \"x\\0y\"\ndata: {train: a.jsonl}\n");
    Refusal.of(
        temporary,
        1,
        "\"x\\u0000y\" is the path of no file: Nul character not allowed",
        "train %s --model %s",
        recipe,
        Embedded.MODEL);
    Files.writeString(recipe, "- model\n");
    Refusal.of(
        temporary,
        2,
        recipe + " is not a recipe: it must be a section of keys",
        "train %s",
        recipe);
  }

  @Test
  void settingThatIsMissing() {
    Refusal.of(
        temporary,
        2,
        "recipe: model is missing: give --model, or the key in a recipe",
        "train --data x.jsonl --output out");
    Refusal.of(
        temporary,
        2,
        "recipe: data.train is missing: give --data, or the key in a recipe",
        "train --model x --output out");
    Refusal.of(
        temporary,
        2,
        "recipe: output is missing: give --output, or the key in a recipe",
        "train --model x --data x.jsonl");
  }
}
