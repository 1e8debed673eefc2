package dev.lorikeet.adapters;

import dev.lorikeet.torch.UsageException;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** Which of the base's biases are trained with an adapter; {@code bias} in adapter_config.json. */
public enum Bias {
  NONE,
  /** All of the model. */
  ALL,
  /** Those of the adapted layers. */
  LORA_ONLY;

  /** The name in adapter_config.json. */
  public String id() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * The setting called {@code id}.
   *
   * @throws UsageException when there is none, listing those there are
   */
  public static Bias of(String id) {
    return Arrays.stream(values())
        .filter(bias -> bias.id().equals(id))
        .findFirst()
        .orElseThrow(
            () ->
                new UsageException(
                    "unknown bias \""
                        + id
                        + "\": use "
                        + Arrays.stream(values()).map(Bias::id).collect(Collectors.joining(", "))));
  }
}
