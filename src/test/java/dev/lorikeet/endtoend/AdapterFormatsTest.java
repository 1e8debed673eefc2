package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code lorikeet adapter convert}: other tools' files, and back. */
class AdapterFormatsTest {
  private static final Path LLAMA = Path.of("resources/golden/llama-lm-lora");
  private static final String QUERY = "model.layers.1.self_attn.q_proj";

  @TempDir Path temporary;

  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static Map<String, byte[]> bytes(Path folder) {
    Map<String, byte[]> bytes = new TreeMap<>();
    Safetensors file = Safetensors.open(folder.resolve("adapter_model.safetensors"));
    file.names().forEach(name -> bytes.put(name, file.tensor(name).toBytes()));
    return bytes;
  }

  private static Tensor logits(Path base, Path adapter) {
    try (Model model = Model.open(base, ModelOptions.DEFAULT)) {
      AdapterFolder.open(adapter).attachTo(model);
      Tensor ids = Tensor.of(new long[] {5, 61, 7, 9, 80, 33}, 2, 3);
      return model.logits(new ModelInput(ids, null, null)).copy();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "llama-lm-lora, kohya",
    "llama-lm-lora, torchtune",
    "llama-lm-lora, mlx",
    "llama-lm-rope-yarn, mlx",
    "bert-mlm, kohya",
    "gpt2-lm-lora, kohya",
  })
  void thereAndBackEveryByteIsTheSame(String name, String format) {
    Path base = Path.of("resources/golden").resolve(name);
    Path there = temporary.resolve("there");
    Path back = temporary.resolve("back");
    Cli.done(
        "adapter convert %s --to %s --model %s --output %s",
        base.resolve("adapter"), format, base.resolve("config.json"), there);
    Cli.done(
        "adapter convert %s --from %s --model %s --output %s",
        there, format, base.resolve("config.json"), back);
    Map<String, byte[]> before = bytes(base.resolve("adapter"));
    Map<String, byte[]> after = bytes(back);
    assertThat(after.keySet()).isEqualTo(before.keySet());
    after.forEach((tensor, value) -> assertThat(value).as(tensor).isEqualTo(before.get(tensor)));
    assertThat(logits(base, back).sameAs(logits(base, base.resolve("adapter")))).isTrue();
  }

  // ---- files by hand ----

  private void write(String file, Map<String, Tensor> tensors, String config) throws IOException {
    Safetensors.write(temporary.resolve(file), tensors, Map.of());
    if (!config.isEmpty()) {
      Files.writeString(temporary.resolve("adapter_config.json"), config);
    }
  }

  private static Tensor counting(double start, long... shape) {
    long count = 1;
    for (long size : shape) {
      count *= size;
    }
    float[] values = new float[(int) count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (start + i) / 64;
    }
    return Tensor.of(values, shape);
  }

  private Path converted(String format) {
    Path output = temporary.resolve("peft");
    Cli.done(
        "adapter convert %s --from %s --model %s --output %s",
        temporary, format, LLAMA.resolve("config.json"), output);
    return output;
  }

  private static Tensor tensor(Path folder, String name) {
    return Safetensors.open(folder.resolve("adapter_model.safetensors"))
        .tensor("base_model.model." + name);
  }

  /** y = W x + scale · (x A) B, so PEFT's A and B are the transposed ones, and α = scale · r. */
  @Test
  void mlxMatricesAreTransposedAndTheirScaleIsAlphaOverRank() throws IOException {
    Tensor a = counting(1, 32, 2);
    Tensor b = counting(100, 2, 32);
    write(
        "adapters.safetensors",
        new LinkedHashMap<>(Map.of(QUERY + ".lora_a", a, QUERY + ".lora_b", b)),
        """
        {"fine_tune_type": "lora", "num_layers": 1, "model": "mlx-community/x", "seed": 0,
         "lora_parameters": {"rank": 2, "scale": 20.0, "dropout": 0.1, "keys": ["self_attn.q_proj"]}}
        """);
    Path peft = converted("mlx");
    assertThat(tensor(peft, QUERY + ".lora_A.weight").sameAs(a.transpose(0, 1).contiguous()))
        .isTrue();
    assertThat(tensor(peft, QUERY + ".lora_B.weight").sameAs(b.transpose(0, 1).contiguous()))
        .isTrue();
    var config = Cli.parse(Files.readString(peft.resolve("adapter_config.json")));
    assertThat(config.path("lora_alpha").asDouble()).isEqualTo(40);
    assertThat(config.path("r").asInt()).isEqualTo(2);
    assertThat(config.path("lora_dropout").asDouble()).isEqualTo(0.1);
    assertThat(config.path("task_type").asText()).isEqualTo("CAUSAL_LM");
    assertThat(config.path("target_modules").toString()).isEqualTo("[\"" + QUERY + "\"]");
  }

