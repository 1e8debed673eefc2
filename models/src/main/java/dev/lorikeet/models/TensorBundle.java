package dev.lorikeet.models;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.UnknownFieldSet;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Reads the variables of a TensorFlow SavedModel: {@code variables.index}, a table of what there is
 * ({@link LevelDbTable}), and {@code variables.data-00000-of-00001}, the tensors' bytes. The format
 * is TensorFlow's <a
 * href="https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/protobuf/tensor_bundle.proto">tensor_bundle.proto</a>:
 *
 * <pre>
 * ""    BundleHeaderProto: 1 number of shards, 2 endianness (0 little)
 * NAME  BundleEntryProto: 1 type, 2 shape, 3 shard, 4 offset, 5 size, 6 masked CRC-32C, 7 slices
 * </pre>
 *
 * <p>TensorFlow's own Java library reads it too, and brings 100 MB of natives; no small library
 * does. The records are read by protobuf, which is here for ONNX.
 */
final class TensorBundle {
  private static final String INDEX = "variables.index";
  private static final String HEADER = "";

  /** Those of TensorFlow's types.proto that are numbers of a fixed size. */
  private static final Map<Long, DType> TYPES =
      Map.of(
          1L, DType.FLOAT32,
          2L, DType.FLOAT64,
          3L, DType.INT32,
          4L, DType.UINT8,
          5L, DType.INT16,
          6L, DType.INT8,
          9L, DType.INT64,
          10L, DType.BOOL,
          14L, DType.BFLOAT16,
          19L, DType.FLOAT16);

  private final Path folder;
  private final String place;
  private final Map<String, Entry> entries = new LinkedHashMap<>();
  private long shards;

  /** Where and what a tensor is; {@code crc} as it is stored, masked. */
  @SuppressWarnings("ArrayRecordComponent") // entries are never compared
  record Entry(
      String name, DType dtype, long[] shape, long shard, long offset, long size, int crc) {}

  /**
   * Opens the folder of a bundle, and checks that every tensor lies in its files, whole.
   *
   * @param place what messages call the folder
   * @throws LorikeetException when a file is missing, truncated or damaged, or a tensor's type is
   *     unknown
   */
  static TensorBundle open(Path folder, String place) {
    try {
      TensorBundle bundle = new TensorBundle(folder, place);
      bundle.readIndex(Files.readAllBytes(folder.resolve(INDEX)));
      bundle.mustLieInTheFiles();
      return bundle;
    } catch (NoSuchFileException e) {
      throw new LorikeetException(place + " lacks " + name(e) + ": copy or download it again", e);
    } catch (IOException e) {
      throw new LorikeetException(place + " cannot be read: " + e.getMessage(), e);
    }
  }

  private static @Nullable Path name(NoSuchFileException e) {
    return Path.of(e.getFile()).getFileName();
  }

  private TensorBundle(Path folder, String place) {
    this.folder = folder;
    this.place = place;
  }

  // ---- the index ----

  /** What an index says, without the files of the tensors. */
  static Map<String, Entry> entries(byte[] index, String place) {
    TensorBundle bundle = new TensorBundle(Path.of(""), place);
    bundle.readIndex(index);
    return bundle.entries();
  }

  private void readIndex(byte[] index) {
    Map<String, byte[]> records = LevelDbTable.read(place + ": " + INDEX, index);
    try {
      for (Map.Entry<String, byte[]> record : records.entrySet()) {
        UnknownFieldSet fields = UnknownFieldSet.parseFrom(record.getValue());
        if (record.getKey().equals(HEADER)) {
          readHeader(fields);
        } else {
          entries.put(record.getKey(), entry(record.getKey(), fields));
        }
      }
    } catch (InvalidProtocolBufferException e) {
      throw damaged(INDEX, "a record is no protocol buffer (" + e.getMessage() + ")");
    }
    if (shards < 1) {
      throw damaged(INDEX, "it has no header that says how many data files there are");
    }
  }

  private void readHeader(UnknownFieldSet header) {
    shards = number(header, 1);
    if (number(header, 2) != 0) {
      throw new LorikeetException(
          place + ": " + INDEX + " is of big-endian numbers, and only little-endian ones are read");
    }
  }

