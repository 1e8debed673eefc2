package dev.lorikeet.fuzz;

import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.Random;

/** Damage that knows nothing of a format: flipped bits, cuts, insertions, repetitions. */
final class Bytes {
  private static final int MOST_CHANGES = 8;
  private static final int LONGEST_INSERTION = 64;
  private static final byte[] TELLING = {0, 1, -1, 127, -128, '\n', '"', '\\', '{', '['};

  private Bytes() {}

  static byte[] damaged(byte[] original, Random random) {
    byte[] bytes = original.clone();
    int changes = 1 + random.nextInt(MOST_CHANGES);
    for (int i = 0; i < changes && bytes.length > 0; i++) {
      bytes = once(bytes, random);
    }
    return bytes;
  }

  private static byte[] once(byte[] bytes, Random random) {
    int at = place(bytes.length, random);
    return switch (random.nextInt(7)) {
      case 0, 1 -> flipped(bytes, at, random);
      case 2 -> replaced(bytes, at, TELLING[random.nextInt(TELLING.length)]);
      case 3 -> Arrays.copyOf(bytes, at);
      case 4 -> spliced(bytes, at, at, noise(random));
      case 5 -> spliced(bytes, at, end(bytes, at, random), new byte[0]);
      default -> spliced(bytes, at, at, Arrays.copyOfRange(bytes, at, end(bytes, at, random)));
    };
  }

  /** Headers lie at the beginning and tables at the end, so these are hit more often. */
  private static int place(int length, Random random) {
    int near = Math.min(length, 1 << (1 + random.nextInt(12)));
    return switch (random.nextInt(4)) {
      case 0 -> random.nextInt(near);
      case 1 -> length - 1 - random.nextInt(near);
      default -> random.nextInt(length);
    };
  }

  private static int end(byte[] bytes, int at, Random random) {
    return Math.min(bytes.length, at + 1 + random.nextInt(LONGEST_INSERTION));
  }

  private static byte[] flipped(byte[] bytes, int at, Random random) {
    return replaced(bytes, at, (byte) (bytes[at] ^ (1 << random.nextInt(8))));
  }

  private static byte[] replaced(byte[] bytes, int at, byte value) {
    bytes[at] = value;
    return bytes;
  }

  private static byte[] noise(Random random) {
    byte[] noise = new byte[1 + random.nextInt(LONGEST_INSERTION)];
    random.nextBytes(noise);
    return noise;
  }

  /** The bytes with those from {@code from} up to {@code to} exchanged for others. */
  static byte[] spliced(byte[] bytes, int from, int to, byte[] others) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(bytes, 0, from);
    out.writeBytes(others);
    out.write(bytes, to, bytes.length - to);
    return out.toByteArray();
  }
}
