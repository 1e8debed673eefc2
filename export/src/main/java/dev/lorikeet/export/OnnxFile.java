package dev.lorikeet.export;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import com.google.protobuf.UnsafeByteOperations;
import dev.lorikeet.export.OnnxGraph.Initializer;
import dev.lorikeet.models.OutputFolder.ThrowingConsumer;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Properties;

/**
 * Writes a graph as {@code model.onnx}. One file holds it all where protobuf's limit of 2 GiB
 * allows it; above, the weights lie raw in <a
 * href="https://onnx.ai/onnx/repo-docs/ExternalData.html">{@code model.onnx_data}</a>, which
 * runtimes map to memory.
 */
final class OnnxFile {
  static final String MODEL = "model.onnx";
  static final String DATA = "model.onnx_data";

  /** The most bytes of weights in one file: protobuf's limit, less 16 MiB for the nodes. */
  static final long SINGLE_FILE_LIMIT = (1L << 31) - (1L << 24);

  /** Smaller tensors stay in the model file, where shape inference can see their values. */
  private static final int MIN_EXTERNAL_BYTES = 1024;

  /** Each external tensor starts on a page of memory, so that it can be mapped. */
  private static final long ALIGNMENT = 4096;

  /** What is written in one piece: one buffer cannot hold a tensor above 2 GiB. */
  private static final int CHUNK_BYTES = 1 << 24;

  private static final String PRODUCER = "lorikeet";

  private OnnxFile() {}

  /**
   * Writes {@code folder/model.onnx}, and {@code model.onnx_data} beside it when the weights take
   * more than {@code singleFileLimit} bytes.
   */
  static void write(OnnxGraph graph, Path folder, long singleFileLimit) throws IOException {
    ModelProto.Builder model =
        graph.toProto().setProducerName(PRODUCER).setProducerVersion(version());
    long bytes = graph.initializers().stream().mapToLong(Initializer::bytes).sum();
    try (Scope scope = Scope.open()) {
      if (bytes <= singleFileLimit) {
        addInline(graph, model.getGraphBuilder());
      } else {
        addExternal(graph, model.getGraphBuilder(), folder.resolve(DATA));
      }
      try (OutputStream stream =
          new BufferedOutputStream(Files.newOutputStream(folder.resolve(MODEL)))) {
        model.build().writeTo(stream);
      }
    }
  }

  private static void addInline(OnnxGraph graph, GraphProto.Builder proto) {
    for (Initializer initializer : graph.initializers()) {
      proto.addInitializer(inline(initializer));
    }
  }

  /** Writes the large tensors one after the other, and where they lie into the graph. */
  private static void addExternal(OnnxGraph graph, GraphProto.Builder proto, Path data)
      throws IOException {
    try (FileChannel channel =
        FileChannel.open(data, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      for (Initializer initializer : graph.initializers()) {
        if (initializer.bytes() < MIN_EXTERNAL_BYTES) {
          proto.addInitializer(inline(initializer));
          continue;
        }
        long offset = (channel.position() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        channel.position(offset);
        eachChunk(initializer, chunk -> writeAll(channel, chunk));
        proto.addInitializer(external(initializer, offset));
      }
    }
  }

  /** A tensor within the model file; its bytes are the tensor's own memory, not a copy. */
  private static TensorProto inline(Initializer initializer) {
    ByteBuffer bytes = rowMajor(initializer).hostMemory();
    return header(initializer).setRawData(UnsafeByteOperations.unsafeWrap(bytes)).build();
  }

  private static TensorProto external(Initializer initializer, long offset) {
    return header(initializer)
        .setDataLocation(TensorProto.DataLocation.EXTERNAL)
        .addExternalData(entry("location", DATA))
        .addExternalData(entry("offset", Long.toString(offset)))
        .addExternalData(entry("length", Long.toString(initializer.bytes())))
        .build();
  }

  private static TensorProto.Builder header(Initializer initializer) {
    return TensorProto.newBuilder()
        .setName(initializer.name())
        .setDataType(OnnxGraph.typeNumber(initializer.dtype()))
        .addAllDims(initializer.shape());
  }

  private static StringStringEntryProto entry(String key, String value) {
    return StringStringEntryProto.newBuilder().setKey(key).setValue(value).build();
  }

  /**
   * The tensor as the file holds it; little-endian, which the format asks for, as all hosts are.
   */
  private static Tensor rowMajor(Initializer initializer) {
    Tensor tensor = initializer.tensor().detach().to(initializer.dtype());
    return initializer.transposed() ? tensor.transpose(0, 1).contiguous() : tensor;
  }

  private static void eachChunk(Initializer initializer, ThrowingConsumer<ByteBuffer> action)
      throws IOException {
    try (Scope scope = Scope.open()) {
      long count = initializer.tensor().count();
      Tensor flat = rowMajor(initializer).reshape(count);
      long step = CHUNK_BYTES / initializer.dtype().bytes();
      for (long from = 0; from < count; from += step) {
        action.accept(flat.narrow(0, from, Math.min(step, count - from)).hostMemory());
      }
    }
  }

  private static void writeAll(FileChannel channel, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  /** This room's version as Maven leaves it in the jar; {@code development} outside of one. */
  private static String version() throws IOException {
    Properties properties = new Properties();
    try (InputStream in =
        OnnxFile.class.getResourceAsStream(
            "/META-INF/maven/dev.lorikeet/lorikeet-export/pom.properties")) {
      if (in != null) {
        properties.load(in);
      }
    }
    return properties.getProperty("version", "development");
  }
}
