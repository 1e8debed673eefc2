package dev.lorikeet.training;

import dev.lorikeet.models.settings.Kind;
import dev.lorikeet.torch.UsageException;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** The optimizers, with the settings that each of them has. */
public enum OptimizerType implements Kind<OptimizerConfig> {
  ADAMW(true, "beta1=0.9 beta2=0.999 eps=1e-8"),
  ADAM(false, "beta1=0.9 beta2=0.999 eps=1e-8"),
  SGD(false, "momentum dampening nesterov"),
  RMSPROP(false, "alpha=0.99 eps=1e-8 centered momentum"),
  ADAGRAD(false, "eps=1e-10"),
  ADAFACTOR(true, "beta1 eps=1e-30 decay_rate=-0.8 clip_threshold=1 scale_parameter"),
  LION(true, "beta1=0.9 beta2=0.99");

  private final boolean decoupled;
  private final String settings;

  OptimizerType(boolean decoupled, String settings) {
    this.decoupled = decoupled;
    this.settings = settings;
  }

  /** Whether torch's optimizer of that name shrinks parameters beside the gradient's step. */
  boolean decoupled() {
    return decoupled;
  }

  @Override
  public String settings() {
    return settings;
  }

  @Override
  public OptimizerConfig defaults() {
    return OptimizerConfig.of(this);
  }

  @Override
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
