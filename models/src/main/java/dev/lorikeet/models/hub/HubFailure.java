package dev.lorikeet.models.hub;

import dev.lorikeet.torch.LorikeetException;
import org.jspecify.annotations.Nullable;

/** The hub did not give what it was asked for. */
final class HubFailure extends LorikeetException {
  private final boolean unreachable;

  private HubFailure(String message, boolean unreachable, @Nullable Throwable cause) {
    super(message, cause);
    this.unreachable = unreachable;
  }

  /** It answered, and said no. */
  static HubFailure refused(String message) {
    return new HubFailure(message, false, null);
  }

  /** What answered speaks otherwise than a hub. */
  static HubFailure noHub(HubSettings settings) {
    return refused(
        settings.site()
            + " does not answer as a hub does: check HF_ENDPOINT, and whether a proxy or a log-in page"
            + " answers in its place");
  }

  /** It did not answer, or not now. */
  static HubFailure unreachable(String message, @Nullable Throwable cause) {
    return new HubFailure(message, true, cause);
  }

  /** Whether a copy from an earlier run may stand in. */
  boolean isUnreachable() {
    return unreachable;
  }
}
