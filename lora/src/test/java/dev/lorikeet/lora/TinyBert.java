package dev.lorikeet.lora;

import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/** BERT of two layers, 32 wide, as recorded with transformers and PEFT, with adapters beside it. */
final class TinyBert {
  static final String CLASSIFY = "bert-classify-lora";
  static final String MLM = "bert-mlm";

  private TinyBert() {}

  static Path folder(String name) {
    try {
      return Path.of(Objects.requireNonNull(TinyBert.class.getResource("/golden/" + name)).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  static Model open(String name) {
    return Model.open(folder(name), ModelOptions.DEFAULT);
  }

  /** Two texts of four tokens, the second padded. */
  static ModelInput input() {
    return new ModelInput(
        Tensor.of(new long[] {5, 61, 7, 9, 80, 33, 2, 0}, 2, 4),
        Tensor.of(new long[] {1, 1, 1, 1, 1, 1, 1, 0}, 2, 4),
        null);
  }

  static Tensor logits(Model model) {
    return model.logits(input());
  }

  /** Gives all of an adapter's parameters values as training might, none of them zero. */
  static void randomize(Adapter adapter) {
    Torch.seed(5);
    for (Parameter parameter : adapter.parameters().values()) {
      parameter.original().setInPlace(Tensor.normal(0, 0.2, parameter.original().shape()));
    }
  }

  /** The bytes of all tensors that the model answers with now. */
  static Map<String, byte[]> bytes(Model model) {
    Map<String, byte[]> bytes = new LinkedHashMap<>();
    model.stateDict().forEach((name, tensor) -> bytes.put(name, tensor.toBytes()));
    return bytes;
  }
}
