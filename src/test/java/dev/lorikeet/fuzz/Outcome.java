package dev.lorikeet.fuzz;

import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * How a command ended on a damaged file.
 *
 * @param verdict whether that is right
 * @param what of a fault what is wrong, of a refusal its message
 */
record Outcome(Verdict verdict, String what) {
  enum Verdict {
    /** It did what it was asked. */
    ACCEPTED,
    /** It refused with one line. */
    REFUSED,
    /** Anything else. */
    FAULT
  }

  /** A line that can be read: a screen of 80 columns shows it in less than 20 lines. */
  static final int LONGEST_MESSAGE = 1_500;

  private static final String ERROR = "error: ";

  /** Colours and cursors, and letters that turn the direction of writing. */
  private static final Pattern CONTROL =
      Pattern.compile("[\\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069&&[^\n\r\t]]");

  static Outcome of(int status, String out, String err) {
    if (CONTROL.matcher(out).find() || CONTROL.matcher(err).find()) {
      return fault("control characters: " + err + out);
    }
    List<String> lines = err.lines().toList();
    List<Integer> errors =
        java.util.stream.IntStream.range(0, lines.size())
            .filter(i -> lines.get(i).startsWith(ERROR))
            .boxed()
            .toList();
    if (status == 0) {
      return errors.isEmpty() ? new Outcome(Verdict.ACCEPTED, "") : fault("0, yet " + err);
    }
    if (status != 1 && status != 2) {
      return fault("status " + status + ": " + err);
    }
    if (errors.size() != 1 || errors.get(0) != lines.size() - 1) {
      return fault(
          "not one line: "
              + (errors.isEmpty()
                  ? err
                  : String.join("\n", lines.subList(errors.get(0), lines.size()))));
    }
    String message = lines.get(lines.size() - 1).substring(ERROR.length());
    if (message.length() > LONGEST_MESSAGE) {
      return fault("message of " + message.length() + " characters: " + message);
    }
    if (message.isBlank() || message.toLowerCase(Locale.ROOT).equals("null")) {
      return fault("empty message");
    }
    return new Outcome(Verdict.REFUSED, message);
  }

  static Outcome fault(String what) {
    return new Outcome(Verdict.FAULT, what);
  }
}
