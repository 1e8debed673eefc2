package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What decoders read in config.json: older and newer spellings, defaults, refusals. */
@Tag("numeric")
class DecoderConfigTest {
  private static final String LM = "XForCausalLM";
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private Path folder;

  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  /** Settings as JSON with single quotes. */
  private static ObjectNode settings(String text) {
    try {
      return (ObjectNode) JSON.readTree("{" + text.replace('\'', '"') + "}");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private float[] logits(String family, String settings) {
    long[] ids = new long[24];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = 5 + i * 53L % 91;
    }
    try (Model model =
        TinyDecoder.open(folder, family, LM, config -> config.setAll(settings(settings)))) {
      return model.logits(new ModelInput(Tensor.of(ids, 1, 24), null, null)).toFloats();
    }
  }

  private void assertRefused(String family, String settings, String message) {
    assertThatThrownBy(() -> logits(family, settings))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(message.replace("CONFIG", folder.resolve("config.json").toString()));
  }

  // ---- spellings ----

  private static final String LLAMA3 =
      "'factor': 8.0, 'low_freq_factor': 1.0, 'high_freq_factor': 4.0,"
          + " 'original_max_position_embeddings': 16";

  @Test
  void olderAndNewerSpellingsOfRotarySettingsMeanTheSame() {
    float[] plain = logits("llama", "");
    float[] newer =
        logits(
            "llama",
            "'rope_parameters': {'rope_type': 'llama3', 'rope_theta': 5e5, " + LLAMA3 + "}");
    assertThat(newer).isNotEqualTo(plain);
    String older = "'rope_theta': 5e5, 'rope_scaling': {'%s': 'llama3', " + LLAMA3 + "}";
    assertThat(logits("llama", older.formatted("rope_type"))).isEqualTo(newer);
    assertThat(logits("llama", older.formatted("type"))).isEqualTo(newer);
  }

  @Test
  void olderAndNewerSpellingsOfGemma3MeanTheSame() {
    String family = "gemma3_text 'head_dim': 8, 'sliding_window': 4";
    String layers = "'layer_types': ['sliding_attention', 'full_attention'], ";
    float[] newer =
        logits(
            family,
            layers
                + "'rope_parameters': {'full_attention': {'rope_type': 'linear', 'factor': 8.0,"
                + " 'rope_theta': 2e6}, 'sliding_attention': {'rope_theta': 5e3}}");
    float[] older =
        logits(
            family,
            "'sliding_window_pattern': 2, 'rope_theta': 2e6, 'rope_local_base_freq': 5e3,"
                + " 'rope_scaling': {'rope_type': 'linear', 'factor': 8.0}");
    assertThat(older).isEqualTo(newer);
    float[] oneRope =
        logits(
            family, "'sliding_window_pattern': 2, 'rope_theta': 2e6, 'rope_local_base_freq': 2e6");
    assertThat(oneRope).isNotEqualTo(newer);
  }

  /** Longrope's older names in Phi-3, whose length of pretraining is a key of its own. */
  @Test
  void phi3sOlderNamesOfLongropeMeanTheSame() {
    String settings =
        "'original_max_position_embeddings': 16, 'rope_scaling': {'type': '%s', 'short_factor':"
            + " [1, 1.5, 2, 3], 'long_factor': [2, 3, 5, 8]}";
    float[] longrope = logits("phi3", settings.formatted("longrope"));
    assertThat(logits("phi3", settings.formatted("su"))).isEqualTo(longrope);
    assertThat(logits("phi3", settings.formatted("yarn"))).isEqualTo(longrope);
    assertThat(logits("phi3", "")).isNotEqualTo(longrope);
  }

  @Test
  void dynamicScalingStartsBeyondTheModelsLength() {
    String dynamic = "'rope_scaling': {'type': 'dynamic', 'factor': 2.0}";
    assertThat(logits("llama", dynamic)).isEqualTo(logits("llama", ""));
    assertThat(logits("llama", dynamic + ", 'max_position_embeddings': 16"))
        .isNotEqualTo(logits("llama", ""));
  }

  @Test
  void layerTypesSayWhichLayersHaveAWindow() {
    String window = "'use_sliding_window': true, 'sliding_window': 4, ";
    float[] second = logits("qwen2", window + "'max_window_layers': 1");
    String types = "'layer_types': ['full_attention', 'sliding_attention']";
    assertThat(logits("qwen2", window + types)).isEqualTo(second);
    assertThat(logits("qwen2", "'sliding_window': 4, 'max_window_layers': 1"))
        .isEqualTo(logits("qwen2", ""));
    assertThat(logits("mistral", "'sliding_window': null")).isEqualTo(logits("llama", ""));
    assertThat(logits("mistral", "'sliding_window': 4")).isNotEqualTo(logits("llama", ""));
  }

  @Test
  void smolLm3sLayersWithoutRotationsAreListedOrCounted() {
    float[] second = logits("smollm3", "'no_rope_layer_interval': 2");
    assertThat(logits("smollm3", "'no_rope_layers': [1, 0]")).isEqualTo(second);
    assertThat(logits("smollm3", "'no_rope_layers': [1, 0, 1]")).isEqualTo(second);
    assertThat(logits("smollm3", "")).isNotEqualTo(second);
    String theta = "'tie_word_embeddings': true, 'rope_theta': 2e6";
    assertThat(logits("llama", theta)).isEqualTo(logits("smollm3", "")); // its layers both rotate
  }

  @Test
  void smolLm3sWindowIsThatOfLayersWithoutRotations() {
    String window = "'no_rope_layers': [1, 0], 'use_sliding_window': true, 'sliding_window': 4";
    String types = ", 'layer_types': ['full_attention', 'sliding_attention']";
    assertThat(logits("smollm3", window)).isEqualTo(logits("smollm3", window + types));
    assertThat(logits("smollm3", window))
        .isNotEqualTo(logits("smollm3", "'no_rope_layers': [1, 0], 'sliding_window': 4"));
  }

  @Test
  void gemma3sClassesAreThoseOfTransformers() {
    assertThat(Gemma.Family.GEMMA3.className(HeadType.CAUSAL_LM)).isEqualTo("Gemma3ForCausalLM");
    assertThat(Gemma.Family.GEMMA3.className(HeadType.SEQUENCE_CLASSIFICATION))
        .isEqualTo("Gemma3TextForSequenceClassification");
  }

  // ---- refusals ----

  @Test
  void anUnknownRopeTypeNamesThoseThereAre() {
    assertRefused(
        "llama",
        "'rope_scaling': {'type': 'spiral'}",
        "CONFIG: rope_scaling: rope_type \"spiral\" is not supported; supported: default, dynamic,"
            + " linear, llama3, longrope, yarn");
  }

  @Test
  void aScalingThatLacksASettingNamesIt() {
    assertRefused(
        "llama",
        "'rope_parameters': {'rope_type': 'linear', 'rope_theta': 1e4}",
        "CONFIG: rope_parameters lacks \"factor\", which must be a number");
    assertRefused(
        "phi3",
        "'original_max_position_embeddings': 16, 'rope_scaling': {'type': 'longrope',"
            + " 'short_factor': [1, 2, 3]}",
        "CONFIG: rope_scaling: short_factor has 3 factors, not 4");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          llama | 'partial_rotary_factor': 0.5 | CONFIG: rope_parameters: partial_rotary_factor leaves 4 of 8 elements of a head to rotate, and this model_type rotates all
          phi3 | 'partial_rotary_factor': -0.5 | CONFIG: partial_rotary_factor -0.5 of a head of 8 elements has -4 turn: it must be an even number of them
          phi3 | 'partial_rotary_factor': 96 | CONFIG: partial_rotary_factor 96.0 of a head of 8 elements has 768 turn: it must be an even number of them
          phi3 | 'partial_rotary_factor': 0.4 | CONFIG: partial_rotary_factor 0.4 of a head of 8 elements has 3 turn: it must be an even number of them
          qwen2 | 'rope_parameters': {'full_attention': {'rope_theta': 1e4}} | CONFIG: rope_parameters differ by layer type, which no layer of a qwen2 model asks for
          llama | 'num_key_value_heads': 3 | config.json: num_attention_heads 4 is no multiple of num_key_value_heads 3: is it from this checkpoint?
          llama | 'hidden_size': 2, 'head_dim': null | config.json: hidden_size 2 has no room for 4 heads (num_attention_heads): is it from this checkpoint?
          gemma2 | 'sliding_window': null | CONFIG: layers slide, but sliding_window is null
          gemma2 | 'layer_types': ['full_attention'] | CONFIG: layer_types must be 2 times full_attention or sliding_attention, and is ["full_attention"]
          smollm3 | 'no_rope_layers': [1] | CONFIG: no_rope_layers must have a 0 or 1 for each of 2 layers, and is [1]
          smollm3 | 'no_rope_layer_interval': 0 | CONFIG: no_rope_layer_interval is 0: it must be at least 1
          gemma3_text | 'use_bidirectional_attention': true | CONFIG: use_bidirectional_attention is true, and only false is supported: the model would compute something else
          llama | 'hidden_act': 'mish' | unknown activation "mish"; supported: gelu, gelu_new, gelu_pytorch_tanh, relu, silu, swish, tanh
          """)
  void settingsThatAreNotBuiltAreRefused(String family, String settings, String message) {
    assertRefused(family, settings, message);
  }
}
