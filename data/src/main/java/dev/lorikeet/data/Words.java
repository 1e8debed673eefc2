package dev.lorikeet.data;

import java.util.ArrayList;
import java.util.List;

/** The words of texts that did not come split, and where in a text words stand. */
public final class Words {
  private Words() {}

  /**
   * Splits a text: words stand between white space; each punctuation mark at either end of one is a
   * word of its own, as in most tagged corpora, and so is each ideograph. So {@code (Berlin, 3.5)}
   * has the words {@code ( Berlin , 3.5 )}.
   */
  public static List<String> of(String text) {
    List<String> words = new ArrayList<>();
    for (String chunk : text.strip().split("\\s+", -1)) {
      split(chunk, words);
    }
    return words;
  }

  private static void split(String chunk, List<String> words) {
    int start = 0;
    while (start < chunk.length() && isMark(chunk.codePointAt(start))) {
      start = add(chunk, start, words);
    }
    int end = chunk.length();
    while (end > start && isMark(chunk.codePointBefore(end))) {
      end -= Character.charCount(chunk.codePointBefore(end));
    }
    int word = start;
    for (int i = start; i < end; ) {
      if (Character.isIdeographic(chunk.codePointAt(i))) {
        addWord(chunk, word, i, words);
        i = add(chunk, i, words);
        word = i;
      } else {
        i += Character.charCount(chunk.codePointAt(i));
      }
    }
    addWord(chunk, word, end, words);
    for (int i = end; i < chunk.length(); ) {
      i = add(chunk, i, words);
    }
  }

  /** Adds one character; behind it the next begins. */
  private static int add(String chunk, int at, List<String> words) {
    int next = at + Character.charCount(chunk.codePointAt(at));
    words.add(chunk.substring(at, next));
    return next;
  }

  private static void addWord(String chunk, int start, int end, List<String> words) {
    if (end > start) {
      words.add(chunk.substring(start, end));
    }
  }

  private static boolean isMark(int character) {
    return switch (Character.getType(character)) {
      case Character.CONNECTOR_PUNCTUATION,
          Character.DASH_PUNCTUATION,
          Character.START_PUNCTUATION,
          Character.END_PUNCTUATION,
          Character.INITIAL_QUOTE_PUNCTUATION,
          Character.FINAL_QUOTE_PUNCTUATION,
          Character.OTHER_PUNCTUATION ->
          true;
      default -> false;
    };
  }

  /**
   * Where words begin.
   *
   * @param words of the text, in their order
   * @return an index of {@code text} for each, in UTF-16 units; −1 of one that it does not have
   */
  public static int[] starts(String text, List<String> words) {
    int[] starts = new int[words.size()];
    int from = 0;
    for (int i = 0; i < starts.length; i++) {
      starts[i] = text.indexOf(words.get(i), from);
      from = starts[i] < 0 ? from : starts[i] + words.get(i).length();
    }
    return starts;
  }
}
