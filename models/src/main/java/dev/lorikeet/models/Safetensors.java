package dev.lorikeet.models;

import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Nearest;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * Reads and writes a safetensors file: named tensors, each with its type and shape. The format is
 * at <a href="https://huggingface.co/docs/safetensors">huggingface.co/docs/safetensors</a>:
 *
 * <pre>
 * N            8 bytes: the size of the header, unsigned, little-endian
 * header       N bytes of JSON: where each tensor lies ({@link SafetensorsHeader})
 * byte buffer  the rest: the tensors, which cover it without holes
 * </pre>
 */
public final class Safetensors {
  private static final int N_LEN = 8;

  /** What is read or written in one piece: one buffer cannot hold a tensor above 2 GiB. */
  private static final int CHUNK_BYTES = 1 << 24;

  /** What {@link #samples} reads at a place. */
  private static final int SAMPLE_BYTES = 1 << 12;

  private final Path file;
  private final SafetensorsHeader header;
  private final long bufferStart;

  /**
   * Where a tensor lies.
   *
   * @param start its first byte, counted from the start of the byte buffer
   * @param end the byte after its last
   */
  @SuppressWarnings("ArrayRecordComponent") // entries are never compared
  public record Entry(String name, DType dtype, long[] shape, long start, long end) {
    @Override
    public String toString() {
      return dtype.safetensorsName() + " " + Arrays.toString(shape);
    }
  }

  /**
   * Opens a file: reads its header and checks that every tensor lies in the file, whole and alone.
   * The tensors themselves are not read.
   *
   * @throws LorikeetException when the file is missing, truncated or not a safetensors file
   */
  public static Safetensors open(Path file) {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      return new Safetensors(file, channel);
    } catch (NoSuchFileException e) {
      throw new LorikeetException(file + " does not exist", e);
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  private Safetensors(Path file, FileChannel channel) throws IOException {
    this.file = file;
    long n = headerSize(channel);
    bufferStart = N_LEN + n;
    ByteBuffer json = read(channel, N_LEN, ByteBuffer.allocate((int) n));
    header = SafetensorsHeader.parse(file, json, channel.size() - bufferStart);
  }

  private long headerSize(FileChannel channel) throws IOException {
    long size = channel.size();
    if (size < N_LEN) {
      throw SafetensorsHeader.truncated(
          file, "it has " + size + " bytes, the size of its header alone takes " + N_LEN);
    }
    long n = read(channel, 0, ByteBuffer.allocate(N_LEN)).order(ByteOrder.LITTLE_ENDIAN).getLong();
    if (n < 0 || n > SafetensorsHeader.MAX_HEADER_SIZE) {
      throw new LorikeetException(
          file
              + " claims a header of "
              + Long.toUnsignedString(n)
              + " bytes, the limit is "
              + SafetensorsHeader.MAX_HEADER_SIZE
              + ": is it a safetensors file?");
    }
    if (n > size - N_LEN) {
      throw SafetensorsHeader.truncated(
          file, "it claims a header of " + n + " bytes, and has " + (size - N_LEN) + " for it");
    }
    return n;
  }

  /** The names of all tensors, in the order of the header. */
  public Set<String> names() {
    return header.entries().keySet();
  }

  /** The texts that the file carries beside its tensors. */
  public Map<String, String> metadata() {
    return header.metadata();
  }

  /**
   * Where and what a tensor is.
   *
   * @throws LorikeetException when the file has no tensor of that name
   */
  public Entry entry(String name) {
    Entry entry = header.entries().get(name);
    if (entry == null) {
      throw new LorikeetException(
          file
              + " has no tensor \""
              + name
              + "\"; nearest: "
              + String.join(", ", Nearest.of(name, names(), 1)));
    }
    return entry;
  }

  /**
   * A tensor, mapped to memory: its bytes are read when they are touched. Only a tensor whose bytes
   * are not aligned to its type, as old writers left some, is read at once.
   *
   * @throws LorikeetException when the file has no tensor of that name, or has shrunk since
   */
  public Tensor tensor(String name) {
    Entry entry = entry(name);
    long start = bufferStart + entry.start();
    int width = entry.dtype().bytes();
    if (start % width != 0) {
      return read(entry);
    }
    long elements = (bufferStart + entry.end()) / width;
    return Scope.tidy(
        () -> Tensor.map(file, entry.dtype(), elements).view(start / width, entry.shape()));
  }

  /** Some bytes at the start, the middle and the end of a tensor; of a small one all. */
  List<ByteBuffer> samples(String name) {
    Entry entry = entry(name);
    long bytes = entry.end() - entry.start();
    long size = Math.min(bytes, SAMPLE_BYTES);
    List<ByteBuffer> samples = new ArrayList<>();
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      for (long from : new long[] {0, (bytes - size) / 2, bytes - size}) {
        ByteBuffer sample = ByteBuffer.allocate((int) size);
        samples.add(read(channel, bufferStart + entry.start() + from, sample));
      }
    } catch (IOException e) {
      throw unreadable(file, e);
    }
    return samples;
  }

