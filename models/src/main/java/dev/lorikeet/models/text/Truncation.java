package dev.lorikeet.models.text;

import java.util.stream.IntStream;

/**
 * Which tokens of a text, or of a pair of texts, stay when they are cut to a length: as the
 * tokenizers library cuts them (its {@code LongestFirst}), without the pieces that it keeps of
 * everything cut off, which for a pair are as many as the products of both.
 */
public final class Truncation {
  private final boolean left;

  /**
   * A truncation.
   *
   * @param left whether texts lose their beginning instead of their end
   */
  public Truncation(boolean left) {
    this.left = left;
  }

  /**
   * The tokens that stay, by index, in their order.
   *
   * @param sequenceIds of each token: 0 in the first text, 1 in the second, −1 where it is of none;
   *     such tokens always stay
   * @param maxLength the most tokens, at least as many as are of no text
   */
  public int[] keep(int[] sequenceIds, int maxLength) {
    int[] lengths = {count(sequenceIds, 0), count(sequenceIds, 1)};
    int room = maxLength - (sequenceIds.length - lengths[0] - lengths[1]);
    if (lengths[0] + lengths[1] <= room) {
      return IntStream.range(0, sequenceIds.length).toArray();
    }
    int[] kept = lengths[1] == 0 ? new int[] {room, 0} : longestFirst(lengths, room);
    int[] seen = new int[2];
    return IntStream.range(0, sequenceIds.length)
        .filter(
            i -> sequenceIds[i] < 0 || stays(seen[sequenceIds[i]]++, sequenceIds[i], lengths, kept))
        .toArray();
  }

  private boolean stays(int place, int text, int[] lengths, int[] kept) {
    return left ? place >= lengths[text] - kept[text] : place < kept[text];
  }

  private static int count(int[] sequenceIds, int text) {
    return (int) IntStream.of(sequenceIds).filter(id -> id == text).count();
  }

  /** The longer loses tokens until both are as long, then both; the second keeps one more. */
  private static int[] longestFirst(int[] lengths, int room) {
    boolean firstIsLonger = lengths[0] > lengths[1];
    int shorter = Math.min(lengths[0], lengths[1]);
    int longer = Math.max(shorter, room - shorter);
    if (shorter + longer > room) {
      shorter = room / 2;
      longer = shorter + room % 2;
    }
    return firstIsLonger ? new int[] {longer, shorter} : new int[] {shorter, longer};
  }
}
