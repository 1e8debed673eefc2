package dev.lorikeet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

class TrainFlagsTest {
  /** A command with the flags of training. */
  @Command
  static final class Typing {
    @Mixin final TrainFlags flags = new TrainFlags();
  }

  @TempDir Path temporary;

  private static String tree(String... typed) {
    Typing command = new Typing();
    new CommandLine(command).parseArgs(typed);
    return command.flags.tree().root().toString();
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '`',
      delimiter = '|',
      textBlock =
          """
          --model                 | m         | {"model":"m"}
          --output                | o         | {"output":"o"}
          --data                  | d         | {"data":{"train":"d"}}
          --eval-data             | d         | {"data":{"eval":"d"}}
          --task                  | t         | {"task":"t"}
          --problem-type          | p         | {"problem_type":"p"}
          --text                  | c         | {"data":{"text":"c"}}
          --text-pair             | c         | {"data":{"text_pair":"c"}}
          --label                 | c         | {"data":{"label":"c"}}
          --on-bad-row            | skip      | {"data":{"on_bad_row":"skip"}}
          --max-length            | 64        | {"data":{"max_length":"64"}}
          --pad-token             | t         | {"pad_token":"t"}
          --method                | probe     | {"method":"probe"}
          --rank                  | 8         | {"adapter":{"r":"8"}}
          --alpha                 | 16        | {"adapter":{"lora_alpha":"16"}}
          --dropout               | 0.1       | {"adapter":{"lora_dropout":"0.1"}}
          --target-modules        | a,b       | {"adapter":{"target_modules":"a,b"}}
          --exclude-modules       | a         | {"adapter":{"exclude_modules":"a"}}
          --modules-to-save       | a         | {"adapter":{"modules_to_save":"a"}}
          --bias                  | all       | {"adapter":{"bias":"all"}}
          --preset                | train     | {"preset":"train"}
          --lr                    | 1e-3      | {"training":{"lr":"1e-3"}}
          --lr-group              | lora_B=x4 | {"training":{"groups":{"lora_B":"x4"}}}
          --lr-group              | layer.3=1 | {"training":{"groups":{"layer.3":"1"}}}
          --optimizer             | lion      | {"training":{"optimizer":"lion"}}
          --epochs                | 2         | {"training":{"epochs":"2"}}
          --batch-size            | 2         | {"training":{"batch_size":"2"}}
          --gradient-accumulation | 2         | {"training":{"gradient_accumulation":"2"}}
          --warmup-ratio          | 0.1       | {"training":{"warmup_ratio":"0.1"}}
          --warmup-steps          | 10        | {"training":{"warmup_steps":"10"}}
          --schedule              | cosine    | {"training":{"schedule":"cosine"}}
          --weight-decay          | 0.1       | {"training":{"weight_decay":"0.1"}}
          --max-grad-norm         | 0         | {"training":{"max_grad_norm":"0"}}
          --focal-gamma           | 2         | {"training":{"focal_gamma":"2"}}
          --class-weights         | balanced  | {"training":{"class_weights":"balanced"}}
          --class-weights         | a=2.5     | {"training":{"class_weights":{"a":"2.5"}}}
          --neftune-noise-alpha   | 5         | {"training":{"neftune_noise_alpha":"5"}}
          --ema-decay             | 0.99      | {"training":{"ema_decay":"0.99"}}
          --on-nan                | skip      | {"training":{"on_nan":"skip"}}
          --label-smoothing-factor | 0.1      | {"training":{"label_smoothing_factor":"0.1"}}
          --max-tokens-per-pass   | 512       | {"training":{"max_tokens_per_pass":"512"}}
          --eval-strategy         | steps     | {"training":{"eval_strategy":"steps"}}
          --eval-steps            | 9         | {"training":{"eval_steps":"9"}}
          --keep-best             | false     | {"training":{"keep_best":"false"}}
          --metric-for-best-model | loss      | {"training":{"metric_for_best_model":"loss"}}
          --greater-is-better     | false     | {"training":{"greater_is_better":"false"}}
          --early-stopping-patience  | 3      | {"training":{"early_stopping_patience":"3"}}
          --early-stopping-threshold | 0.1    | {"training":{"early_stopping_threshold":"0.1"}}
          --save-strategy         | epoch     | {"training":{"save_strategy":"epoch"}}
          --save-steps            | 9         | {"training":{"save_steps":"9"}}
          --save-total-limit      | 2         | {"training":{"save_total_limit":"2"}}
          --max-steps             | 9         | {"training":{"max_steps":"9"}}
          --average-last-epochs   | 2         | {"training":{"average_last_epochs":"2"}}
          --mixout                | 0.1       | {"training":{"mixout":"0.1"}}
          --hidden-dropout        | 0.1       | {"training":{"dropout":"0.1"}}
          --attention-dropout     | 0.1       | {"training":{"attention_dropout":"0.1"}}
          --classifier-dropout    | 0.1       | {"training":{"classifier_dropout":"0.1"}}
          --word-dropout          | 0.1       | {"training":{"word_dropout":"0.1"}}
          --word-swap             | 0.1       | {"training":{"word_swap":"0.1"}}
          --token-masking         | 0.1       | {"training":{"token_masking":"0.1"}}
          --l1-penalty            | 0.1       | {"training":{"l1_penalty":"0.1"}}
          --l2-penalty            | 0.1       | {"training":{"l2_penalty":"0.1"}}
          --max-nan-steps         | 3         | {"training":{"max_nan_steps":"3"}}
          --layer-lr-decay        | 0.9       | {"training":{"layer_lr_decay":"0.9"}}
          --head-lr-multiplier    | 2         | {"training":{"head_lr_multiplier":"2"}}
          --loraplus-lr-ratio     | 16        | {"training":{"loraplus_lr_ratio":"16"}}
          --loraplus-lr-embedding | 1e-6      | {"training":{"loraplus_lr_embedding":"1e-6"}}
          --freeze-layers         | 2         | {"training":{"freeze_layers":"2"}}
          --unfreeze-epochs       | 1         | {"training":{"unfreeze_epochs":"1"}}
          --unfreeze-steps        | 9         | {"training":{"unfreeze_steps":"9"}}
          --logging-steps         | 5         | {"training":{"logging_steps":"5"}}
          --report-to             | mlflow    | {"training":{"report_to":"mlflow"}}
          --logging-dir           | d         | {"training":{"logging_dir":"d"}}
          --run-name              | n         | {"training":{"run_name":"n"}}
          --precision             | auto      | {"precision":"auto"}
          --device                | cpu       | {"device":"cpu"}
          --threads               | 2         | {"threads":"2"}
          --seed                  | 1         | {"seed":"1"}
          --initialization        | he        | {"initialization":"he","baseline":{"initialization":"he"}}
          --baseline              | scratch   | {"baseline":{"kind":"scratch"}}
          --baseline-lr           | 0.1       | {"baseline":{"lr":"0.1"}}
          --set                   | a.b=[1]   | {"a":{"b":[1]}}
          """)
  void everyFlagIsAKeyOfTheRecipe(String flag, String value, String tree) {
    assertThat(tree(flag, value)).isEqualTo(tree);
  }

