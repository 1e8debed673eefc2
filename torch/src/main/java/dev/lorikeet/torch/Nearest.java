package dev.lorikeet.torch;

import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/** The names most like a misspelt one, for error messages. */
public final class Nearest {
  /** What is compared of a name: a comparison takes time by the square of the length. */
  private static final int LONGEST = 200;

  private Nearest() {}

  /**
   * The {@code most} names nearest to {@code typed} by edits of one character in the first 200, the
   * nearest first.
   */
  public static List<String> of(String typed, Collection<String> names, int most) {
    record Name(String text, int distance) {}

    return names.stream()
        .distinct()
        .map(name -> new Name(name, distance(typed, name)))
        .sorted(Comparator.comparingInt(Name::distance))
        .limit(most)
        .map(Name::text)
        .toList();
  }

  /** Whether one name is so like the other that whoever typed it meant that: one edit in four. */
  public static boolean isTypo(String typed, String name) {
    return distance(typed, name) <= Math.max(1, Math.min(typed.length(), name.length()) / 4);
  }

  /**
   * The least number of insertions, deletions, replacements and swaps of neighbours that turn one
   * text's first 200 characters into the other's, ignoring case (the optimal string alignment
   * distance).
   */
  static int distance(String first, String second) {
    String a = compared(first);
    String b = compared(second);
    int[][] cost = new int[a.length() + 1][b.length() + 1];
    for (int i = 0; i <= a.length(); i++) {
      for (int j = 0; j <= b.length(); j++) {
        if (i == 0 || j == 0) {
          cost[i][j] = i + j;
          continue;
        }
        int replaced = cost[i - 1][j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        cost[i][j] = Math.min(replaced, 1 + Math.min(cost[i - 1][j], cost[i][j - 1]));
        if (i > 1
            && j > 1
            && a.charAt(i - 1) == b.charAt(j - 2)
            && a.charAt(i - 2) == b.charAt(j - 1)) {
          cost[i][j] = Math.min(cost[i][j], cost[i - 2][j - 2] + 1);
        }
      }
    }
    return cost[a.length()][b.length()];
  }

  private static String compared(String name) {
    return name.substring(0, Math.min(LONGEST, name.length())).toLowerCase(Locale.ROOT);
  }
}
