package dev.lorikeet.training.tracking;

import static com.google.protobuf.DescriptorProtos.FieldDescriptorProto.Type.TYPE_BYTES;
import static com.google.protobuf.DescriptorProtos.FieldDescriptorProto.Type.TYPE_DOUBLE;
import static com.google.protobuf.DescriptorProtos.FieldDescriptorProto.Type.TYPE_FLOAT;
import static com.google.protobuf.DescriptorProtos.FieldDescriptorProto.Type.TYPE_INT32;
import static com.google.protobuf.DescriptorProtos.FieldDescriptorProto.Type.TYPE_INT64;
import static com.google.protobuf.DescriptorProtos.FieldDescriptorProto.Type.TYPE_MESSAGE;
import static com.google.protobuf.DescriptorProtos.FieldDescriptorProto.Type.TYPE_STRING;

import com.google.protobuf.ByteString;
import com.google.protobuf.DescriptorProtos.DescriptorProto;
import com.google.protobuf.DescriptorProtos.FieldDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.OneofDescriptorProto;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.DescriptorValidationException;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.DynamicMessage;
import java.util.Map;

/**
 * TensorBoard's messages, as far as they are written here: the fields, numbers and types of
 * tensorflow's event.proto, summary.proto, tensor.proto and tensor_shape.proto
 * (https://github.com/tensorflow/tensorboard/tree/master/tensorboard/compat/proto).
 */
final class EventMessages {
  private static final String PACKAGE = "tensorflow";

  /** The version of event files that TensorBoard takes restarts of a run from. */
  private static final String VERSION = "brain.Event:2";

  /** tensorflow.DataType: texts. */
  private static final int DT_STRING = 7;

  /** tensorflow.SessionLog: a run starts, and what was written of this step and later is void. */
  private static final int START = 1;

  private static final FileDescriptor FILE = file();

  /** tensorflow.Event. */
  static final Descriptor EVENT = FILE.findMessageTypeByName("Event");

  private EventMessages() {}

  private static FileDescriptor file() {
    FileDescriptorProto file =
        FileDescriptorProto.newBuilder()
            .setName("lorikeet/event.proto")
            .setPackage(PACKAGE)
            .setSyntax("proto3")
            .addMessageType(
                message("Event")
                    .addField(field("wall_time", 1, TYPE_DOUBLE))
                    .addField(field("step", 2, TYPE_INT64))
                    .addField(field("file_version", 3, TYPE_STRING))
                    .addField(of("Summary", field("summary", 5, TYPE_MESSAGE)))
                    .addField(of("SessionLog", field("session_log", 7, TYPE_MESSAGE))))
            .addMessageType(message("SessionLog").addField(field("status", 1, TYPE_INT32)))
            .addMessageType(
                message("Summary").addField(repeated(of("Value", field("value", 1, TYPE_MESSAGE)))))
            .addMessageType(
                message("Value")
                    .addField(field("tag", 1, TYPE_STRING))
                    .addField(field("simple_value", 2, TYPE_FLOAT).setOneofIndex(0))
                    .addField(of("Tensor", field("tensor", 8, TYPE_MESSAGE)).setOneofIndex(0))
                    .addField(of("Metadata", field("metadata", 9, TYPE_MESSAGE)))
                    .addOneofDecl(OneofDescriptorProto.newBuilder().setName("value")))
            .addMessageType(
                message("Metadata")
                    .addField(of("PluginData", field("plugin_data", 1, TYPE_MESSAGE))))
            .addMessageType(message("PluginData").addField(field("plugin_name", 1, TYPE_STRING)))
            .addMessageType(
                message("Tensor")
                    .addField(field("dtype", 1, TYPE_INT32))
                    .addField(of("Shape", field("tensor_shape", 2, TYPE_MESSAGE)))
                    .addField(repeated(field("string_val", 8, TYPE_BYTES))))
            .addMessageType(
                message("Shape").addField(repeated(of("Dim", field("dim", 2, TYPE_MESSAGE)))))
            .addMessageType(message("Dim").addField(field("size", 1, TYPE_INT64)))
            .build();
    try {
      return FileDescriptor.buildFrom(file, new FileDescriptor[0]);
    } catch (DescriptorValidationException e) {
      throw new IllegalStateException(e);
    }
  }

