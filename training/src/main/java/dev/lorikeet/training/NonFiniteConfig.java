package dev.lorikeet.training;

import dev.lorikeet.models.settings.Bounds;
import dev.lorikeet.models.settings.Setting;
import dev.lorikeet.torch.UsageException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** What becomes of a step whose loss or gradients are NaN or infinite. */
@Setting.Group("Regularization")
public record NonFiniteConfig(
    @Setting("Stop at a step whose loss or gradients are not finite, or leave it out.") OnNan onNan,
    @Setting(value = "Stop at N such steps in a row.", key = "max_nan_steps")
        @Setting.Range(atLeast = 1)
        int maxInARow) {
  /** The run stops. */
  public static final NonFiniteConfig DEFAULT = new NonFiniteConfig(OnNan.STOP, 10);

  public NonFiniteConfig {
    Bounds.check(NonFiniteConfig.class, onNan, maxInARow);
  }

  /** Stop the run, or leave the step out: parameters and optimizer stay as they are. */
  public enum OnNan {
    STOP,
    SKIP;

    public String id() {
      return name().toLowerCase(Locale.ROOT);
    }

    /**
     * By what users type.
     *
     * @throws UsageException when it is none of them
     */
    public static OnNan of(String id) {
      List<String> ids = Arrays.stream(values()).map(OnNan::id).toList();
      if (!ids.contains(id)) {
        throw new UsageException("on_nan is \"" + id + "\": use stop or skip");
      }
      return values()[ids.indexOf(id)];
    }
  }
}
