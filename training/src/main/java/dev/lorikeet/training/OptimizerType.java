package dev.lorikeet.training;

import dev.lorikeet.torch.UsageException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** The optimizers, with the settings that each of them has. */
public enum OptimizerType {
  ADAMW(true, "beta1 beta2 eps"),
  ADAM(false, "beta1 beta2 eps"),
  SGD(false, "momentum dampening nesterov"),
  RMSPROP(false, "alpha eps centered momentum"),
  ADAGRAD(false, "eps"),
  ADAFACTOR(true, "beta1 eps decay_rate clip_threshold scale_parameter"),
  LION(true, "beta1 beta2");

  private final boolean decoupled;
  private final String keys;

  OptimizerType(boolean decoupled, String keys) {
    this.decoupled = decoupled;
    this.keys = keys;
  }

  /** Whether torch's optimizer of that name shrinks parameters beside the gradient's step. */
  boolean decoupled() {
    return decoupled;
  }

  /** The names of its settings. */
  public List<String> keys() {
    return List.of(keys.split(" ", -1));
  }

  /** The name that users type. */
  public String id() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * The optimizer called {@code id}.
   *
   * @throws UsageException when there is none, listing those there are
   */
  public static OptimizerType of(String id) {
    return Arrays.stream(values())
        .filter(type -> type.id().equals(id))
        .findFirst()
        .orElseThrow(
            () ->
                new UsageException(
                    "unknown optimizer \""
                        + id
                        + "\": use "
                        + Arrays.stream(values())
                            .map(OptimizerType::id)
                            .collect(Collectors.joining(", "))));
  }
}
