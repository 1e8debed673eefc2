package dev.lorikeet.fuzz;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.UnknownFieldSet;
import com.google.protobuf.UnknownFieldSet.Field;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Damage that knows protocol buffers (ONNX): fields at any depth, whatever they mean. */
final class ProtobufDamage {
  private static final int MOST_CHANGES = 4;
  private static final long[] NUMBERS = {
    0, 1, 2, -1, 7, 11, 1L << 31, 1L << 32, Long.MAX_VALUE, Long.MIN_VALUE, 96, 32
  };

  private ProtobufDamage() {}

  static byte[] damaged(byte[] original, Random random) throws InvalidProtocolBufferException {
    byte[] message = original;
    int changes = 1 + random.nextInt(MOST_CHANGES);
    for (int i = 0; i < changes; i++) {
      message = changed(UnknownFieldSet.parseFrom(message), random).toByteArray();
    }
    return message;
  }

  private static UnknownFieldSet changed(UnknownFieldSet message, Random random) {
    List<Integer> numbers = new ArrayList<>(message.asMap().keySet());
    UnknownFieldSet.Builder changed = message.toBuilder();
    if (numbers.isEmpty()) {
      return changed.addField(1 + random.nextInt(16), varint(random)).build();
    }
    int number = numbers.get(random.nextInt(numbers.size()));
    Field field = message.getField(number);
    switch (random.nextInt(12)) {
      case 0 -> changed.clearField(number);
      case 1 -> changed.mergeField(number, field);
      case 2 -> changed.clearField(number).addField(1 + random.nextInt(16), field);
      default -> changed.clearField(number).addField(number, inside(field, random));
    }
    return changed.build();
  }

  private static Field inside(Field field, Random random) {
    if (field.getLengthDelimitedList().isEmpty()) {
      return varint(random);
    }
    List<ByteString> values = new ArrayList<>(field.getLengthDelimitedList());
    int at = random.nextInt(values.size());
    ByteString value = values.get(at);
    switch (random.nextInt(8)) {
      case 0 -> values.remove(at);
      case 1 -> values.add(at, value);
      case 2 -> values.set(at, values.get(random.nextInt(values.size())));
      case 3 -> values.set(at, ByteString.copyFrom(Bytes.damaged(value.toByteArray(), random)));
      default -> values.set(at, deeper(value, random));
    }
    Field.Builder changed = Field.newBuilder();
    values.forEach(changed::addLengthDelimited);
    return changed.build();
  }

  /** A part that is a message itself is changed within; a text or an array by its bytes. */
  private static ByteString deeper(ByteString value, Random random) {
    try {
      UnknownFieldSet message = UnknownFieldSet.parseFrom(value);
      if (!message.asMap().isEmpty()) {
        return changed(message, random).toByteString();
      }
    } catch (InvalidProtocolBufferException e) {
      // no message
    }
    return ByteString.copyFrom(Bytes.damaged(value.toByteArray(), random));
  }

  private static Field varint(Random random) {
    long number = NUMBERS[random.nextInt(NUMBERS.length)];
    return switch (random.nextInt(4)) {
      case 0 -> Field.newBuilder().addFixed32((int) number).build();
      case 1 -> Field.newBuilder().addFixed64(number).build();
      default -> Field.newBuilder().addVarint(number).build();
    };
  }
}
