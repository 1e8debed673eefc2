package dev.lorikeet.lora;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;

/** How LoRA's A starts; {@code init_lora_weights} in adapter_config.json. */
public enum LoraInit {
  /** U(−1/√in, 1/√in): Kaiming-uniform with a = √5, as PEFT's {@code true}. */
  KAIMING {
    @Override
    Tensor draw(long r, long in) {
      double bound = 1 / Math.sqrt((double) in);
      return Tensor.uniform(-bound, bound, r, in);
    }

    @Override
    JsonNode json() {
      return JsonNodeFactory.instance.booleanNode(true);
    }
  },
  /** N(0, 1/r²), a standard deviation of 1/r, as PEFT's {@code "gaussian"}. */
  GAUSSIAN {
    @Override
    Tensor draw(long r, long in) {
      return Tensor.normal(0, 1.0 / r, r, in);
    }

    @Override
    JsonNode json() {
      return JsonNodeFactory.instance.textNode("gaussian");
    }
  };

  /** A new A [r, in], float32. */
  abstract Tensor draw(long r, long in);

  abstract JsonNode json();

  /** Reads {@code init_lora_weights}, which is {@code true} where it is missing. */
  static LoraInit read(JsonNode json) {
    return json.isMissingNode() || json.isNull() ? KAIMING : of(json.asText());
  }

  /**
   * The initialisation that {@code init_lora_weights} calls {@code id}: {@code true} or {@code
   * gaussian}.
   *
   * @throws UsageException when it asks for an initialisation that is not built here
   */
  public static LoraInit of(String id) {
    return switch (id) {
      case "true" -> KAIMING;
      case "gaussian" -> GAUSSIAN;
      default ->
          throw new UsageException(
              "init_lora_weights \"" + id + "\" is not supported: use true or gaussian");
    };
  }
}
