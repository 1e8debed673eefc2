package dev.lorikeet.export;

import dev.lorikeet.models.Checkpoint;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.Tensor;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * A tiny checkpoint with inputs, and what Hugging Face transformers 5.18 and PEFT 0.21 answer to
 * them: {@code base} as it is, {@code merged} with an adapter merged into it. Its tensors belong to
 * the scope that is open.
 */
record Golden(Path folder, ModelConfig config, HeadType task, Safetensors expected) {
  static final List<String> NAMES =
      List.of(
          "bert-classify-lora",
          "bert-tag-rslora-pattern",
          "bert-mlm",
          "bert-regress-lora-all-linear",
          "bert-multilabel-bitfit-bias");

  /** The tolerance that the cases themselves record: float32 sums in another order. */
  static final double TOLERANCE = 2e-5;

  static Golden open(String name) {
    try {
      Path folder =
          Path.of(Objects.requireNonNull(Golden.class.getResource("/golden/" + name)).toURI());
      ModelConfig config = ModelConfig.read(folder);
      return new Golden(
          folder,
          config,
          Objects.requireNonNull(config.headType()),
          Safetensors.open(folder.resolve("expected.safetensors")));
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The base's weights by name. */
  Map<String, Tensor> baseWeights() {
    Checkpoint checkpoint = Checkpoint.open(folder);
    Map<String, Tensor> weights = new LinkedHashMap<>();
    checkpoint.names().forEach(name -> weights.put(name, checkpoint.tensor(name)));
    return weights;
  }

  Tensor weight(String name) {
    return Checkpoint.open(folder).tensor(name);
  }

  /** The weights after PEFT's own merge: those of the base, and each that the merge changed. */
  Map<String, Tensor> mergedWeights() {
    Map<String, Tensor> weights = baseWeights();
    for (String name : List.copyOf(weights.keySet())) {
      if (expected.names().contains("merged." + name)) {
        weights.put(name, expected.tensor("merged." + name));
      }
    }
    return weights;
  }

  /** The inputs; rows of several lengths, some with two texts. */
  ModelInput input() {
    String types = "inputs.token_type_ids";
    return new ModelInput(
        expected.tensor("inputs.input_ids"),
        expected.tensor("inputs.attention_mask"),
        expected.names().contains(types) ? expected.tensor(types) : null);
  }

  /** The inputs with the answers of {@code which}: base or merged. */
  Checked batch(String which) {
    return Checked.of(input(), expected.tensor(which + ".logits"));
  }

  /** An export of the base. */
  OnnxExport baseExport() {
    return new OnnxExport(config, task, baseWeights());
  }
}
