package dev.lorikeet.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.export.OnnxGraph.Value;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("numeric")
class OnnxModelTest {
  private static final long[] IDS = {5, 6, 7, 8, 9, 10};
  private static final long[] MASK = {1, 1, 1, 1, 1, 0};
  private static final long[] TYPES = {0, 0, 1, 0, 1, 0};

  @TempDir private Path temporary;

  @Test
  void logitsComeInRowMajorOrderWithTheirShape() throws IOException {
    write("input_ids", "attention_mask");
    try (OnnxModel model = OnnxModel.open(temporary.resolve("model.onnx"), 1)) {
      OnnxModel.Logits logits = model.logits(IDS, MASK, TYPES, 2, 3);
      assertThat(logits.shape()).containsExactly(2, 3);
      assertThat(logits.values()).containsExactly(6, 7, 8, 9, 10, 10);
    }
  }

  @Test
  void tokenTypesAreGivenToModelsThatAskForThem() throws IOException {
    write("input_ids", "attention_mask", "token_type_ids");
    try (OnnxModel model = OnnxModel.open(temporary.resolve("model.onnx"), 2)) {
      assertThat(model.logits(IDS, MASK, TYPES, 2, 3).values()).containsExactly(6, 7, 9, 9, 11, 10);
    }
  }

  @Test
  void anInputThatNobodyKnowsIsNamed() throws IOException {
    write("input_ids", "pixel_values");
    try (OnnxModel model = OnnxModel.open(temporary.resolve("model.onnx"), 1)) {
      assertThatThrownBy(() -> model.logits(IDS, MASK, TYPES, 2, 3))
          .isInstanceOf(LorikeetException.class)
          .hasMessage(
              temporary.resolve("model.onnx")
                  + " asks for an input \"pixel_values\"; known: [attention_mask, input_ids,"
                  + " token_type_ids]");
    }
  }

  @Test
  void aFileThatIsNoModelIsRefusedInOneLine() throws IOException {
    Path file = Files.writeString(temporary.resolve("model.onnx"), "not a model\n");
    assertThatThrownBy(() -> OnnxModel.open(file, 1))
        .isInstanceOf(LorikeetException.class)
        .hasMessageStartingWith(file + " cannot be run in ONNX Runtime: ")
        .hasMessageNotContaining("\n");
  }

  @Test
  void aMissingFileIsNamed() {
    Path file = temporary.resolve("model.onnx");
    assertThatThrownBy(() -> OnnxModel.open(file, 1)).hasMessage(file + " does not exist");
  }

  @Test
  void threadsAreAtLeastOne() {
    assertThatThrownBy(() -> OnnxModel.open(temporary, 0))
        .isInstanceOf(UsageException.class)
        .hasMessage("threads is 0: use at least 1");
  }

  @Test
  void noOtherClassNeedsOnnxRuntime() throws IOException, URISyntaxException {
    Path classes =
        Path.of(OnnxModel.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    try (Stream<Path> files = Files.walk(classes)) {
      List<String> users =
          files
              .filter(file -> file.toString().endsWith(".class"))
              .filter(OnnxModelTest::namesOnnxRuntime)
              .map(file -> file.getFileName().toString())
              .toList();
      assertThat(users).containsExactly("OnnxModel.class");
    }
  }

  private static boolean namesOnnxRuntime(Path classFile) {
    try {
      return new String(Files.readAllBytes(classFile), StandardCharsets.ISO_8859_1)
          .contains("ai/onnxruntime");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Writes a model that answers with the sum of its inputs. */
  private void write(String... inputs) throws IOException {
    try (Scope scope = Scope.open()) {
      OnnxGraph graph = new OnnxGraph();
      OnnxPart root = OnnxPart.root(graph, Map.of());
      Value sum = graph.scalar(0);
      for (String input : inputs) {
        sum = root.add(root.toFloat(graph.input(input, DType.INT64, "batch", "length")), sum);
      }
      graph.output("sum", sum, DType.FLOAT32, "batch", "length");
      OnnxFile.write(graph, temporary, OnnxFile.SINGLE_FILE_LIMIT);
    }
  }
}
