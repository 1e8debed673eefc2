package dev.lorikeet.torch;

import java.util.Locale;

/** An operation asked for more memory than the host or the GPU has left. */
public final class OutOfMemory extends LorikeetException {
  /** libtorch's own words, for GPUs and for the host. */
  OutOfMemory(Throwable cause) {
    super("out of memory: " + firstLine(cause), cause);
  }

  /** One that says what was too large. */
  public OutOfMemory(String message) {
    super(message);
  }

  /** Whether an exception of libtorch's says that memory ran out. */
  static boolean is(Throwable thrown) {
    String message = String.valueOf(thrown.getMessage()).toLowerCase(Locale.ROOT);
    return message.contains("out of memory")
        || message.contains("defaultcpuallocator")
        || message.contains("can't allocate memory");
  }

  private static String firstLine(Throwable thrown) {
    String message = String.valueOf(thrown.getMessage());
    return message
        .lines()
        .filter(line -> is(new RuntimeException(line)))
        .findFirst()
        .orElse(message)
        .strip();
  }
}
