package dev.lorikeet.models;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The ONNX graph of an encoder, read back as the checkpoint that it was exported from.
 *
 * <p>Embeddings, biases and norms are initializers under the checkpoint's own names. The weights of
 * linear layers have lost theirs and are transposed, {@code onnx::MatMul_787} [in, out]; each gets
 * its name back from the bias that is added to its product.
 */
final class OnnxEncoderGraph {
  private final GraphProto graph;
  private final Map<String, NodeProto> producers = new HashMap<>();
  private final Map<String, TensorProto> constants = new HashMap<>();
  private final Map<String, Weight> weights = new LinkedHashMap<>();

  /** A float32 tensor of the checkpoint, and how the graph keeps it. */
  record Weight(TensorProto stored, boolean isTransposed) {
    List<Long> shape() {
      List<Long> dims = stored.getDimsList();
      return isTransposed ? List.of(dims.get(1), dims.get(0)) : dims;
    }

    /** Whether the graph holds the elements itself, and all of them. */
    boolean isWhole() {
      try {
        long count = stored.getDimsList().stream().reduce(1L, Math::multiplyExact);
        return bytes(stored).remaining() == Math.multiplyExact(count, Float.BYTES);
      } catch (ArithmeticException e) {
        return false; // so many are in no file
      }
    }

    Tensor tensor() {
      long[] dims = stored.getDimsList().stream().mapToLong(Long::longValue).toArray();
      Tensor tensor = Tensor.zeros(DType.FLOAT32, Device.CPU, dims);
      tensor.hostMemory().put(bytes(stored));
      return isTransposed ? tensor.transpose(0, 1) : tensor;
    }
  }

  /**
   * Reads a model.
   *
   * @throws LorikeetException when it is not an ONNX model
   */
  static OnnxEncoderGraph read(InputStream onnx) {
    try {
      return new OnnxEncoderGraph(ModelProto.parseFrom(onnx).getGraph());
    } catch (IOException e) {
      throw new LorikeetException("the ONNX model cannot be read: " + e.getMessage(), e);
    }
  }

  private OnnxEncoderGraph(GraphProto graph) {
    this.graph = graph;
    for (TensorProto tensor : graph.getInitializerList()) {
      constants.put(tensor.getName(), tensor);
      if (tensor.getDataType() == TensorProto.DataType.FLOAT_VALUE && tensor.getDimsCount() > 0) {
        weights.put(tensor.getName(), new Weight(tensor, false));
      }
    }
    for (NodeProto node : graph.getNodeList()) {
      node.getOutputList().forEach(output -> producers.put(output, node));
      if (node.getOpType().equals("Constant") && node.getAttributeCount() > 0) {
        node.getOutputList().forEach(output -> constants.put(output, node.getAttribute(0).getT()));
      }
    }
    nodes("Add").forEach(this::nameLinear);
  }

  /** Names the weight of {@code Add(bias, MatMul(x, weight))} after the bias. */
  private void nameLinear(NodeProto add) {
    for (int i = 0; i < add.getInputCount(); i++) {
      String bias = add.getInput(i);
      NodeProto product = producers.get(add.getInput(add.getInputCount() - 1 - i));
      if (weights.containsKey(bias) && product != null && product.getOpType().equals("MatMul")) {
        Weight weight = weights.remove(secondInput(product));
        if (weight != null) {
          String name = bias.replaceFirst("\\.bias$", ".weight");
          weights.put(name, new Weight(weight.stored(), weight.shape().size() == 2));
        }
      }
    }
  }

  /** All float32 tensors, those of linear layers under the checkpoint's names. */
  Map<String, Weight> weights() {
    return weights;
  }

  boolean hasInput(String name) {
    return graph.getInputList().stream().anyMatch(input -> input.getName().equals(name));
  }

  boolean has(String operator) {
    return nodes(operator).findAny().isPresent();
  }

  /** The width of a head, if it can be seen: before the softmax, scores are divided by its root. */
  OptionalLong headSize() {
    return nodes("Softmax")
        // The mask is added in between.
        .flatMap(softmax -> Stream.concat(inputs(softmax), inputs(softmax).flatMap(this::inputs)))
        .filter(node -> node.getOpType().equals("Div"))
        .map(division -> number(secondInput(division)))
        .filter(Objects::nonNull)
        .mapToLong(root -> Math.round(root * root))
        .findFirst();
  }

  /** What layer norms add to the variance, if it can be seen. */
  OptionalDouble layerNormEps() {
    Stream<Float> ofNodes =
        nodes("LayerNormalization")
            .flatMap(norm -> norm.getAttributeList().stream())
            .filter(attribute -> attribute.getName().equals("epsilon"))
            .map(attribute -> attribute.getF());
    Stream<Float> ofSums =
        nodes("Sqrt")
            .flatMap(this::inputs)
            .filter(node -> node.getOpType().equals("Add"))
            .flatMap(sum -> sum.getInputList().stream().map(this::number))
            .filter(Objects::nonNull);
    return Stream.concat(ofNodes, ofSums)
        // By its shortest decimals: 1e-12, not the float's 9.999999960041972e-13.
        .mapToDouble(eps -> Double.parseDouble(Float.toString(eps)))
        .findFirst();
  }

  private Stream<NodeProto> nodes(String operator) {
    return graph.getNodeList().stream().filter(node -> node.getOpType().equals(operator));
  }

  private Stream<NodeProto> inputs(NodeProto node) {
    return node.getInputList().stream().map(producers::get).filter(Objects::nonNull);
  }

  /** ONNX's own name of an input that is not given where there is none. */
  private static String secondInput(NodeProto node) {
    return node.getInputCount() > 1 ? node.getInput(1) : "";
  }

  /** The one float32 number that a value of the graph always is; null for any other value. */
  private @Nullable Float number(String value) {
    TensorProto constant = constants.get(value);
    if (constant == null
        || constant.getDataType() != TensorProto.DataType.FLOAT_VALUE
        || bytes(constant).remaining() != Float.BYTES) {
      return null;
    }
    return bytes(constant).getFloat();
  }

  private static ByteBuffer bytes(TensorProto tensor) {
    if (tensor.getFloatDataCount() == 0) {
      return tensor.getRawData().asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    }
    ByteBuffer bytes =
        ByteBuffer.allocate(tensor.getFloatDataCount() * Float.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN);
    tensor.getFloatDataList().forEach(bytes::putFloat);
    return bytes.flip();
  }
}
