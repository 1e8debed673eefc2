package dev.lorikeet.export;

import static org.assertj.core.api.Assertions.assertThat;

import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import dev.lorikeet.torch.Scope;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

@Tag("numeric")
class OnnxFileTest {
  @TempDir private Path temporary;
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  @ParameterizedTest
  @FieldSource("dev.lorikeet.export.Golden#NAMES")
  void aModelWithItsWeightsBesideItAnswersTheSame(String name) {
    Golden golden = Golden.open(name);
    Path folder = temporary.resolve("onnx");
    Parity parity =
        golden
            .baseExport()
            .singleFileLimit(0)
            .verify(List.of(golden.batch("base")), Golden.TOLERANCE)
            .write(folder)
            .orElseThrow();
    assertThat(parity.rows()).isEqualTo(4);
    assertThat(folder.resolve("model.onnx_data")).exists();
  }

  @Test
  void externalTensorsStartOnPagesAndHoldTheInlineBytes() throws IOException {
    Golden golden = Golden.open("bert-classify-lora");
    golden.baseExport().write(temporary.resolve("one"));
    golden.baseExport().singleFileLimit(0).write(temporary.resolve("two"));
    Map<String, TensorProto> inline = tensors(temporary.resolve("one"));
    byte[] data = Files.readAllBytes(temporary.resolve("two").resolve("model.onnx_data"));
    int external = 0;
    for (TensorProto tensor : tensors(temporary.resolve("two")).values()) {
      ByteBuffer expected = find(inline, tensor.getName()).getRawData().asReadOnlyByteBuffer();
      if (tensor.getDataLocation() == TensorProto.DataLocation.EXTERNAL) {
        Map<String, String> place = place(tensor);
        int offset = Integer.parseInt(place.get("offset"));
        int length = Integer.parseInt(place.get("length"));
        assertThat(place).containsEntry("location", "model.onnx_data").hasSize(3);
        assertThat(offset % 4096).isZero();
        assertThat(ByteBuffer.wrap(data, offset, length)).isEqualTo(expected);
        external++;
      } else {
        assertThat(expected.remaining()).isLessThan(1024);
        assertThat(tensor.getRawData().asReadOnlyByteBuffer()).isEqualTo(expected);
      }
    }
    // Three tables, six matrices a layer, the pooler; two layers. Vectors, the classifier [3, 32]
    // and the types [2, 32] are small.
    assertThat(external).isEqualTo(2 + 6 * 2 + 1);
  }

  @Test
  void theLimitCountsAllBytesOfTheWeights() throws IOException {
    Golden golden = Golden.open("bert-classify-lora");
    golden.baseExport().write(temporary.resolve("one"));
    long bytes =
        tensors(temporary.resolve("one")).values().stream()
            .mapToLong(tensor -> tensor.getRawData().size())
            .sum();
    golden.baseExport().singleFileLimit(bytes).write(temporary.resolve("fits"));
    golden.baseExport().singleFileLimit(bytes - 1).write(temporary.resolve("does not"));
    assertThat(temporary.resolve("fits").resolve("model.onnx_data")).doesNotExist();
    assertThat(temporary.resolve("does not").resolve("model.onnx_data")).exists();
  }

  @Test
  void aLinearWeightIsStoredTransposedAndAnEmbeddingAsItIs() throws IOException {
    Golden golden = Golden.open("bert-classify-lora");
    golden.baseExport().write(temporary.resolve("onnx"));
    Map<String, TensorProto> tensors = tensors(temporary.resolve("onnx"));
    String linear = "bert.encoder.layer.0.intermediate.dense.weight"; // [48, 32] in the checkpoint
    assertThat(find(tensors, linear).getDimsList()).containsExactly(32L, 48L);
    assertThat(floats(find(tensors, linear)))
        .isEqualTo(golden.weight(linear).transpose(0, 1).toFloats());
    String words = "bert.embeddings.word_embeddings.weight";
    assertThat(find(tensors, words).getDimsList()).containsExactly(96L, 32L);
    assertThat(floats(find(tensors, words))).isEqualTo(golden.weight(words).toFloats());
  }

  private static Map<String, TensorProto> tensors(Path folder) throws IOException {
    return ModelProto.parseFrom(Files.readAllBytes(folder.resolve("model.onnx")))
        .getGraph()
        .getInitializerList()
        .stream()
        .collect(Collectors.toMap(TensorProto::getName, tensor -> tensor));
  }

  private static TensorProto find(Map<String, TensorProto> tensors, String name) {
    return Objects.requireNonNull(tensors.get(name), name);
  }

  private static Map<String, String> place(TensorProto tensor) {
    return tensor.getExternalDataList().stream()
        .collect(
            Collectors.toMap(StringStringEntryProto::getKey, StringStringEntryProto::getValue));
  }

  private static float[] floats(TensorProto tensor) {
    ByteBuffer bytes = tensor.getRawData().asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    float[] values = new float[bytes.remaining() / Float.BYTES];
    bytes.asFloatBuffer().get(values);
    return values;
  }
}
