package dev.lorikeet.models;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.lorikeet.torch.LorikeetException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.CRC32C;

/**
 * Reads a table of LevelDB, keys with their values in order, in which TensorFlow keeps the index of
 * a checkpoint. The format is LevelDB's <a
 * href="https://github.com/google/leveldb/blob/main/doc/table_format.md">table_format.md</a>:
 *
 * <pre>
 * blocks      entries, restart points, the number of restart points; then
 *             1 byte: how it is compressed; 4 bytes: the masked CRC-32C of all that
 * index block a block whose values say where each of the blocks lies
 * footer      48 bytes: where the metaindex and the index lie, zeros, the magic number
 *
 * entry       bytes of the key shared with the last one, own bytes of the key, bytes of the value
 *             (varints); own bytes; value
 * </pre>
 *
 * <p>There is a Java port of LevelDB on Maven Central (org.iq80.leveldb), last released in 2019, a
 * data base that brings Guava and a Snappy of its own. For one file of some kilobytes without
 * compression, a page of code and protobuf's reader of varints, which is here anyway, serve better.
 */
final class LevelDbTable {
  private static final int FOOTER_BYTES = 48;
  private static final long MAGIC = 0xdb4775248b80fb57L;
  private static final int TRAILER_BYTES = 5;
  private static final int CRC_MASK_DELTA = 0xa282ead8;

  private final String place;
  private final byte[] file;

  private LevelDbTable(String place, byte[] file) {
    this.place = place;
    this.file = file;
  }

  /**
   * All entries, in their order.
   *
   * @param place what messages call the file
   * @throws LorikeetException when the file is no table, or is damaged or compressed
   */
  static Map<String, byte[]> read(String place, byte[] file) {
    try {
      return new LevelDbTable(place, file).entries();
    } catch (InvalidProtocolBufferException e) {
      throw damaged(place, "an entry ends beyond its block");
    } catch (IOException e) {
      throw new LorikeetException(place + " cannot be read: " + e.getMessage(), e);
    }
  }

  private Map<String, byte[]> entries() throws IOException {
    Map<String, byte[]> entries = new LinkedHashMap<>();
    for (byte[] handle : block(indexHandle()).values()) {
      entries.putAll(block(CodedInputStream.newInstance(handle)));
    }
    return entries;
  }

  /** Where the index block lies: the second of the footer's two handles. */
  private CodedInputStream indexHandle() throws IOException {
    if (file.length < FOOTER_BYTES) {
      throw new LorikeetException(
          place
              + " is truncated: it has "
              + file.length
              + " bytes, the footer of a table alone takes "
              + FOOTER_BYTES
              + ": copy or download it again");
    }
    int footer = file.length - FOOTER_BYTES;
    long magic = littleEndian(file.length - Long.BYTES, Long.BYTES).getLong();
    if (magic != MAGIC) {
      throw new LorikeetException(
          String.format(
              "%s ends in %016x, not in the magic number of a table, %016x:"
                  + " is it the index of a TensorFlow checkpoint, and whole?",
              place, magic, MAGIC));
    }
    CodedInputStream handles = CodedInputStream.newInstance(file, footer, FOOTER_BYTES);
    handles.readRawVarint64(); // the metaindex: its offset
    handles.readRawVarint64(); // and its size
    return handles;
  }

  /**
   * The entries of a block.
   *
   * @param handle the block's offset and size, as varints
   */
  private Map<String, byte[]> block(CodedInputStream handle) throws IOException {
    long offset = handle.readRawVarint64();
    long size = handle.readRawVarint64();
    if (offset < 0
        || size < Integer.BYTES
        || offset > file.length
        || size > file.length - TRAILER_BYTES - offset) {
      throw damaged(
          place,
          "a block of " + size + " bytes at " + offset + " does not lie in its " + file.length);
    }
    int start = (int) offset;
    int end = (int) (offset + size);
    mustBePlain(start, end);
    long restarts =
        Integer.toUnsignedLong(littleEndian(end - Integer.BYTES, Integer.BYTES).getInt());
    long entriesEnd = end - Integer.BYTES - restarts * Integer.BYTES;
    if (entriesEnd < start) {
      throw damaged(place, "the block at " + offset + " claims " + restarts + " restart points");
    }
    return entries(CodedInputStream.newInstance(file, start, (int) entriesEnd - start));
  }

  private void mustBePlain(int start, int end) {
    int stored = littleEndian(end + 1, Integer.BYTES).getInt();
    int found = maskedCrc32c(ByteBuffer.wrap(file, start, end + 1 - start));
    if (stored != found) {
      throw damaged(
          place,
          String.format(
              "the block at %d has the checksum %08x, not %08x as it says", start, found, stored));
    }
    if (file[end] != 0) {
      throw new LorikeetException(
          place
              + " is compressed (type "
              + file[end]
              + "), and only plain tables are read, as TensorFlow writes them");
    }
  }

  private Map<String, byte[]> entries(CodedInputStream in) throws IOException {
    Map<String, byte[]> entries = new LinkedHashMap<>();
    byte[] key = {};
    while (!in.isAtEnd()) {
      int shared = in.readRawVarint32();
      int own = in.readRawVarint32();
      int valueBytes = in.readRawVarint32();
      if (shared < 0 || shared > key.length) {
        throw damaged(place, "a key shares " + shared + " bytes of one of " + key.length);
      }
      byte[] rest = in.readRawBytes(own);
      key = Arrays.copyOf(key, shared + rest.length);
      System.arraycopy(rest, 0, key, shared, rest.length);
      entries.put(new String(key, StandardCharsets.UTF_8), in.readRawBytes(valueBytes));
    }
    return entries;
  }

  private ByteBuffer littleEndian(int start, int bytes) {
    return ByteBuffer.wrap(file, start, bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** The CRC-32C of some bytes, as LevelDB and TensorFlow store it. */
  static int maskedCrc32c(ByteBuffer bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    return masked(crc);
  }

  /** Rotated and shifted, so that a checksum of bytes with checksums in them stays a good one. */
  static int masked(CRC32C crc) {
    return Integer.rotateRight((int) crc.getValue(), 15) + CRC_MASK_DELTA;
  }

  private static LorikeetException damaged(String place, String reason) {
    return new LorikeetException(place + " is damaged: " + reason + ": copy or download it again");
  }
}