  private static DescriptorProto.Builder message(String name) {
    return DescriptorProto.newBuilder().setName(name);
  }

  private static FieldDescriptorProto.Builder field(
      String name, int number, FieldDescriptorProto.Type type) {
    return FieldDescriptorProto.newBuilder()
        .setName(name)
        .setNumber(number)
        .setType(type)
        .setLabel(FieldDescriptorProto.Label.LABEL_OPTIONAL);
  }

  private static FieldDescriptorProto.Builder of(
      String message, FieldDescriptorProto.Builder field) {
    return field.setTypeName("." + PACKAGE + "." + message);
  }

  private static FieldDescriptorProto.Builder repeated(FieldDescriptorProto.Builder field) {
    return field.setLabel(FieldDescriptorProto.Label.LABEL_REPEATED);
  }

  // ---- events ----

  /** The first event of a file. */
  static DynamicMessage version(double wallTime) {
    return event(wallTime, 0).setField(field(EVENT, "file_version"), VERSION).build();
  }

  /** A run that starts here: what earlier files say of {@code step} and later steps is void. */
  static DynamicMessage start(double wallTime, long step) {
    return event(wallTime, step)
        .setField(field(EVENT, "session_log"), build("SessionLog", Map.of("status", START)))
        .build();
  }

  /**
   * Numbers at a step.
   *
   * @param values by tag
   */
  static DynamicMessage scalars(double wallTime, long step, Map<String, Double> values) {
    DynamicMessage.Builder summary = builder("Summary");
    values.forEach(
        (tag, value) ->
            summary.addRepeatedField(
                field(summary, "value"),
                build("Value", Map.of("tag", tag, "simple_value", value.floatValue()))));
    return event(wallTime, step).setField(field(EVENT, "summary"), summary.build()).build();
  }

  /** A text in Markdown. */
  static DynamicMessage text(double wallTime, String tag, String markdown) {
    DynamicMessage.Builder shape = builder("Shape");
    shape.addRepeatedField(field(shape, "dim"), build("Dim", Map.of("size", 1L)));
    DynamicMessage.Builder tensor = builder("Tensor");
    tensor.setField(field(tensor, "dtype"), DT_STRING);
    tensor.setField(field(tensor, "tensor_shape"), shape.build());
    tensor.addRepeatedField(field(tensor, "string_val"), ByteString.copyFromUtf8(markdown));
    DynamicMessage plugin = build("PluginData", Map.of("plugin_name", "text"));
    DynamicMessage metadata = build("Metadata", Map.of("plugin_data", plugin));
    DynamicMessage.Builder summary = builder("Summary");
    summary.addRepeatedField(
        field(summary, "value"),
        build("Value", Map.of("tag", tag, "tensor", tensor.build(), "metadata", metadata)));
    return event(wallTime, 0).setField(field(EVENT, "summary"), summary.build()).build();
  }

  private static DynamicMessage.Builder event(double wallTime, long step) {
    return DynamicMessage.newBuilder(EVENT)
        .setField(field(EVENT, "wall_time"), wallTime)
        .setField(field(EVENT, "step"), step);
  }

  private static DynamicMessage build(String message, Map<String, ?> fields) {
    DynamicMessage.Builder builder = builder(message);
    fields.forEach((name, value) -> builder.setField(field(builder, name), value));
    return builder.build();
  }

  private static DynamicMessage.Builder builder(String message) {
    return DynamicMessage.newBuilder(FILE.findMessageTypeByName(message));
  }

  private static FieldDescriptor field(DynamicMessage.Builder builder, String name) {
    return field(builder.getDescriptorForType(), name);
  }

  private static FieldDescriptor field(Descriptor message, String name) {
    return message.findFieldByName(name);
  }
}
