package dev.lorikeet.models.text;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.torch.LorikeetException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import org.junit.jupiter.api.Test;

class CharsMapTest {
  private static final int ROOT = 256;
  private static final int A = ROOT ^ 'A';
  private static final int BEHIND_A = 512;

  /** A trie that knows "A" only, whose replacement is the text from {@code place} on. */
  private static int[] trie(int place) {
    int[] units = new int[768];
    units[0] = ROOT << 10;
    units[A] = (A ^ BEHIND_A) << 10 | 1 << 8 | 'A';
    units[BEHIND_A] = 1 << 31 | place;
    return units;
  }

  private static String map(int[] units, byte... replacements) {
    ByteBuffer bytes =
        ByteBuffer.allocate(4 + 4 * units.length + replacements.length)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putInt(4 * units.length);
    for (int unit : units) {
      bytes.putInt(unit);
    }
    return Base64.getEncoder().encodeToString(bytes.put(replacements).array());
  }

  private static final byte[] TEXT = "é\0a\0".getBytes(StandardCharsets.UTF_8);

  @Test
  void wholeMapsAreAccepted() {
    assertThatCode(() -> CharsMap.check(map(trie(0), TEXT))).doesNotThrowAnyException();
    assertThatCode(() -> CharsMap.check(map(trie(3), TEXT))).doesNotThrowAnyException();
    assertThatCode(() -> CharsMap.check(map(trie(5), TEXT))).doesNotThrowAnyException();
  }

  private static void assertRefused(String map, String why) {
    assertThatThrownBy(() -> CharsMap.check(map))
        .isInstanceOf(LorikeetException.class)
        .hasMessage("precompiled_charsmap is damaged: " + why);
  }

  @Test
  void cutMapsAreRefused() {
    assertRefused("", "its trie has -1 bytes, the map has 0");
    assertRefused("AAAAAA==", "its trie has 0 bytes, the map has 4");
    assertRefused("AwAAAAAAAA==", "its trie has 3 bytes, the map has 7");
    assertRefused("/////wAAAAA=", "its trie has -1 bytes, the map has 8");
    assertRefused("?", "it is not Base64");
  }

  @Test
  void placesThatNoTextMayReachAreRefused() {
    int[] far = trie(0);
    far[0] = 1000 << 10;
    assertRefused(map(far, TEXT), "a text could lead out of its trie");
    int[] behind = trie(0);
    behind[A] = 5000 << 10 | 'A';
    assertRefused(map(behind, TEXT), "a text could lead out of its trie");
    assertRefused(map(trie(6), TEXT), "a replacement would begin at byte 6 of 5");
    assertRefused(map(trie(1), TEXT), "a replacement would begin at byte 1 of 5");
    assertRefused(map(trie(0), (byte) 0xC3), "its replacements are not UTF-8");
  }
}
