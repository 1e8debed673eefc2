package dev.lorikeet.fuzz;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * Damage that knows safetensors: a header that lies of its length, and of its tensors' types,
 * shapes and places; and numbers that are none.
 *
 * @see <a href="https://github.com/huggingface/safetensors#format">the format</a>
 */
final class SafetensorsDamage {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final long[] LENGTHS = {
    0,
    1,
    2,
    -1,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    100_000_000,
    100_000_001,
    Integer.MAX_VALUE,
    1L << 32
  };
  private static final long[] SIZES = {
    0, 1, 2, 3, -1, 7, 1L << 31, 1L << 32, 1L << 62, Long.MAX_VALUE, Long.MIN_VALUE
  };
  private static final String[] DTYPES = {
    "F32", "F16", "BF16", "F64", "I64", "I32", "I8", "U8", "BOOL", "F8_E4M3", "F4", "U16", "x", ""
  };

  private final Random random;

  private SafetensorsDamage(Random random) {
    this.random = random;
  }

  static byte[] damaged(byte[] original, Random random) throws IOException {
    int length = (int) ByteBuffer.wrap(original).order(ByteOrder.LITTLE_ENDIAN).getLong();
    byte[] header = Arrays.copyOfRange(original, Long.BYTES, Long.BYTES + length);
    byte[] data = Arrays.copyOfRange(original, Long.BYTES + length, original.length);
    return new SafetensorsDamage(random).damaged((ObjectNode) JSON.readTree(header), data);
  }

  private byte[] damaged(ObjectNode header, byte[] data) {
    switch (random.nextInt(8)) {
      case 0 -> {
        return file(JsonDamage.damaged(header, random), data, 0, false);
      }
      case 1 -> {
        long lie =
            random.nextBoolean()
                ? LENGTHS[random.nextInt(LENGTHS.length)]
                : random.nextInt(64) - 32;
        return file(header.toString(), data, lie, true);
      }
      case 2 -> {
        int cut = random.nextInt(data.length + 1);
        return file(header.toString(), Arrays.copyOf(data, cut), 0, false);
      }
      case 3 -> {
        return file(header.toString(), notNumbers(data), 0, false);
      }
      default -> {
        int changes = 1 + random.nextInt(3);
        for (int i = 0; i < changes; i++) {
          change(header, data.length);
        }
        return file(header.toString(), data, 0, false);
      }
    }
  }

  private byte[] notNumbers(byte[] data) {
    byte[] changed = data.clone();
    int from = random.nextInt(data.length);
    int to = Math.min(data.length, from + 1 + random.nextInt(4096));
    Arrays.fill(changed, from, to, (byte) (random.nextBoolean() ? 0xff : 0x7f));
    return changed;
  }

  /** One of a tensor's three attributes, its name, or the tensor itself. */
  private void change(ObjectNode header, int bytes) {
    List<String> names = new ArrayList<>();
    header.fieldNames().forEachRemaining(names::add);
    names.remove("__metadata__");
    if (names.isEmpty()) {
      return;
    }
    String name = names.get(random.nextInt(names.size()));
    ObjectNode tensor = (ObjectNode) header.get(name);
    JsonNode other = header.get(names.get(random.nextInt(names.size())));
    switch (random.nextInt(9)) {
      case 0 -> tensor.put("dtype", DTYPES[random.nextInt(DTYPES.length)]);
      case 1 -> header.remove(name);
      case 2 -> header.set(name, other);
      case 3 -> {
        header.remove(name);
        header.set(name + (random.nextBoolean() ? ".x" : "\u001b[2J"), tensor);
      }
      case 4, 5 -> reshape(tensor);
      case 6 ->
          header.putObject("__metadata__").put("format", DTYPES[random.nextInt(DTYPES.length)]);
      default -> move(tensor, bytes);
    }
  }

  private void reshape(ObjectNode tensor) {
    ArrayNode shape =
        tensor.path("shape").isArray() ? (ArrayNode) tensor.get("shape") : tensor.putArray("shape");
    if (shape.isEmpty() || random.nextInt(4) == 0) {
      shape.add(SIZES[random.nextInt(SIZES.length)]);
      return;
    }
    int axis = random.nextInt(shape.size());
    switch (random.nextInt(4)) {
      case 0 -> shape.remove(axis);
      case 1 -> shape.insert(0, shape.remove(axis));
      case 2 -> { // as many elements in another shape
        shape.set(axis, JsonNodeFactory.instance.numberNode(shape.get(axis).asLong() / 2));
        shape.add(2);
      }
      default ->
          shape.set(axis, JsonNodeFactory.instance.numberNode(SIZES[random.nextInt(SIZES.length)]));
    }
  }

  private void move(ObjectNode tensor, int bytes) {
    long from = tensor.path("data_offsets").path(0).asLong();
    long to = tensor.path("data_offsets").path(1).asLong();
    ArrayNode offsets = tensor.putArray("data_offsets");
    switch (random.nextInt(6)) {
      case 0 -> offsets.add(to).add(from);
      case 1 -> offsets.add(from).add(to + random.nextInt(9) - 4);
      case 2 -> offsets.add(from + random.nextInt(9) - 4).add(to);
      case 3 -> offsets.add(0).add(bytes);
      case 4 -> offsets.add(SIZES[random.nextInt(SIZES.length)]).add(to);
      default -> offsets.add(from).add(SIZES[random.nextInt(SIZES.length)]);
    }
  }

  /** A file; {@code lie} is the length that it tells, or what it adds to the true one. */
  private static byte[] file(String header, byte[] data, long lie, boolean lies) {
    byte[] text = header.getBytes(StandardCharsets.UTF_8);
    long length = !lies ? text.length : Math.abs(lie) <= 32 ? text.length + lie : lie;
    return ByteBuffer.allocate(Long.BYTES + text.length + data.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(length)
        .put(text)
        .put(data)
        .array();
  }
}
