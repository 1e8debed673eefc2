package dev.lorikeet.models.text;

import dev.lorikeet.torch.LorikeetException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Base64;
import java.util.BitSet;
import java.util.Deque;
import java.util.Objects;

/**
 * SentencePiece's {@code precompiled_charsmap}: how characters are normalised. Base64 of the trie's
 * size in bytes (little-endian), a double-array trie of 32-bit units from UTF-8 to places in the
 * text that follows, and that text: UTF-8, each replacement ending with a zero byte. (Format:
 * sentencepiece's {@code normalizer.cc}; units: darts-clone's {@code darts.h}.)
 *
 * <p>The tokenizers library walks the trie without looking at its bounds, so every place that a
 * text could lead to is looked at here.
 */
final class CharsMap {
  private static final int LEAF = 1 << 8;

  private final int[] units;
  private final byte[] replacements;

  private CharsMap(int[] units, byte[] replacements) {
    this.units = units;
    this.replacements = replacements;
  }

  /**
   * Checks a map.
   *
   * @throws LorikeetException when it is cut or damaged
   */
  static void check(String base64) {
    byte[] bytes;
    try {
      bytes = Base64.getDecoder().decode(base64);
    } catch (IllegalArgumentException e) {
      throw damaged("it is not Base64");
    }
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int size = bytes.length < Integer.BYTES ? -1 : buffer.getInt();
    if (size < Integer.BYTES || size % Integer.BYTES != 0 || size > buffer.remaining()) {
      throw damaged("its trie has " + size + " bytes, the map has " + bytes.length);
    }
    int[] units = new int[size / Integer.BYTES];
    buffer.asIntBuffer().get(units);
    byte[] rest = Arrays.copyOfRange(bytes, Integer.BYTES + size, bytes.length);
    new CharsMap(units, rest).walk();
  }

  private static LorikeetException damaged(String why) {
    return new LorikeetException("precompiled_charsmap is damaged: " + why);
  }

  private void walk() {
    mustBeUtf8();
    BitSet seen = new BitSet(units.length);
    Deque<Integer> open = new ArrayDeque<>();
    enter(offset(units[0]), seen, open);
    while (!open.isEmpty()) {
      int node = open.pop();
      for (int label = 1; label < 256; label++) {
        int place = node ^ label;
        if (place >= units.length) {
          throw damaged("a text could lead out of its trie");
        }
        if ((units[place] & (1 << 31 | 0xFF)) == label) {
          long next = place ^ offset(units[place]);
          enter(next, seen, open);
          if ((units[place] & LEAF) != 0) {
            mustBeReplacement(units[(int) next] & Integer.MAX_VALUE);
          }
        }
      }
    }
  }

  /** How far a unit's children lie from it, to be combined by exclusive or. */
  private static long offset(int unit) {
    return (unit >>> 10 & 0xFFFF_FFFFL) << ((unit & 1 << 9) >>> 6);
  }

  private void enter(long node, BitSet seen, Deque<Integer> open) {
    if (node >= units.length) {
      throw damaged("a text could lead out of its trie");
    }
    if (!seen.get((int) node)) {
      seen.set((int) node);
      open.push((int) node);
    }
  }

  private void mustBeUtf8() {
    try {
      Objects.requireNonNull(
          StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(replacements)));
    } catch (CharacterCodingException e) {
      throw damaged("its replacements are not UTF-8");
    }
  }

  /** A replacement begins with a character, not within one, and inside the text or at its end. */
  private void mustBeReplacement(int place) {
    boolean within = place < replacements.length && (replacements[place] & 0xC0) == 0x80;
    if (place > replacements.length || within) {
      throw damaged("a replacement would begin at byte " + place + " of " + replacements.length);
    }
  }
}
