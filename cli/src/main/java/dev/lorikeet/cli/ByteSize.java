package dev.lorikeet.cli;

import dev.lorikeet.torch.UsageException;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The sizes that users type: {@code 5GB}, {@code 200MB}, {@code 1GiB}. */
final class ByteSize {
  private static final Pattern SIZE = Pattern.compile("(\\d{1,9})([KMG]i?B)");
  private static final Map<String, Long> UNITS =
      Map.of(
          "KB",
          1_000L,
          "MB",
          1_000_000L,
          "GB",
          1_000_000_000L,
          "KiB",
          1L << 10,
          "MiB",
          1L << 20,
          "GiB",
          1L << 30);

  private ByteSize() {}

  /**
   * The bytes that {@code text} stands for.
   *
   * @throws UsageException when it is no size, or nothing
   */
  static long of(String text) {
    Matcher size = SIZE.matcher(text);
    long unit = size.matches() ? UNITS.getOrDefault(size.group(2), 0L) : 0;
    long bytes = unit == 0 ? 0 : Long.parseLong(size.group(1)) * unit;
    if (bytes == 0) {
      throw new UsageException("\"" + text + "\" is no size: write 5GB, 200MB or 1GiB for example");
    }
    return bytes;
  }
}
