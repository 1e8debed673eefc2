package dev.lorikeet.training;

import dev.lorikeet.data.EncodedExample;
import java.lang.reflect.RecordComponent;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * What must be the same for a run to go on as it began: settings by their keys in a recipe, hashes
 * of the examples, the parameters and their shapes.
 */
final class RunIdentity {
  private RunIdentity() {}

  /** The identity of a run over these. */
  static Map<String, String> of(
      TrainingConfig config,
      List<Trainable> trainables,
      List<EncodedExample> examples,
      List<EncodedExample> evaluationExamples) {
    Map<String, String> identity = new LinkedHashMap<>();
    settings("training.", config, identity);
    identity.put("training data", hash(examples));
    identity.put("evaluation data", hash(evaluationExamples));
    for (Trainable trainable : trainables) {
      identity.put(
          "parameter " + trainable.name(),
          Arrays.toString(trainable.parameter().original().shape()));
    }
    return identity;
  }

  /** A record's components by their keys; those of records in it lie flat beside them. */
  private static void settings(String prefix, Record record, Map<String, String> into) {
    for (RecordComponent component : record.getClass().getRecordComponents()) {
      Object value = value(component, record);
      if (value instanceof CheckpointConfig || value instanceof LoggingConfig) {
        continue; // when a run is saved, and who hears of it, does not change what it computes
      }
      if (value instanceof Record nested) {
        settings(prefix, nested, into);
      } else {
        into.put(prefix + key(component.getName()), text(value));
      }
    }
  }

  private static Object value(RecordComponent component, Record record) {
    try {
      component.getAccessor().setAccessible(true);
      return component.getAccessor().invoke(record);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e); // a record's accessors only read its fields
    }
  }

  /** Without an order that another process would not have. */
  private static String text(Object value) {
    if (value instanceof Set<?> set) {
      return new TreeSet<>(set).toString();
    }
    return String.valueOf(value instanceof Map<?, ?> map ? new TreeMap<>(map) : value);
  }

  /** {@code batch_size} for {@code batchSize}. */
  private static String key(String component) {
    return component.replaceAll("([A-Z])", "_$1").toLowerCase(Locale.ROOT);
  }

  private static String hash(List<EncodedExample> examples) {
    MessageDigest digest = sha256();
    for (EncodedExample example : examples) {
      int[] ids = example.ids();
      int[] typeIds = example.typeIds();
      long[] classes = example.classes();
      float[] targets = example.targets();
      ByteBuffer bytes =
          ByteBuffer.allocate(
              16 + 4 * (ids.length + typeIds.length + targets.length) + 8 * classes.length);
      bytes.putInt(ids.length).putInt(typeIds.length);
      bytes.putInt(classes.length).putInt(targets.length);
      for (int id : ids) {
        bytes.putInt(id);
      }
      for (int typeId : typeIds) {
        bytes.putInt(typeId);
      }
      for (long label : classes) {
        bytes.putLong(label);
      }
      for (float target : targets) {
        bytes.putFloat(target);
      }
      digest.update(bytes.flip());
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every Java platform must have it
    }
  }
}
