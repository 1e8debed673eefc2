package dev.lorikeet.fuzz;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.util.RawValue;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Random;

/**
 * Damage that knows JSON: values of other types and at the edges of their range, keys dropped,
 * renamed and said twice, values exchanged, brackets nested deep.
 */
final class JsonDamage {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final JsonNodeFactory MAKE = JsonNodeFactory.instance;
  private static final int MOST_CHANGES = 3;
  private static final int LONG = 100_000;

  /** Literals as they stand in the text, some of which are no JSON. */
  private static final String[] NUMBERS = {
    "0",
    "-1",
    "1",
    "2",
    "3",
    "7",
    "-0.0",
    "0.5",
    "1.5",
    "-2147483648",
    "2147483647",
    "2147483648",
    "4294967296",
    "4294967298",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "1e400",
    "1e308",
    "1e-320",
    "123456789012345678901234567890",
    "NaN",
    "Infinity",
    "-Infinity",
    "1e",
    "65536",
    "1000000",
    "100000000",
    "1e2147483647",
    "32",
    "64",
    "96"
  };

  private static final String[] TEXTS = {
    "",
    " ",
    "x",
    "../../x",
    "/etc/passwd",
    "..",
    "a/b",
    "org/name",
    "\u001b[2J\u001b[31m",
    "\u0000",
    "\r\nerror: x",
    "\u202e\u2066x",
    "(a+)+$",
    "(x+x+)+y",
    "(.*)*$",
    "(?P<n>a)(?P=n)\\Z",
    "[",
    "(",
    "*",
    "\\",
    "[unused0]",
    "{{ x }}",
    "null",
    "true",
    "NaN",
    "float16",
    "gelu",
    "all-linear",
    "\ud83d\ude00",
    "e\u0301\u0000"
  };

  private final Random random;

  private JsonDamage(Random random) {
    this.random = random;
  }

  static byte[] damaged(byte[] original, Random random) throws IOException {
    return damaged(JSON.readTree(original), random).getBytes(StandardCharsets.UTF_8);
  }

  /** The text of a damaged copy. */
  static String damaged(JsonNode tree, Random random) {
    JsonDamage damage = new JsonDamage(random);
    JsonNode copy = tree.deepCopy();
    int changes = 1 + random.nextInt(MOST_CHANGES);
    for (int i = 0; i < changes; i++) {
      copy = damage.once(copy);
    }
    return copy.toString();
  }

  private JsonNode once(JsonNode root) {
    List<JsonNode> containers = new ArrayList<>();
    collect(root, containers);
    containers.removeIf(JsonNode::isEmpty);
    if (containers.isEmpty()) {
      return other(root);
    }
    JsonNode container = containers.get(random.nextInt(containers.size()));
    // The outermost object has what matters most.
    JsonNode chosen = random.nextInt(3) == 0 && !root.isEmpty() ? root : container;
    if (chosen instanceof ObjectNode object) {
      change(object, containers);
    } else if (chosen instanceof ArrayNode array) {
      change(array, containers);
    }
    return root;
  }

  private static void collect(JsonNode node, List<JsonNode> containers) {
    if (node.isContainerNode()) {
      containers.add(node);
      node.forEach(child -> collect(child, containers));
    }
  }

  private void change(ObjectNode object, List<JsonNode> containers) {
    List<String> keys = new ArrayList<>();
    object.fieldNames().forEachRemaining(keys::add);
    String key = keys.get(random.nextInt(keys.size()));
    JsonNode value = object.get(key);
    switch (random.nextInt(10)) {
      case 0 -> object.remove(key);
      case 1 -> {
        object.remove(key);
        object.set(key + (random.nextBoolean() ? "s" : " "), value);
      }
      case 2 -> { // said twice
        JsonNode twice =
            MAKE.rawValueNode(
                new RawValue(value + ", " + MAKE.textNode(key) + ": " + other(value)));
        object.set(key, twice);
      }
      case 3 -> {
        String second = keys.get(random.nextInt(keys.size()));
        JsonNode exchanged = object.get(second);
        object.set(second, value);
        object.set(key, exchanged);
      }
      case 4 -> object.set(key, anywhere(containers));
      case 5 -> object.set(text(), value);
      default -> object.set(key, other(value));
    }
  }

  private void change(ArrayNode array, List<JsonNode> containers) {
    int at = random.nextInt(array.size());
    JsonNode value = array.get(at);
    switch (random.nextInt(8)) {
      case 0 -> array.remove(at);
      case 1 -> array.insert(at, value.deepCopy());
      case 2 -> array.set(at, anywhere(containers));
      case 3 -> array.removeAll();
      case 4 -> {
        array.set(at, array.get(random.nextInt(array.size())));
        array.set(random.nextInt(array.size()), value);
      }
      case 5 -> array.add(other(value));
      default -> array.set(at, other(value));
    }
  }

  /** A copy of a value from elsewhere in the file. */
  private JsonNode anywhere(List<JsonNode> containers) {
    JsonNode container = containers.get(random.nextInt(containers.size()));
    Iterator<JsonNode> children = container.elements();
    JsonNode chosen = container;
    for (int steps = random.nextInt(8); steps >= 0 && children.hasNext(); steps--) {
      chosen = children.next();
    }
    return chosen.deepCopy();
  }

  private JsonNode other(JsonNode value) {
    if (random.nextInt(2) == 0) {
      if (value.isNumber()) {
        return raw(NUMBERS[random.nextInt(NUMBERS.length)]);
      }
      if (value.isTextual()) {
        return MAKE.textNode(random.nextInt(3) == 0 ? altered(value.textValue()) : text());
      }
      if (value.isBoolean()) {
        return MAKE.booleanNode(!value.booleanValue());
      }
    }
    return switch (random.nextInt(10)) {
      case 0 -> MAKE.nullNode();
      case 1 -> MAKE.booleanNode(random.nextBoolean());
      case 2 -> MAKE.arrayNode();
      case 3 -> MAKE.objectNode();
      case 4 -> MAKE.arrayNode().add(value);
      case 5 -> MAKE.objectNode().set("x", value);
      case 6 -> MAKE.textNode(text());
      case 7 -> random.nextInt(8) == 0 ? nested() : raw(NUMBERS[random.nextInt(NUMBERS.length)]);
      default -> raw(NUMBERS[random.nextInt(NUMBERS.length)]);
    };
  }

  private String text() {
    int chosen = random.nextInt(TEXTS.length + 2);
    if (chosen < TEXTS.length) {
      return TEXTS[chosen];
    }
    return chosen == TEXTS.length ? "x".repeat(LONG) : "\u00e4\u001b".repeat(500);
  }

  private String altered(String text) {
    int at = random.nextInt(text.length() + 1);
    return switch (random.nextInt(4)) {
      case 0 -> text.substring(0, at);
      case 1 -> text + text;
      case 2 -> text.substring(0, at) + text() + text.substring(at);
      default -> text.toUpperCase(java.util.Locale.ROOT);
    };
  }

  private JsonNode nested() {
    int depth = random.nextBoolean() ? 900 : 5_000;
    return raw("[".repeat(depth) + "]".repeat(depth));
  }

  private static JsonNode raw(String text) {
    return MAKE.rawValueNode(new RawValue(text));
  }
}