  private Entry entry(String name, UnknownFieldSet fields) throws InvalidProtocolBufferException {
    DType dtype = TYPES.get(number(fields, 1));
    if (dtype == null) {
      throw new LorikeetException(
          place
              + ": tensor \""
              + name
              + "\" is of TensorFlow's type "
              + number(fields, 1)
              + ", and only plain numbers are read");
    }
    if (!fields.getField(7).getLengthDelimitedList().isEmpty()) {
      throw new LorikeetException(
          place + ": tensor \"" + name + "\" is stored in slices, and only whole ones are read");
    }
    List<Integer> crc = fields.getField(6).getFixed32List();
    return new Entry(
        name,
        dtype,
        shape(fields),
        number(fields, 3),
        number(fields, 4),
        number(fields, 5),
        crc.isEmpty() ? 0 : crc.get(0));
  }

  /** TensorShapeProto: 2 the axes; of each 1 the size. */
  private static long[] shape(UnknownFieldSet entry) throws InvalidProtocolBufferException {
    long[] shape = {};
    for (ByteString message : entry.getField(2).getLengthDelimitedList()) {
      for (ByteString axis :
          UnknownFieldSet.parseFrom(message).getField(2).getLengthDelimitedList()) {
        shape = Arrays.copyOf(shape, shape.length + 1);
        shape[shape.length - 1] = number(UnknownFieldSet.parseFrom(axis), 1);
      }
    }
    return shape;
  }

  /** A field's last value; 0, which is not written, where there is none. */
  private static long number(UnknownFieldSet fields, int field) {
    List<Long> values = fields.getField(field).getVarintList();
    return values.isEmpty() ? 0 : values.get(values.size() - 1);
  }

  private void mustLieInTheFiles() throws IOException {
    Map<Long, Long> sizes = new LinkedHashMap<>();
    for (Entry entry : entries.values()) {
      if (entry.shard() < 0 || entry.shard() >= shards) {
        throw damaged(
            INDEX, "tensor \"" + entry.name() + "\" is in file " + entry.shard() + " of " + shards);
      }
      if (bytes(entry) != entry.size()) {
        throw damaged(
            INDEX,
            "tensor \""
                + entry.name()
                + "\" is "
                + entry.dtype().safetensorsName()
                + " "
                + Arrays.toString(entry.shape())
                + ", but has "
                + entry.size()
                + " bytes");
      }
      Long size = sizes.get(entry.shard());
      if (size == null) {
        size = Files.size(dataFile(entry));
        sizes.put(entry.shard(), size);
      }
      if (entry.offset() < 0 || entry.offset() > size || entry.size() > size - entry.offset()) {
        throw damaged(
            dataFile(entry).getFileName(),
            "tensor \""
                + entry.name()
                + "\" ends at byte "
                + (entry.offset() + entry.size())
                + " of "
                + size);
      }
    }
  }

  private long bytes(Entry entry) {
    try {
      long bytes = entry.dtype().bytes();
      for (long size : entry.shape()) {
        bytes = Math.multiplyExact(bytes, size);
      }
      return bytes;
    } catch (ArithmeticException e) {
      return -1; // which no entry has
    }
  }

  private Path dataFile(Entry entry) {
    return folder.resolve(
        String.format(Locale.ROOT, "variables.data-%05d-of-%05d", entry.shard(), shards));
  }

  // ---- what is in it ----

  /** What there is, by name, in the order of the index. */
  Map<String, Entry> entries() {
    return Collections.unmodifiableMap(entries);
  }

  /**
   * Reads a tensor into memory, and checks its checksum.
   *
   * @throws LorikeetException when the bytes are not those that were written
   */
  Tensor tensor(Entry entry) {
    Tensor tensor = Tensor.zeros(entry.dtype(), Device.CPU, entry.shape());
    CRC32C crc = new CRC32C();
    long[] position = {entry.offset()};
    try (FileChannel channel = FileChannel.open(dataFile(entry), StandardOpenOption.READ)) {
      Safetensors.eachChunk(
          tensor,
          memory -> {
            position[0] += Safetensors.read(channel, position[0], memory).remaining();
            crc.update(memory);
          });
    } catch (IOException e) {
      throw new LorikeetException(
          place + ": " + dataFile(entry).getFileName() + " cannot be read: " + e.getMessage(), e);
    }
    if (LevelDbTable.masked(crc) != entry.crc()) {
      throw damaged(
          dataFile(entry).getFileName(),
          String.format(
              "tensor \"%s\" has the checksum %08x, not %08x as the index says",
              entry.name(), LevelDbTable.masked(crc), entry.crc()));
    }
    return tensor;
  }

  private LorikeetException damaged(@Nullable Object file, String reason) {
    return new LorikeetException(
        place + ": " + file + " is damaged: " + reason + ": copy or download it again");
  }
}
