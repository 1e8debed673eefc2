package dev.lorikeet.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("numeric")
class MergedCheckpointTest {
  private static final Path CASE = Golden.open("bert-mlm").folder();

  @TempDir Path root;

  @Test
  void shardsHoldWhatOneFileHolds() throws IOException {
    Path folder = root.resolve("sharded");
    try (Model model = Model.open(CASE, ModelOptions.DEFAULT)) {
      MergedCheckpoint.write(model, folder, 20_000, beside -> {});
      try (Stream<Path> files = Files.list(folder)) {
        assertThat(files.filter(file -> file.toString().endsWith(".safetensors")))
            .hasSizeGreaterThan(2)
            .allSatisfy(file -> assertThat(Files.size(file)).isLessThan(20_000 + 4_000));
      }
      try (Model again = Model.open(folder, ModelOptions.DEFAULT)) {
        Map<String, Tensor> tensors = again.stateDict();
        assertThat(tensors.keySet()).containsExactlyElementsOf(model.stateDict().keySet());
        model
            .stateDict()
            .forEach(
                (name, tensor) ->
                    assertThat(Objects.requireNonNull(tensors.get(name)).toBytes())
                        .isEqualTo(tensor.toBytes()));
      }
    }
  }

  @Test
  void shardsAreNotWrittenBesideASingleFile() throws IOException {
    Path folder = Files.createDirectory(root.resolve("single"));
    try (Model model = Model.open(CASE, ModelOptions.DEFAULT)) {
      MergedCheckpoint.write(model, folder, beside -> {});
      assertThat(folder).isDirectoryContaining("glob:**/model.safetensors");
      assertThatThrownBy(() -> MergedCheckpoint.write(model, folder, 20_000, beside -> {}))
          .isInstanceOf(LorikeetException.class)
          .hasMessageStartingWith(folder + " has a model.safetensors, which would be read instead");
    }
    assertThat(folder).isDirectoryNotContaining("glob:**/model-*");
  }
}
