package dev.lorikeet.training.tracking;

import com.google.protobuf.Message;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.zip.CRC32C;

/**
 * A file of TensorBoard's: events framed as TFRecords
 * (https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details). Each is on
 * the disk as soon as it is written.
 */
final class EventFile implements Closeable {
  /** TFRecord's constant in masked checksums. */
  private static final int MASK = 0xa282ead8;

  private static final int FRAME = Long.BYTES + Integer.BYTES + Integer.BYTES;

  private final FileChannel channel;

  private EventFile(FileChannel channel) {
    this.channel = channel;
  }

  /**
   * A new file. TensorBoard reads a folder's files in the order of their names, which begin with
   * their times.
   *
   * @param seconds now, since 1970
   */
  static EventFile create(Path folder, long seconds) throws IOException {
    Files.createDirectories(folder);
    for (int i = 0; ; i++) {
      String name =
          String.format(
              "events.out.tfevents.%010d.lorikeet.%d.%d",
              seconds, ProcessHandle.current().pid(), i);
      try {
        return new EventFile(
            FileChannel.open(
                folder.resolve(name), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE));
      } catch (FileAlreadyExistsException e) {
        // Another run of this second: the next number.
      }
    }
  }

  /** Appends an event: its length, the length's checksum, its bytes, their checksum. */
  void write(Message event) throws IOException {
    byte[] data = event.toByteArray();
    ByteBuffer record = ByteBuffer.allocate(FRAME + data.length).order(ByteOrder.LITTLE_ENDIAN);
    record.putLong(data.length);
    record.putInt(maskedCrc(record.array(), Long.BYTES));
    record.put(data);
    record.putInt(maskedCrc(data, data.length));
    record.flip();
    while (record.hasRemaining()) {
      channel.write(record);
    }
  }

  /** The CRC32C of the first bytes, turned right by 15 bits and moved by a constant. */
  static int maskedCrc(byte[] bytes, int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, 0, length);
    return Integer.rotateRight((int) crc.getValue(), 15) + MASK;
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