  /** torchtune's row 2i + k of a head of 8 is transformers' row i + 4k; values have no order. */
  @Test
  void torchtuneRowsOfQueriesAndKeysAreSortedByHead() throws IOException {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (String layer : new String[] {"q_proj", "k_proj", "v_proj"}) {
      int out = layer.equals("q_proj") ? 32 : 16;
      tensors.put("layers.1.attn." + layer + ".lora_a.weight", counting(0, 1, 32));
      tensors.put("layers.1.attn." + layer + ".lora_b.weight", counting(0, out, 1));
    }
    write(
        "adapter_model.safetensors",
        tensors,
        """
        {"r": 1, "lora_alpha": 4, "target_modules": ["q_proj", "k_proj", "v_proj"], "peft_type": "LORA"}
        """);
    Path peft = converted("torchtune");
    float[] head = {0, 2, 4, 6, 1, 3, 5, 7};
    for (String layer : new String[] {"q_proj", "k_proj", "v_proj"}) {
      float[] rows =
          tensor(peft, "model.layers.1.self_attn." + layer + ".lora_B.weight").mul(64).toFloats();
      for (int i = 0; i < rows.length; i++) {
        float sorted = layer.equals("v_proj") ? i : i / 8 * 8 + head[i % 8];
        assertThat(rows[i]).as(layer + " " + i).isEqualTo(sorted);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "lora_te_model_layers_1_self_attn_q_proj.lora_down.weight",
        "lora_te1_model_layers_1_self_attn_q_proj.lora_down.weight",
        "text_encoder.model.layers.1.self_attn.q_proj.lora.down.weight",
        "model.layers.1.self_attn.q_proj.lora_linear_layer.down.weight"
      })
  void kohyaAndDiffusersNamesFindTheirLayer(String down) throws IOException {
    Tensor a = counting(1, 2, 32);
    Tensor b = counting(100, 32, 2);
    boolean kohya = down.contains("lora_down");
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put(down, a);
    tensors.put(down.replace("down", "up"), b);
    if (kohya) {
      tensors.put(down.replace("lora_down.weight", "alpha"), Tensor.of(new float[] {6}));
    }
    write("any.safetensors", tensors, "");
    Path peft = converted("kohya");
    assertThat(tensor(peft, QUERY + ".lora_A.weight").sameAs(a)).isTrue();
    assertThat(tensor(peft, QUERY + ".lora_B.weight").sameAs(b)).isTrue();
    var config = Cli.parse(Files.readString(peft.resolve("adapter_config.json")));
    assertThat(config.path("lora_alpha").asInt()).isEqualTo(kohya ? 6 : 2);
  }

  // ---- refusals ----

  private void refused(String format, String message) {
    Cli cli =
        Cli.run(
            "adapter convert %s --from %s --model %s --output %s",
            temporary, format, LLAMA.resolve("config.json"), temporary.resolve("never"));
    assertThat(cli.status()).as(cli.out()).isEqualTo(1);
    assertThat(cli.err()).startsWith("error: ").contains(message).hasLineCount(1);
    assertThat(temporary.resolve("never")).doesNotExist();
  }

  /** Rows of queries are sorted by head: a tensor of too few of them has no heads to sort by. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "1, 32 | 4, 1 | model.layers.1.self_attn.q_proj B is [4, 1], this model asks for [32, 1]",
        "1, 32 | 32 | model.layers.1.self_attn.q_proj B is [32], this model asks for [32, 1]",
        "1 | 32, 1 | lora_a.weight\" is [1], and a matrix of two axes is needed",
        "0, 32 | 32, 0 | lora_a.weight\" is [0, 32], and a matrix of two axes is needed",
      })
  void torchtunesTensorsOfOtherShapesAreRefused(String a, String b, String message)
      throws IOException {
    String layer = "layers.1.attn.q_proj.";
    write(
        "adapter_model.safetensors",
        Map.of(layer + "lora_a.weight", of(a), layer + "lora_b.weight", of(b)),
        "{\"r\": 1, \"lora_alpha\": 4}");
    refused("torchtune", message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "2 | 32, 2 | 1 | q.lora_down.weight\" is [2], and a matrix of two axes is needed",
        "2, 32 | 32, 2, 1 | 1 | q.lora_up.weight\" is [32, 2, 1], and a matrix of two axes is needed",
        "2, 32 | 32, 2 | 2 | q.alpha\" is [2], and one number is needed",
      })
  void kohyasTensorsOfOtherShapesAreRefused(String down, String up, String alpha, String message)
      throws IOException {
    write(
        "a.safetensors",
        Map.of("q.lora_down.weight", of(down), "q.lora_up.weight", of(up), "q.alpha", of(alpha)),
        "");
    refused("kohya", message);
  }

  private static Tensor of(String shape) {
    return counting(
        1, Pattern.compile(", ").splitAsStream(shape).mapToLong(Long::parseLong).toArray());
  }

  @Test
  void whatHasNoPlaceIsRefused() throws IOException {
    write(
        "a.safetensors",
        new LinkedHashMap<>(
            Map.of(
                "lora_unet_down_blocks_0.lora_down.weight", counting(1, 2, 32),
                "lora_unet_down_blocks_0.lora_up.weight", counting(1, 32, 2))),
        "");
    refused("kohya", "U-Nets of image generators are not models that Lorikeet knows");
    Files.delete(temporary.resolve("a.safetensors"));
    Files.writeString(temporary.resolve("adapter_0.pt"), "pickle");
    Files.writeString(temporary.resolve("adapter_config.json"), "{\"r\": 2, \"lora_alpha\": 4}");
    refused("torchtune", "adapter_0.pt only, and opening a pickle can run any code");
    write(
        "adapter_model.safetensors",
        Map.of("layers.0.moe.experts.lora_a.weight", counting(0, 2, 32)),
        "");
    refused("torchtune", "no layer of torchtune's is known as \"layers.0.moe.experts\"");
    Files.writeString(
        temporary.resolve("adapter_config.json"),
        "{\"fine_tune_type\": \"full\", \"num_layers\": 2}");
    refused("mlx", "fine_tune_type is \"full\", and only lora and dora are adapters");
    Files.writeString(
        temporary.resolve("adapter_config.json"),
        "{\"num_layers\": 2, \"lora_parameters\": {\"rank\": 8, \"alpha\": 16, \"scale\": 10}}");
    refused("mlx", "lora_parameters has alpha");
    write(
        "adapters.safetensors",
        new LinkedHashMap<>(
            Map.of(
                QUERY + ".lora_a", counting(0, 32, 2),
                QUERY + ".lora_b", counting(0, 2, 16))),
        "{\"num_layers\": 2, \"lora_parameters\": {\"rank\": 2, \"scale\": 10}}");
    refused("mlx", QUERY + " B is [16, 2], this model asks for [32, 2]");
  }

  @ParameterizedTest
  @CsvSource({
    "bert-classify-lora, kohya, classifier",
    "bert-classify-ia3, kohya, IA3",
    "llama-lm-dora-pattern, kohya, DoRA",
    "llama-lm-dora-pattern, mlx, one rank for all layers",
    "qwen2-lm-lora, torchtune, not for qwen2",
    "gpt2-lm-lora, mlx, model.layers",
  })
  void whatAFormatCannotHoldIsNotLeftOut(String name, String format, String reason) {
    Path base = Path.of("resources/golden").resolve(name);
    Cli cli =
        Cli.run(
            "adapter convert %s --to %s --model %s --output %s",
            base.resolve("adapter"), format, base.resolve("config.json"), temporary.resolve("x"));
    assertThat(cli.status()).isEqualTo(1);
    assertThat(cli.err()).startsWith("error: ").contains(reason);
    assertThat(temporary.resolve("x")).doesNotExist();
  }

  @Test
  void unknownFormatsAreWrongUsage() {
    Cli cli = Cli.run("adapter convert a --to gguf --model b --output c");
    assertThat(cli.status()).isEqualTo(2);
    assertThat(cli.err()).contains("unknown format \"gguf\": use peft, kohya, torchtune, mlx");
  }
}
