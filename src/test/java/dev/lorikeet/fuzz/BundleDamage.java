package dev.lorikeet.fuzz;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.zip.CRC32C;

/**
 * Damage of the index of a TensorFlow bundle, a LevelDB table: bytes of its blocks, whose sums are
 * then made right again, so that more than the sums is tried.
 *
 * @see <a href="https://github.com/google/leveldb/blob/main/doc/table_format.md">the format</a>
 */
final class BundleDamage {
  private static final int FOOTER = 48;
  private static final int MASK = 0xa282ead8;

  private record Block(int start, int length) {}

  private BundleDamage() {}

  static byte[] damaged(byte[] index, Random random) throws IOException {
    if (index.length < FOOTER) {
      return Bytes.damaged(index, random);
    }
    List<Block> blocks = blocks(index);
    byte[] bytes = index.clone();
    int changes = 1 + random.nextInt(3);
    for (int i = 0; i < changes; i++) {
      Block block = blocks.get(random.nextInt(blocks.size()));
      int at = block.start() + random.nextInt(block.length());
      bytes[at] =
          random.nextBoolean()
              ? (byte) (bytes[at] ^ (1 << random.nextInt(8)))
              : (byte) random.nextInt(256);
    }
    blocks.forEach(block -> sum(bytes, block));
    return bytes;
  }

  /** The same for what may be another file. */
  static byte[] damagedIfIndex(byte[] bytes, Random random) throws IOException {
    return bytes.length > FOOTER && (bytes[bytes.length - 1] & 0xff) == 0xdb
        ? damaged(bytes, random)
        : Bytes.damaged(bytes, random);
  }

  private static List<Block> blocks(byte[] index) {
    ByteBuffer footer = ByteBuffer.wrap(index, index.length - FOOTER, FOOTER);
    List<Block> blocks = new ArrayList<>(List.of(handle(footer), handle(footer)));
    Block ofBlocks = blocks.get(1);
    ByteBuffer entries =
        ByteBuffer.wrap(index, ofBlocks.start(), ofBlocks.length()).order(ByteOrder.LITTLE_ENDIAN);
    int restarts = entries.getInt(ofBlocks.start() + ofBlocks.length() - Integer.BYTES);
    int end = ofBlocks.start() + ofBlocks.length() - Integer.BYTES * (1 + restarts);
    while (entries.position() < end) {
      varint(entries); // of the key's bytes those shared with the one before
      int unshared = varint(entries);
      varint(entries);
      entries.position(entries.position() + unshared);
      blocks.add(handle(entries));
    }
    blocks.removeIf(block -> block.length() == 0);
    return blocks;
  }

  private static Block handle(ByteBuffer bytes) {
    return new Block(varint(bytes), varint(bytes));
  }

  private static int varint(ByteBuffer bytes) {
    int value = 0;
    int shift = 0;
    byte next;
    do {
      next = bytes.get();
      value |= (next & 127) << shift;
      shift += 7;
    } while (next < 0);
    return value;
  }

  /** Writes a block's masked sum, which follows its bytes and their kind of compression. */
  private static void sum(byte[] bytes, Block block) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, block.start(), block.length() + 1);
    int value = (int) crc.getValue();
    int masked = ((value >>> 15) | (value << 17)) + MASK;
    ByteBuffer.wrap(bytes)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(block.start() + block.length() + 1, masked);
  }
}
