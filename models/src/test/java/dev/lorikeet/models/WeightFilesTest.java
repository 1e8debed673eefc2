package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WeightFilesTest {
  private static final String INDEX = "model.safetensors.index.json";

  @TempDir Path folder;
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  @Test
  void whatFitsIsOneFile() throws IOException {
    WeightFiles.of(tensors(), 4 * 15).write(folder);
    assertThat(folder).isDirectoryContaining("glob:**/model.safetensors");
    assertThat(folder.resolve(INDEX)).doesNotExist();
    mustHoldTheTensors();
  }

  /**
   * As huggingface_hub 1.x's split_torch_state_dict_into_shards has it: c, then a and b, then d and
   * e.
   */
  @Test
  void shardsAreFilledInOrder() throws IOException {
    WeightFiles files = WeightFiles.of(tensors(), 20);
    assertThat(files.count()).isEqualTo(3);
    files.write(folder);
    assertThat(new ObjectMapper().readTree(folder.resolve(INDEX).toFile()))
        .isEqualTo(
            new ObjectMapper()
                .readTree(
                    """
                    {"metadata": {"total_parameters": 15, "total_size": 60},
                     "weight_map": {
                       "a": "model-00002-of-00003.safetensors",
                       "b": "model-00002-of-00003.safetensors",
                       "c": "model-00001-of-00003.safetensors",
                       "d": "model-00003-of-00003.safetensors",
                       "e": "model-00003-of-00003.safetensors"}}
                    """));
    mustHoldTheTensors();
  }

  @Test
  void nothingIsAFileToo() throws IOException {
    WeightFiles.of(Map.of(), 10).write(folder);
    assertThat(Checkpoint.open(folder).names()).isEmpty();
  }

  @Test
  void shardsBesideASingleFileAreRefused() throws IOException {
    Files.write(folder.resolve("model.safetensors"), new byte[0]);
    assertThatThrownBy(() -> WeightFiles.of(tensors(), 20).mustFitInto(folder))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "%s has a model.safetensors, which would be read instead of the 3 files to be written:"
                + " choose another output",
            folder);
    WeightFiles.of(tensors(), 1000).mustFitInto(folder);
  }

  @Test
  void tensorThatIsNotWhatWasSaidIsNotWritten() {
    TensorSource other =
        new TensorSource(DType.FLOAT32, new long[] {3}, () -> Tensor.of(new float[] {1, 2}, 2));
    assertThatThrownBy(() -> WeightFiles.ofSources(Map.of("a", other), 100).write(folder))
        .isInstanceOf(IllegalStateException.class);
    assertThat(folder).isEmptyDirectory();
  }

  /** a [2], b [3], c [6], d [3], e [1], of four bytes each. */
  private static Map<String, Tensor> tensors() {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    int[] sizes = {2, 3, 6, 3, 1};
    for (int i = 0; i < sizes.length; i++) {
      float[] values = new float[sizes[i]];
      Arrays.fill(values, i);
      tensors.put(String.valueOf((char) ('a' + i)), Tensor.of(values, values.length));
    }
    return tensors;
  }

  private void mustHoldTheTensors() {
    Checkpoint checkpoint = Checkpoint.open(folder);
    tensors()
        .forEach(
            (name, tensor) ->
                assertThat(checkpoint.tensor(name).toFloats()).containsExactly(tensor.toFloats()));
    assertThat(checkpoint.names()).hasSize(5);
  }
}