  private Tensor read(Entry entry) {
    Tensor tensor = Tensor.zeros(entry.dtype(), Device.CPU, entry.shape());
    long[] position = {bufferStart + entry.start()};
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      eachChunk(tensor, memory -> position[0] += read(channel, position[0], memory).remaining());
    } catch (IOException e) {
      throw unreadable(file, e);
    }
    return tensor;
  }

  /**
   * Writes tensors as the reference implementation does, byte for byte. The file appears whole or
   * not at all; what lies in one piece on the host is written from where it lies.
   *
   * @param metadata texts to carry along, such as {@code format: pt}; left out when empty
   * @throws LorikeetException when the file cannot be written
   */
  public static void write(Path file, Map<String, Tensor> tensors, Map<String, String> metadata) {
    writeSources(file, TensorSource.of(tensors), metadata);
  }

  /** The bytes of the file that {@link #write} would make. */
  public static long size(Map<String, Tensor> tensors, Map<String, String> metadata) {
    long bytes =
        tensors.values().stream()
            .mapToLong(tensor -> tensor.count() * tensor.dtype().bytes())
            .sum();
    byte[] json = SafetensorsHeader.of(TensorSource.of(tensors), metadata).toJson(N_LEN);
    return N_LEN + json.length + bytes;
  }

  /** {@link #write} of tensors that come into being one after the other. */
  static void writeSources(
      Path file, Map<String, TensorSource> tensors, Map<String, String> metadata) {
    SafetensorsHeader header = SafetensorsHeader.of(tensors, metadata);
    byte[] json = header.toJson(N_LEN);
    OutputFolder.writeChannel(
        file,
        channel -> {
          ByteBuffer n = ByteBuffer.allocate(N_LEN).order(ByteOrder.LITTLE_ENDIAN);
          write(channel, n.putLong(json.length).flip());
          write(channel, ByteBuffer.wrap(json));
          for (String name : header.entries().keySet()) {
            try (Scope scope = Scope.open()) {
              Tensor tensor = Objects.requireNonNull(tensors.get(name)).tensor();
              eachChunk(tensor, memory -> write(channel, memory));
            }
          }
        });
  }

  /** Gives the tensor's memory to {@code action} in pieces; from another device, copies of it. */
  static void eachChunk(Tensor tensor, OutputFolder.ThrowingConsumer<ByteBuffer> action)
      throws IOException {
    long count = tensor.count();
    long step = CHUNK_BYTES / tensor.dtype().bytes();
    try (Scope all = Scope.open()) {
      Tensor flat = tensor.detach().reshape(count);
      for (long from = 0; from < count; from += step) {
        try (Scope chunk = Scope.open()) {
          action.accept(flat.narrow(0, from, Math.min(step, count - from)).hostMemory());
        }
      }
    }
  }

  /** Fills a buffer from a position of the file. */
  static ByteBuffer read(FileChannel channel, long position, ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) {
      if (channel.read(buffer, position + buffer.position()) < 0) {
        throw new EOFException("it ends at byte " + (position + buffer.position()));
      }
    }
    return buffer.flip();
  }

  private static void write(FileChannel channel, ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
  }

  private static LorikeetException unreadable(Path file, IOException e) {
    return new LorikeetException(file + " cannot be read: " + e.getMessage(), e);
  }
}
