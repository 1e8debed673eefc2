package dev.lorikeet.export;

import ai.onnx.proto.OnnxMl.AttributeProto;
import dev.lorikeet.export.OnnxGraph.Value;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Nearest;
import dev.lorikeet.torch.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;

/**
 * A place in a checkpoint and, under the same name, in the graph: what {@code
 * part.at("encoder.layer.0").linear("query", D, D, x)} adds reads {@code
 * encoder.layer.0.query.weight} and consists of the nodes {@code /encoder/layer.0/query/MatMul} and
 * {@code /encoder/layer.0/query/Add}.
 */
final class OnnxPart {
  private final OnnxGraph graph;
  private final Map<String, Tensor> weights;
  private final String path;

  private OnnxPart(OnnxGraph graph, Map<String, Tensor> weights, String path) {
    this.graph = graph;
    this.weights = weights;
    this.path = path;
  }

  /** The place that all others are below. */
  static OnnxPart root(OnnxGraph graph, Map<String, Tensor> weights) {
    return new OnnxPart(graph, weights, "");
  }

  /** The place {@code name} below this one; dots walk further. */
  OnnxPart at(String name) {
    return new OnnxPart(graph, weights, path.isEmpty() ? name : path + "." + name);
  }

  OnnxGraph graph() {
    return graph;
  }

  /** Whether the checkpoint has a tensor {@code name} below this place. */
  boolean has(String name) {
    return weights.containsKey(at(name).path);
  }

  // ---- layers ----

  /**
   * x Wᵀ + b. W is stored transposed, as MatMul wants it.
   *
   * @param x [..., in]
   * @return [..., out]
   */
  Value linear(String name, long out, long in, Value x) {
    OnnxPart here = at(name);
    Value weight = graph.weight(here.at("weight").path, here.tensor("weight", out, in), true);
    return here.add(here.matMul(x, weight), here.weight("bias", out));
  }

  /** The rows of a table [rows, width] at {@code ids}: [shape of ids, width]. */
  Value embedding(String name, long rows, long width, Value ids) {
    OnnxPart here = at(name);
    return here.node("Gather", here.weight("weight", rows, width), ids);
  }

  /** (x − mean) / √(variance + eps) · weight + bias over the last axis, which has {@code width}. */
  Value layerNorm(String name, long width, double eps, Value x) {
    OnnxPart here = at(name);
    return here.node(
        "LayerNormalization",
        List.of(OnnxGraph.attribute("axis", -1), OnnxGraph.attribute("epsilon", (float) eps)),
        x,
        here.weight("weight", width),
        here.weight("bias", width));
  }

  /** A tensor of the checkpoint as it is stored. */
  Value weight(String name, long... shape) {
    return graph.weight(at(name).path, tensor(name, shape), false);
  }

  // ---- operators ----

  Value matMul(Value x, Value y) {
    return node("MatMul", x, y);
  }

  Value add(Value x, Value y) {
    return node("Add", x, y);
  }

  Value add(Value x, double y) {
    return node("Add", x, graph.scalar(y));
  }

  Value mul(Value x, Value y) {
    return node("Mul", x, y);
  }

  Value mul(Value x, double y) {
    return node("Mul", x, graph.scalar(y));
  }

  Value div(Value x, double y) {
    return node("Div", x, graph.scalar(y));
  }

  Value softmax(Value x) {
    return node("Softmax", List.of(OnnxGraph.attribute("axis", -1)), x);
  }

  /** The same elements in another shape; 0 keeps the size of the axis at its place. */
  Value reshape(Value x, long... shape) {
    return node("Reshape", x, graph.integers(shape));
  }

  Value transpose(Value x, long... axes) {
    return node(
        "Transpose", List.of(OnnxGraph.attribute("perm", LongStream.of(axes).boxed().toList())), x);
  }

  Value unsqueeze(Value x, long axis) {
    return node("Unsqueeze", x, graph.integers(axis));
  }

  Value toFloat(Value x) {
    return node("Cast", List.of(OnnxGraph.attribute("to", OnnxGraph.typeNumber(DType.FLOAT32))), x);
  }

  Value node(String operator, Value... inputs) {
    return node(operator, List.of(), inputs);
  }

  Value node(String operator, List<AttributeProto> attributes, Value... inputs) {
    // layer.0 stays one step, as in the names that PyTorch's own exporter gives.
    return graph.node(path.replaceAll("\\.(?!\\d)", "/"), operator, attributes, inputs);
  }

  // ---- the checkpoint ----

  private Tensor tensor(String leaf, long... shape) {
    String name = at(leaf).path;
    Tensor tensor = weights.get(name);
    if (tensor == null) {
      throw new LorikeetException(
          "the model has no tensor \""
              + name
              + "\", which its ONNX graph needs; nearest: "
              + String.join(", ", Nearest.of(name, weights.keySet(), 1)));
    }
    if (!Arrays.equals(tensor.shape(), shape)) {
      throw new LorikeetException(
          "tensor \""
              + name
              + "\" is "
              + Arrays.toString(tensor.shape())
              + ", config.json asks for "
              + Arrays.toString(shape)
              + ": is this config.json from another checkpoint?");
    }
    if (!tensor.isFinite()) {
      throw new LorikeetException(
          "tensor \""
              + name
              + "\" holds NaN or infinity: its training diverged; export an earlier checkpoint");
    }
    return tensor;
  }
}
