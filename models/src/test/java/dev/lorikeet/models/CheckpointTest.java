package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointTest {
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
  void oneFileIsReadWhole() {
    write("model.safetensors", "a.weight", 1);
    Checkpoint checkpoint = Checkpoint.open(folder);
    assertThat(checkpoint.folder()).isEqualTo(folder);
    assertThat(checkpoint.names()).containsExactly("a.weight");
    assertThat(checkpoint.has("a.weight")).isTrue();
    assertThat(checkpoint.has("a.bias")).isFalse();
    assertThat(checkpoint.shape("a.weight")).containsExactly(1, 2);
    assertThat(checkpoint.dtype("a.weight")).isEqualTo(DType.FLOAT32);
    assertThat(checkpoint.tensor("a.weight").toFloats()).containsExactly(1, 1);
  }

  @Test
  void shardsAreReadByTheIndex() throws IOException {
    write("model-00001-of-00002.safetensors", "a", 1);
    write("model-00002-of-00002.safetensors", "b", 2);
    index(
        "{\"b\":\"model-00002-of-00002.safetensors\",\"a\":\"model-00001-of-00002.safetensors\"}");
    Checkpoint checkpoint = Checkpoint.open(folder);
    assertThat(checkpoint.names()).containsExactly("b", "a");
    assertThat(checkpoint.tensor("a").toFloats()).containsExactly(1, 1);
    assertThat(checkpoint.tensor("b").toFloats()).containsExactly(2, 2);
  }

  @Test
  void missingTensorIsAnsweredWithTheNearest() {
    write("model.safetensors", "encoder.layer.0.query.weight", 1);
    Checkpoint checkpoint = Checkpoint.open(folder);
    assertThatThrownBy(() -> checkpoint.tensor("encoder.layer.0.qeury.weight"))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "%s has no tensor \"encoder.layer.0.qeury.weight\";"
                + " nearest: encoder.layer.0.query.weight",
            folder);
    assertThatThrownBy(() -> checkpoint.shape("x")).hasMessageContaining("has no tensor \"x\"");
    assertThatThrownBy(() -> checkpoint.dtype("x")).hasMessageContaining("has no tensor \"x\"");
  }

  @Test
  void shardThatIsMissing() throws IOException {
    index("{\"a\":\"model-00001-of-00002.safetensors\"}");
    refused(
        folder
            + " lacks model-00001-of-00002.safetensors, which "
            + INDEX
            + " names: copy or download it again");
  }

  @Test
  void shardThatLacksItsTensor() throws IOException {
    write("part.safetensors", "a", 1);
    index("{\"a\":\"part.safetensors\",\"b\":\"part.safetensors\"}");
    refused(
        folder.resolve(INDEX)
            + " places tensor \"b\" in part.safetensors, which has no such tensor: copy or download"
            + " both again");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../other/model.safetensors",
        "/x.safetensors",
        "a\\\\b.safetensors",
        "..",
        "a.bin"
      })
  void shardOutsideTheFolder(String shard) throws IOException {
    index("{\"a\":\"" + shard + "\"}");
    refused(
        folder.resolve(INDEX)
            + ": tensor \"a\" is in \""
            + shard.replace("\\\\", "\\")
            + "\", not a safetensors file of this folder");
  }

  @Test
  void indexThatIsNone() throws IOException {
    Files.writeString(folder.resolve(INDEX), "{");
    assertThatThrownBy(() -> Checkpoint.open(folder))
        .isInstanceOf(LorikeetException.class)
        .hasMessageStartingWith(folder.resolve(INDEX) + " is not JSON: ")
        .hasMessageNotContaining("\n");
    Files.writeString(folder.resolve(INDEX), "{\"weight_map\":[]}");
    refused(folder.resolve(INDEX) + " has no \"weight_map\" object");
  }

  @Test
  void picklesAreRefusedWithTheMend() throws IOException {
    Files.write(folder.resolve("pytorch_model.bin"), new byte[] {1});
    refused(
        folder
            + " has its weights in pytorch_model.bin only, and opening a pickle can run any code:"
            + " convert it to safetensors (transformers: model.save_pretrained(folder,"
            + " safe_serialization=True))");
  }

  @Test
  void folderWithoutWeights() throws IOException {
    refused(folder + " has neither model.safetensors nor " + INDEX);
    Files.write(folder.resolve("adapter_model.safetensors"), new byte[] {1});
    refused(folder + " holds an adapter, not a model: give the folder of the model it adapts");
    assertThatThrownBy(() -> Checkpoint.open(folder.resolve("none")))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(folder.resolve("none") + " is not a folder: give that of a model");
  }

  @Test
  void damagedWeightsAreToldOf() throws IOException {
    Files.write(folder.resolve("model.safetensors"), new byte[] {1, 2});
    assertThatThrownBy(() -> Checkpoint.open(folder))
        .isInstanceOf(LorikeetException.class)
        .hasMessageStartingWith(folder.resolve("model.safetensors") + " is truncated: ");
  }

  /** SHA-256 of "config.json 2\n{}model.safetensors 16\n" and that file's 16 bytes. */
  @Test
  void hashIsOfTheFilesAndNotOfTheirPlace() throws IOException {
    Safetensors.write(folder.resolve("model.safetensors"), Map.of(), Map.of());
    Files.writeString(folder.resolve("config.json"), "{}");
    String hash = Checkpoint.open(folder).sha256();
    assertThat(hash).isEqualTo("6873f16be3812c7131b984eb2e6e1ea047c74b86d662cb81398431a84e6d8827");

    Path elsewhere = Files.createDirectory(folder.resolve("elsewhere"));
    for (String name : new String[] {"config.json", "model.safetensors"}) {
      Files.copy(folder.resolve(name), elsewhere.resolve(name));
    }
    assertThat(Checkpoint.open(elsewhere).sha256()).isEqualTo(hash);

    Files.writeString(elsewhere.resolve("config.json"), "{ }");
    assertThat(Checkpoint.open(elsewhere).sha256()).isNotEqualTo(hash);
  }

  @Test
  void hashCoversEveryShard() throws IOException {
    Files.writeString(folder.resolve("config.json"), "{}");
    write("1.safetensors", "a", 1);
    write("2.safetensors", "b", 2);
    index("{\"a\":\"1.safetensors\",\"b\":\"2.safetensors\"}");
    String hash = Checkpoint.open(folder).sha256();
    write("2.safetensors", "b", 3);
    assertThat(Checkpoint.open(folder).sha256()).isNotEqualTo(hash);
  }

  @Test
  void hashNeedsConfigJson() {
    write("model.safetensors", "a", 1);
    assertThatThrownBy(() -> Checkpoint.open(folder).sha256())
        .isInstanceOf(LorikeetException.class)
        .hasMessage(folder.resolve("config.json") + " does not exist");
  }

  private void refused(String message) {
    assertThatThrownBy(() -> Checkpoint.open(folder))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(message);
  }

  private void write(String file, String name, float value) {
    Tensor tensor = Tensor.of(new float[] {value, value}, 1, 2);
    Safetensors.write(folder.resolve(file), Map.of(name, tensor), Map.of("format", "pt"));
  }

  private void index(String weightMap) throws IOException {
    Files.writeString(
        folder.resolve(INDEX),
        "{\"metadata\":{\"total_size\":8},\"weight_map\":" + weightMap + "}");
  }
}
