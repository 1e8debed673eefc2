package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code lorikeet adapter plan}: what it announces is what training does. */
class PlanCommandTest {
  @TempDir Path temporary;

  private Path config;

  /** SmolLM-135M's sizes. */
  @BeforeEach
  void writeConfig() throws IOException {
    config =
        Files.writeString(
            temporary.resolve("config.json"),
            """
            {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 49152,
             "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30,
             "num_attention_heads": 9, "num_key_value_heads": 3, "hidden_act": "silu",
             "max_position_embeddings": 2048, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
             "tie_word_embeddings": true, "attention_bias": false, "mlp_bias": false}
            """);
  }

  private static final String PLAN = "adapter plan --task causal-lm --model %s ";

  @Test
  void aModelOfThirtyLayersTakesFewLines() {
    String out =
        Cli.done(PLAN + "--target-modules q_proj,v_proj --rank 8 --alpha 16", config).out();
    // 8 · (576 + 576), and 8 · (576 + 192) for three key-value heads of 64.
    assertThat(out.lines())
        .anyMatch(
            line ->
                line.matches(
                    " +q_proj +layers 0-29 +576x576 +r=8 +alpha=16 +9,216 parameters each +331,776 frozen"))
        .anyMatch(
            line ->
                line.matches(
                    " +v_proj +layers 0-29 +192x576 +r=8 +alpha=16 +6,144 parameters each +110,592 frozen"))
        .anyMatch(line -> line.matches(" +target_modules +q_proj +30 modules +q_proj layers 0-29"))
        .contains("trainable params: 460,800 || all params: 134,975,808 || trainable%: 0.3414");
    assertThat(out.lines().count()).isLessThan(20);
  }

  @Test
  void memoryFollowsOptimizerAndPrecision() {
    String q = PLAN + "--target-modules q_proj --rank 8 --json ";
    JsonNode adamw = Cli.done(q, config).json();
    long parameters = 30 * 9216;
    assertThat(adamw.path("trainable_parameters").asLong()).isEqualTo(parameters);
    assertThat(adamw.path("memory").path("weights_bytes").asLong()).isEqualTo(4L * 134_515_008);
    assertThat(adamw.path("memory").path("adapter_bytes").asLong()).isEqualTo(4 * parameters);
    assertThat(adamw.path("memory").path("gradients_bytes").asLong()).isEqualTo(4 * parameters);
    // Two moments, and a number of steps for each of sixty tensors.
    assertThat(adamw.path("memory").path("optimizer_bytes").asLong())
        .isEqualTo(4 * (2 * parameters + 60));
    JsonNode lion = Cli.done(q + "--optimizer lion --precision bfloat16", config).json();
    assertThat(lion.path("memory").path("weights_bytes").asLong()).isEqualTo(2L * 134_515_008);
    assertThat(lion.path("memory").path("optimizer_bytes").asLong()).isEqualTo(4 * parameters);
    JsonNode sgd = Cli.done(q + "--optimizer sgd", config).json();
    assertThat(sgd.path("memory").path("optimizer_bytes").asLong()).isZero();
    JsonNode fa = Cli.done(q + "--set training.lora_fa=true", config).json();
    assertThat(fa.path("memory").path("gradients_bytes").asLong())
        .isEqualTo(4L * 30 * 8 * 576); // B alone
  }

  @Test
  void everySettingSaysWhatItMatches() throws IOException {
    Path recipe =
        Files.writeString(
            temporary.resolve("recipe.yaml"),
            """
            task: causal-lm
            adapter:
              r: 4
              target_modules: [q_proj, down_proj]
              exclude_modules: [layers.29.mlp.down_proj]
              rank_pattern: {'layers.0.self_attn.q_proj': 16}
              alpha_pattern: {down_proj: 3}
              modules_to_save: [model.norm]
              trainable_token_indices: [5, 7, 9]
            """);
    JsonNode json = Cli.done("adapter plan --recipe %s --model %s --json", recipe, config).json();
    assertThat(json.path("matches"))
        .extracting(
            m ->
                m.path("setting").asText()
                    + " "
                    + m.path("entry").asText()
                    + " "
                    + m.path("modules").size())
        .containsExactly(
            "target_modules q_proj 30",
            "target_modules down_proj 29",
            "exclude_modules layers.29.mlp.down_proj 1",
            "rank_pattern layers.0.self_attn.q_proj: 16 1",
            "alpha_pattern down_proj: 3 29",
            "modules_to_save model.norm 1",
            "trainable_token_indices [5, 7, 9] 1");
    long lora = 16 * 1152 + 29 * 4 * 1152 + 29 * 4 * (576 + 1536);
    assertThat(json.path("trainable_parameters").asLong()).isEqualTo(lora + 576 + 3 * 576);
  }

