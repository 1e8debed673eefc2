package dev.lorikeet.fuzz;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.zip.CRC32;

/**
 * Damage that knows pictures: chunks of a PNG with their sums made right, segments of a JPEG;
 * widths and heights that lie.
 */
final class PictureDamage {
  private static final byte[] PNG = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  private static final int[] SIZES = {
    0,
    1,
    2,
    3,
    17,
    255,
    4096,
    30_000,
    65_535,
    65_536,
    100_000,
    Integer.MAX_VALUE,
    -1,
    Integer.MIN_VALUE
  };
  private static final int START_OF_FRAME = 0xc0;
  private static final int START_OF_FRAME_PROGRESSIVE = 0xc2;

  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Chunk(String type, byte[] data) {}

  private PictureDamage() {}

  static byte[] damaged(byte[] original, Random random) {
    return Arrays.equals(PNG, 0, PNG.length, original, 0, PNG.length)
        ? png(original, random)
        : jpeg(original, random);
  }

  private static byte[] png(byte[] original, Random random) {
    List<Chunk> chunks = new ArrayList<>();
    ByteBuffer in = ByteBuffer.wrap(original).position(PNG.length);
    while (in.remaining() >= 12) {
      byte[] data = new byte[in.getInt()];
      byte[] type = new byte[4];
      in.get(type).get(data).getInt();
      chunks.add(new Chunk(new String(type, StandardCharsets.ISO_8859_1), data));
    }
    int changes = 1 + random.nextInt(3);
    for (int i = 0; i < changes && !chunks.isEmpty(); i++) {
      change(chunks, random);
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(PNG);
    chunks.forEach(chunk -> out.writeBytes(bytes(chunk)));
    return out.toByteArray();
  }

  private static void change(List<Chunk> chunks, Random random) {
    int at = random.nextInt(chunks.size());
    Chunk chunk = chunks.get(at);
    byte[] data = chunk.data().clone();
    switch (random.nextInt(8)) {
      case 0 -> chunks.remove(at);
      case 1 -> chunks.add(random.nextInt(chunks.size()), chunk);
      case 2 -> chunks.set(at, new Chunk(chunks.get(random.nextInt(chunks.size())).type(), data));
      case 3, 4 -> {
        byte[] header = chunks.get(0).data().clone();
        if (header.length >= 13) {
          ByteBuffer.wrap(header)
              .putInt(4 * random.nextInt(2), SIZES[random.nextInt(SIZES.length)]);
          chunks.set(0, new Chunk(chunks.get(0).type(), header));
        }
      }
      case 5 -> {
        byte[] header = chunks.get(0).data().clone();
        if (header.length >= 13) { // depth, colours, compression, filter, interlacing
          header[8 + random.nextInt(5)] = (byte) random.nextInt(random.nextBoolean() ? 9 : 256);
          chunks.set(0, new Chunk(chunks.get(0).type(), header));
        }
      }
      default -> {
        if (data.length > 0) {
          chunks.set(at, new Chunk(chunk.type(), Bytes.damaged(data, random)));
        }
      }
    }
  }

  private static byte[] bytes(Chunk chunk) {
    byte[] type = chunk.type().getBytes(StandardCharsets.ISO_8859_1);
    CRC32 crc = new CRC32();
    crc.update(type);
    crc.update(chunk.data());
    return ByteBuffer.allocate(12 + chunk.data().length)
        .putInt(chunk.data().length)
        .put(type)
        .put(chunk.data())
        .putInt((int) crc.getValue())
        .array();
  }

  private static byte[] jpeg(byte[] original, Random random) {
    byte[] bytes = original.clone();
    for (int at = 2; at + 9 < bytes.length && (bytes[at] & 0xff) == 0xff; ) {
      int marker = bytes[at + 1] & 0xff;
      int length = (bytes[at + 2] & 0xff) << 8 | (bytes[at + 3] & 0xff);
      if (marker >= START_OF_FRAME
          && marker <= START_OF_FRAME_PROGRESSIVE
          && random.nextBoolean()) {
        ByteBuffer.wrap(bytes)
            .putShort(at + 5 + 2 * random.nextInt(2), (short) SIZES[random.nextInt(SIZES.length)]);
        return bytes;
      }
      if (random.nextInt(8) == 0) {
        int inside = at + 1 + random.nextInt(Math.min(length + 1, bytes.length - at - 1));
        bytes[inside] = (byte) random.nextInt(256);
      }
      at += 2 + length;
    }
    return random.nextBoolean() ? bytes : Bytes.damaged(bytes, random);
  }
}
