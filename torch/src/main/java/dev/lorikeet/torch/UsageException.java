package dev.lorikeet.torch;

/**
 * A setting is wrong in itself: an unknown key, a value out of range, a target that matches
 * nothing. The command line exits with status 2.
 */
public class UsageException extends LorikeetException {
  public UsageException(String message) {
    super(message);
  }
}
