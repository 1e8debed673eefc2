package dev.lorikeet.cli;

import dev.lorikeet.data.DataReader.OnBadRow;
import dev.lorikeet.torch.UsageException;

/** The names that users type for what to do with malformed rows. */
final class OnBadRowNames {
  private OnBadRowNames() {}

  static OnBadRow of(String name) {
    return switch (name) {
      case "fail" -> OnBadRow.FAIL;
      case "skip" -> OnBadRow.SKIP;
      default -> throw new UsageException("unknown on_bad_row \"" + name + "\": use fail or skip");
    };
  }
}
