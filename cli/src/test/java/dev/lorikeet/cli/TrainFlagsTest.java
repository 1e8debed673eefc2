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

class TrainFlagsTest {
  @TempDir Path temporary;

  private static String tree(String... typed) {
    TrainFlags flags = new TrainFlags();
    new CommandLine(flags).parseArgs(typed);
    return flags.tree().root().toString();
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

  @Test
  void rsloraNeedsNoValue() {
    assertThat(tree("--use-rslora")).isEqualTo("{\"adapter\":{\"use_rslora\":\"true\"}}");
  }

  @Test
  void packingNeedsNoValue() {
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
