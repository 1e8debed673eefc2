package dev.lorikeet.torch;

import org.jspecify.annotations.Nullable;

/**
 * Something that the user can mend went wrong: a file, a value, a machine. The message is one line
 * that says what is wrong, where, both values, and the mend. The command line exits with status 1.
 *
 * @see UsageException for settings that are wrong in themselves (status 2)
 */
public class LorikeetException extends RuntimeException {
  public LorikeetException(String message) {
    super(message);
  }

  public LorikeetException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
