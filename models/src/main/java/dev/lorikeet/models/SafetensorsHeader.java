package dev.lorikeet.models;

import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.lorikeet.models.Safetensors.Entry;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.LorikeetException;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The header of a safetensors file:
 *
 * <pre>{@code
 * {"__metadata__": {"format": "pt", ...},
 *  "NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [BEGIN, END]}, ...}
 * }</pre>
 *
 * @param entries by name, in the order of the header
 * @param metadata texts that the file carries
 */
record SafetensorsHeader(Map<String, Entry> entries, Map<String, String> metadata) {
  static final long MAX_HEADER_SIZE = 100_000_000;

  private static final String METADATA = "__metadata__";
  private static final String DTYPE = "dtype";
  private static final String SHAPE = "shape";
  private static final String DATA_OFFSETS = "data_offsets";

  /** The order of tensors in a file: the reference implementation's, by falling alignment. */
  private static final List<DType> DTYPES =
      List.of(
          DType.UINT64,
          DType.INT64,
          DType.FLOAT64,
          DType.FLOAT32,
          DType.UINT32,
          DType.INT32,
          DType.BFLOAT16,
          DType.FLOAT16,
          DType.UINT16,
          DType.INT16,
          DType.FLOAT8_E4M3,
          DType.FLOAT8_E5M2,
          DType.INT8,
          DType.UINT8,
          DType.BOOL);

  private static final JsonMapper JSON =
      JsonMapper.builder(
              new JsonFactoryBuilder()
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  .disable(JsonWriteFeature.WRITE_HEX_UPPER_CASE)
                  .build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  SafetensorsHeader {
    entries = Collections.unmodifiableMap(new LinkedHashMap<>(entries));
    metadata = Collections.unmodifiableMap(new LinkedHashMap<>(metadata));
  }

  // ---- reading ----

  /**
   * Reads a header, and checks that its tensors cover the byte buffer.
   *
   * @param file for messages
   * @param bufferSize the bytes that the file has after its header
   * @throws LorikeetException when anything is wrong, with the tensor's name
   */
  static SafetensorsHeader parse(Path file, ByteBuffer json, long bufferSize) {
    return new Parser(file, bufferSize).parse(json);
  }

  private record Parser(Path file, long bufferSize) {
    SafetensorsHeader parse(ByteBuffer json) {
      Map<String, Entry> entries = new LinkedHashMap<>();
      Map<String, String> metadata = new LinkedHashMap<>();
      for (Map.Entry<String, JsonNode> field : tree(json).properties()) {
        String name = field.getKey();
        if (name.equals(METADATA)) {
          metadata.putAll(metadata(field.getValue()));
        } else {
          entries.put(name, entry(name, field.getValue()));
        }
      }
      mustCoverTheBuffer(entries);
      return new SafetensorsHeader(entries, metadata);
    }

    private JsonNode tree(ByteBuffer json) {
      try {
        JsonNode tree = JSON.readTree(StandardCharsets.UTF_8.newDecoder().decode(json).toString());
        if (!tree.isObject()) {
          throw notAHeader("it is not a JSON object");
        }
        return tree;
      } catch (CharacterCodingException e) {
        throw notAHeader("it is not UTF-8");
      } catch (JsonProcessingException e) {
        throw notAHeader(JsonFile.problem(e));
      }
    }

    /** Some writers say null where they have no texts. */
    private Map<String, String> metadata(JsonNode texts) {
      if (texts.isNull()) {
        return Map.of();
      }
      Map<String, String> metadata = new LinkedHashMap<>();
      texts.properties().forEach(text -> metadata.put(text.getKey(), text.getValue().textValue()));
      if (!texts.isObject() || metadata.containsValue(null)) {
        throw notAHeader("its " + METADATA + " is not an object of texts");
      }
      return metadata;
    }

    private Entry entry(String name, JsonNode info) {
      DType dtype = dtype(name, info.path(DTYPE).asText());
      long[] shape = sizes(name, SHAPE, info.path(SHAPE));
      long[] offsets = sizes(name, DATA_OFFSETS, info.path(DATA_OFFSETS));
      if (offsets.length != 2 || offsets[0] > offsets[1]) {
        throw damaged(name, "has data_offsets " + Arrays.toString(offsets) + ", not [BEGIN, END]");
      }
      Entry entry = new Entry(name, dtype, shape, offsets[0], offsets[1]);
      long bytes = offsets[1] - offsets[0];
      if (bytes(name, entry) != bytes) {
        throw damaged(
            name, "is " + entry + ", " + bytes(name, entry) + " bytes, but lies in " + bytes);
      }
      if (offsets[1] > bufferSize) {
        throw truncated(
            file, "tensor \"" + name + "\" ends at byte " + offsets[1] + " of " + bufferSize);
      }
      return entry;
    }

    private DType dtype(String name, String dtype) {
      return DTYPES.stream()
          .filter(type -> type.safetensorsName().equals(dtype))
          .findFirst()
          .orElseThrow(
              () -> {
                List<String> known = DTYPES.stream().map(DType::safetensorsName).toList();
                return damaged(
                    name, "has dtype \"" + dtype + "\", known are " + String.join(", ", known));
              });
    }

    private long[] sizes(String name, String key, JsonNode array) {
      long[] sizes = new long[array.size()];
      for (int i = 0; i < sizes.length; i++) {
        JsonNode size = array.path(i);
        sizes[i] = size.isIntegralNumber() && size.canConvertToLong() ? size.longValue() : -1;
      }
      if (!array.isArray() || Arrays.stream(sizes).anyMatch(size -> size < 0)) {
        throw damaged(name, "has " + key + " " + array + ", not a list of sizes");
      }
      return sizes;
    }

    private long bytes(String name, Entry entry) {
      if (Arrays.stream(entry.shape()).anyMatch(size -> size == 0)) {
        return 0;
      }
      try {
        return Arrays.stream(entry.shape()).reduce(entry.dtype().bytes(), Math::multiplyExact);
      } catch (ArithmeticException e) {
        throw damaged(name, "is " + entry + ", more than any file can hold");
      }
    }

    private void mustCoverTheBuffer(Map<String, Entry> entries) {
      List<Entry> inOrder = new ArrayList<>(entries.values());
      inOrder.sort(Comparator.comparingLong(Entry::start).thenComparingLong(Entry::end));
      long position = 0;
      for (Entry entry : inOrder) {
        if (entry.start() != position) {
          throw damaged(
              entry.name(),
              "starts at byte " + entry.start() + ", what lies before it ends at " + position);
        }
        position = entry.end();
      }
      if (position != bufferSize) {
        throw new LorikeetException(
            file
                + " is damaged: its tensors end at byte "
                + position
                + ", the file at "
                + bufferSize
                + ": copy or download it again");
      }
    }

    private LorikeetException notAHeader(String reason) {
      return new LorikeetException(
          file + " has no valid header (" + reason + "): is it a safetensors file?");
    }

    private LorikeetException damaged(String name, String reason) {
      return new LorikeetException(file + " is damaged: tensor \"" + name + "\" " + reason);
    }
  }

  static LorikeetException truncated(Path file, String reason) {
    return new LorikeetException(file + " is truncated: " + reason + ": copy or download it again");
  }

  // ---- writing ----

  /** The header of a file that holds {@code tensors} in the reference implementation's order. */
  static SafetensorsHeader of(Map<String, TensorSource> tensors, Map<String, String> metadata) {
    if (tensors.containsKey(METADATA)) {
      throw new IllegalArgumentException("no tensor can be called " + METADATA);
    }
    List<Map.Entry<String, TensorSource>> inOrder = new ArrayList<>(tensors.entrySet());
    inOrder.sort(
        Comparator.comparing(
                (Map.Entry<String, TensorSource> e) -> DTYPES.indexOf(e.getValue().dtype()))
            .thenComparing(
                e -> e.getKey().getBytes(StandardCharsets.UTF_8), Arrays::compareUnsigned));
    Map<String, Entry> entries = new LinkedHashMap<>();
    long start = 0;
    for (Map.Entry<String, TensorSource> named : inOrder) {
      TensorSource tensor = named.getValue();
      long end = start + tensor.bytes();
      entries.put(
          named.getKey(), new Entry(named.getKey(), tensor.dtype(), tensor.shape(), start, end));
      start = end;
    }
    return new SafetensorsHeader(entries, metadata);
  }

  /** The header in UTF-8, with spaces after it up to a multiple of {@code alignment} bytes. */
  byte[] toJson(int alignment) {
    byte[] json = text().getBytes(StandardCharsets.UTF_8);
    int n = (json.length + alignment - 1) / alignment * alignment;
    if (n > MAX_HEADER_SIZE) {
      throw new LorikeetException(
          "the header of "
              + entries.size()
              + " tensors takes "
              + n
              + " bytes, the limit is "
              + MAX_HEADER_SIZE
              + ": write several files");
    }
    byte[] padded = Arrays.copyOf(json, n);
    Arrays.fill(padded, json.length, n, (byte) ' ');
    return padded;
  }

  private String text() {
    StringWriter text = new StringWriter();
    try (JsonGenerator json = JSON.createGenerator(text)) {
      json.writeStartObject();
      if (!metadata.isEmpty()) {
        // Sorted, as some maps' order differs from process to process and the bytes must not.
        json.writePOJOField(METADATA, new TreeMap<>(metadata));
      }
      for (Entry entry : entries.values()) {
        json.writeObjectFieldStart(entry.name());
        json.writeStringField(DTYPE, entry.dtype().safetensorsName());
        json.writeFieldName(SHAPE);
        json.writeArray(entry.shape(), 0, entry.shape().length);
        json.writeFieldName(DATA_OFFSETS);
        json.writeArray(new long[] {entry.start(), entry.end()}, 0, 2);
        json.writeEndObject();
      }
      json.writeEndObject();
    } catch (IOException e) {
      throw new UncheckedIOException(e); // a StringWriter does not fail
    }
    return text.toString();
  }
}
