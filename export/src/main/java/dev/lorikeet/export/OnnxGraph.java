package dev.lorikeet.export;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.OperatorSetIdProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto.DataType;
import ai.onnx.proto.OnnxMl.TensorShapeProto;
import ai.onnx.proto.OnnxMl.TypeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

/**
 * An ONNX model under construction: inputs, nodes, constants, outputs and what is known of their
 * shapes, in the terms of the <a href="https://onnx.ai/onnx/repo-docs/IR.html">format</a>. {@link
 * OnnxFile} writes it.
 *
 * <p>An axis is a String where its size is named and decided at run time, and a number where it is
 * fixed. A graph is built and written within one {@link dev.lorikeet.torch.Scope}, which owns its
 * small constants; its weights stay their owner's and are read when the file is written.
 */
final class OnnxGraph {
  /** The version of the standard operators: the first with LayerNormalization. */
  static final int OPSET = 17;

  /** The version of the file format that ONNX 1.12 brought together with opset 17. */
  static final int IR_VERSION = 8;

  /** A tensor that flows through the graph. */
  record Value(String name) {}

  /**
   * A tensor that is part of the model.
   *
   * @param tensor written as int64 when it is that, and as float32 otherwise
   * @param transposed whether its two axes are swapped on writing
   */
  record Initializer(String name, Tensor tensor, boolean transposed) {
    DType dtype() {
      return tensor.dtype() == DType.INT64 ? DType.INT64 : DType.FLOAT32;
    }

    List<Long> shape() {
      List<Long> shape = LongStream.of(tensor.shape()).boxed().collect(Collectors.toList());
      if (transposed) {
        Collections.reverse(shape);
      }
      return shape;
    }

    long bytes() {
      return Math.multiplyExact(tensor.count(), (long) dtype().bytes());
    }
  }

  private final GraphProto.Builder graph = GraphProto.newBuilder().setName("lorikeet");
  private final List<NodeProto.Builder> nodes = new ArrayList<>();
  private final Map<String, Integer> nodeNames = new HashMap<>();
  private final Map<String, Initializer> initializers = new LinkedHashMap<>();
  private final Map<String, String> metadata = new TreeMap<>();

  // ---- what flows ----

  /** A tensor that whoever runs the graph gives it. */
  Value input(String name, DType type, Object... axes) {
    graph.addInput(valueInfo(name, type, axes));
    return new Value(name);
  }

  /**
   * What an operator computes, as a node {@code /place/operator}, numbered from its second use at
   * that place on.
   */
  Value node(String place, String operator, List<AttributeProto> attributes, Value... inputs) {
    String name = (place.isEmpty() ? "" : "/" + place) + "/" + operator;
    int uses = nodeNames.merge(name, 1, Integer::sum);
    String unique = uses == 1 ? name : name + "_" + (uses - 1);
    NodeProto.Builder node =
        NodeProto.newBuilder().setName(unique).setOpType(operator).addAllAttribute(attributes);
    for (Value input : inputs) {
      node.addInput(input.name());
    }
    Value output = new Value(unique + "_output_0");
    nodes.add(node.addOutput(output.name()));
    return output;
  }

  /** States a shape that shape inference cannot find by itself. */
  void shape(Value value, DType type, Object... axes) {
    graph.addValueInfo(valueInfo(value.name(), type, axes));
  }

  /** Makes what a node computes an output of the graph, and gives it the output's name. */
  void output(String name, Value value, DType type, Object... axes) {
    for (NodeProto.Builder node : nodes) {
      node.setOutput(0, renamed(node.getOutput(0), value, name));
      for (int i = 0; i < node.getInputCount(); i++) {
        node.setInput(i, renamed(node.getInput(i), value, name));
      }
    }
    graph.addOutput(valueInfo(name, type, axes));
  }

  private static String renamed(String name, Value value, String to) {
    return name.equals(value.name()) ? to : name;
  }

  // ---- what stays ----

  /** A weight, under the checkpoint's name; the same one however often it is asked for. */
  Value weight(String name, Tensor tensor, boolean transposed) {
    Initializer known = initializers.get(name);
    if (known != null && known.transposed() != transposed) {
      throw new IllegalArgumentException(name + " is used as it is and transposed: add a node");
    }
    initializers.putIfAbsent(name, new Initializer(name, tensor, transposed));
    return new Value(name);
  }

  /** A float32 number, without axes. */
  Value scalar(double value) {
    float number = (float) value;
    String name = "float_" + number;
    return constant(name, () -> Tensor.of(new float[] {number}));
  }

  /** An int64 number, without axes. */
  Value index(long value) {
    return constant("int64_scalar_" + value, () -> Tensor.of(new long[] {value}));
  }

  /** A row of int64 numbers: axes, starts, a shape. */
  Value integers(long... values) {
    String name =
        LongStream.of(values)
            .mapToObj(Long::toString)
            .collect(Collectors.joining("_", "int64_", ""));
    return constant(name, () -> Tensor.of(values, values.length));
  }

  private Value constant(String name, Supplier<Tensor> tensor) {
    initializers.computeIfAbsent(name, key -> new Initializer(key, tensor.get(), false));
    return new Value(name);
  }

  /** A text that travels with the model. */
  void metadata(String key, String value) {
    metadata.put(key, value);
  }

  // ---- attributes of nodes ----

  static AttributeProto attribute(String name, long value) {
    return attribute(name, AttributeProto.AttributeType.INT).setI(value).build();
  }

  static AttributeProto attribute(String name, float value) {
    return attribute(name, AttributeProto.AttributeType.FLOAT).setF(value).build();
  }

  static AttributeProto attribute(String name, List<Long> values) {
    return attribute(name, AttributeProto.AttributeType.INTS).addAllInts(values).build();
  }

  private static AttributeProto.Builder attribute(String name, AttributeProto.AttributeType type) {
    return AttributeProto.newBuilder().setName(name).setType(type);
  }

  // ---- the file's messages ----

  Collection<Initializer> initializers() {
    return Collections.unmodifiableCollection(initializers.values());
  }

  /** All but the initializers. */
  ModelProto.Builder toProto() {
    ModelProto.Builder model =
        ModelProto.newBuilder()
            .setIrVersion(IR_VERSION)
            .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("").setVersion(OPSET))
            .setGraph(graph.clone());
    nodes.forEach(node -> model.getGraphBuilder().addNode(node));
    metadata.forEach(
        (key, value) ->
            model.addMetadataProps(
                StringStringEntryProto.newBuilder().setKey(key).setValue(value)));
    return model;
  }

  /** The format's number for a type. */
  static int typeNumber(DType type) {
    return switch (type) {
      case FLOAT32 -> DataType.FLOAT_VALUE;
      case INT64 -> DataType.INT64_VALUE;
      default -> throw new IllegalArgumentException("no ONNX type is set for " + type);
    };
  }

  private static ValueInfoProto valueInfo(String name, DType type, Object... axes) {
    TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
    for (Object axis : axes) {
      TensorShapeProto.Dimension.Builder dimension = shape.addDimBuilder();
      if (axis instanceof Number size) {
        dimension.setDimValue(size.longValue());
      } else {
        dimension.setDimParam((String) axis);
      }
    }
    TypeProto.Tensor.Builder tensor =
        TypeProto.Tensor.newBuilder().setElemType(typeNumber(type)).setShape(shape);
    return ValueInfoProto.newBuilder()
        .setName(name)
        .setType(TypeProto.newBuilder().setTensorType(tensor))
        .build();
  }
}