  @Test
  void layersBiasesAndExpressionsAreTold() {
    JsonNode layers =
        Cli.done(
                PLAN + "--json --target-modules q_proj --set adapter.layers_to_transform=[0,29]",
                config)
            .json();
    assertThat(layers.path("matches"))
        .extracting(m -> m.path("setting").asText() + " " + m.path("entry").asText())
        .containsExactly(
            "target_modules q_proj", "layers_to_transform 0", "layers_to_transform 29");
    Path bert = Path.of("resources/golden/bert-classify-lora/config.json");
    JsonNode biases =
        Cli.done(
                "adapter plan --model %s --bias lora_only --target-modules .*query --num-labels 5"
                    + " --json",
                bert)
            .json();
    assertThat(biases.path("labels").asInt()).isEqualTo(5);
    // Two layers 32 wide: A and B of rank 8, a bias; and a classifier of five labels.
    assertThat(biases.path("trainable_parameters").asInt()).isEqualTo(2 * (8 * 64 + 32) + 5 * 33);
    assertThat(biases.path("matches"))
        .extracting(m -> m.path("setting").asText() + " " + m.path("modules").size())
        .containsExactly("target_modules 2", "modules_to_save 1", "bias 2");
  }

  @Test
  void anEntryThatMatchesNothingIsTheErrorOfTraining() {
    Cli plan = Cli.run(PLAN + "--target-modules q_proj,q_porj", config);
    assertThat(plan.status()).isEqualTo(2);
    assertThat(plan.err())
        .startsWith("error: no module matches target_modules entry \"q_porj\"; nearest: q_proj");
    assertThat(Cli.run(PLAN + "--modules-to-save heat", config).status()).isEqualTo(2);
    assertThat(
            Cli.run(PLAN + "--target-modules q_proj --set adapter.rank_pattern.x=3", config)
                .status())
        .isEqualTo(2);
    assertThat(Cli.run("adapter plan --task masked-lm --model %s", config).err())
        .contains("has no head for masked-lm");
    assertThat(Cli.run(PLAN + "--method full", config).status()).isEqualTo(2);
  }

  /** With weights in the folder the plan knows that this model has no pooler, and trains one. */
  @Test
  void modelWithWeightsIsCountedAsTrainingCountsIt() {
    JsonNode trained = Trained.RUN.json();
    JsonNode plan =
        Cli.done(
                "adapter plan --model %s --num-labels 8 --rank 8 --target-modules all-linear --json",
                Embedded.MODEL)
            .json();
    assertThat(plan.path("trainable_parameters")).isEqualTo(trained.path("trainable_parameters"));
    assertThat(plan.path("total_parameters")).isEqualTo(trained.path("total_parameters"));
    assertThat(plan.path("adapter_file_bytes").asLong())
        .isEqualTo(Trained.ADAPTER.resolve("adapter_model.safetensors").toFile().length());
  }

  @Test
  void aStartThatIsTakenOutIsCountedWithWhatIsKeptOfIt() {
    String q = PLAN + "--target-modules q_proj --rank 8 --json ";
    JsonNode pissa = Cli.done(q + "--set adapter.init_lora_weights=pissa", config).json();
    JsonNode plain = Cli.done(q, config).json();
    assertThat(pissa.path("trainable_parameters")).isEqualTo(plain.path("trainable_parameters"));
    assertThat(pissa.path("memory").path("adapter_bytes").asLong())
        .isEqualTo(2 * plain.path("memory").path("adapter_bytes").asLong());
    assertThat(pissa.path("adapter_file_bytes").asLong())
        .isGreaterThan(2 * 4L * 30 * 9216)
        .isLessThan(2 * 4L * 30 * 9216 + 20_000);
  }
}