  @Test
  void groupsAddUp() {
    assertThat(tree("--lr-group", "lora_A=1e-3", "--lr-group", "a=b=2"))
        .isEqualTo("{\"training\":{\"groups\":{\"lora_A\":\"1e-3\",\"a=b\":\"2\"}}}");
  }

  @ParameterizedTest
  @CsvSource({
    "--use-rslora, adapter, use_rslora",
    "--eval-on-start, training, eval_on_start",
    "--ema-warmup, training, ema_warmup",
    "--lora-fa, training, lora_fa",
    "--freeze-embeddings, training, freeze_embeddings"
  })
  void flagsThatNeedNoValue(String flag, String section, String key) {
    assertThat(tree(flag)).isEqualTo("{\"" + section + "\":{\"" + key + "\":\"true\"}}");
  }

  @Test
  void switchesNeedNoValue() {
    assertThat(tree("--cache-frozen-layers"))
        .isEqualTo("{\"training\":{\"cache_frozen_layers\":\"true\"}}");
    assertThat(tree("--packing")).isEqualTo("{\"training\":{\"packing\":\"true\"}}");
  }

  @Test
  void flagsComeOverTheFileAndAssignmentsOverFlags() throws IOException {
    Path file =
        Files.writeString(
            temporary.resolve("r.yaml"), "training: {lr: 1, epochs: 1, batch_size: 1}\n");
    assertThat(tree(file.toString(), "--set", "training.lr=3", "--lr", "2", "--epochs", "2"))
        .isEqualTo("{\"training\":{\"lr\":3,\"epochs\":\"2\",\"batch_size\":1}}");
  }
}
