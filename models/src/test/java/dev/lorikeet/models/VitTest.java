package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Beside the reference cases: what they cannot show. */
@Tag("numeric")
class VitTest {
  private static final String NAME = "vit-classify-lora";

  @TempDir private Path copy;

  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static ModelInput images(long... shape) {
    return ModelInput.ofImages(Tensor.zeros(DType.FLOAT32, Device.CPU, shape));
  }

  @Test
  void parametersGoByTheirNamesOnDiskAndModulesByThoseInMemory() {
    try (Model model = Model.open(TinyCheckpoint.folder(NAME), ModelOptions.DEFAULT)) {
      Checkpoint checkpoint = Checkpoint.open(TinyCheckpoint.folder(NAME));
      assertThat(model.parameters().keySet()).isEqualTo(checkpoint.names());
      assertThat(model.projections())
          .containsKeys(
              "vit.layers.0.attention.q_proj",
              "vit.layers.0.attention.k_proj",
              "vit.layers.0.attention.v_proj",
              "vit.layers.0.attention.o_proj",
              "vit.layers.0.mlp.fc1",
              "vit.layers.0.mlp.fc2",
              "classifier")
          .hasSize(13);
      assertThat(model.nameInMemory("vit.encoder.layer.1.output.dense.weight"))
          .isEqualTo("vit.layers.1.mlp.fc2.weight");
      assertThat(model.nameInMemory("vit.layers.1.attention.o_proj"))
          .isEqualTo("vit.layers.1.attention.o_proj");
    }
  }

  @Test
  void aHeadForOtherClassesIsNew() {
    ModelOptions options =
        ModelOptions.DEFAULT.withHead(
            HeadType.IMAGE_CLASSIFICATION, List.of("bird", "cat", "dog", "fish"));
    try (Model model = Model.open(TinyCheckpoint.folder(NAME), options)) {
      assertThat(model.newModules()).containsExactly("classifier");
      assertThat(model.logits(images(2, 3, 16, 16)).shape()).containsExactly(2, 4);
    }
  }

  @ParameterizedTest
  @CsvSource({"3, 16, 12", "3, 32, 32", "1, 16, 16"})
  void imagesOfAnotherSizeAreRefused(int channels, int height, int width) {
    try (Model model = Model.open(TinyCheckpoint.folder(NAME), ModelOptions.DEFAULT)) {
      assertThatThrownBy(() -> model.logits(images(2, channels, height, width)))
          .isInstanceOf(LorikeetException.class)
          .hasMessage(
              "pixel values are [2, %d, %d, %d], the model reads [2, 3, 16, 16] (batch,"
                  + " num_channels, image_size): resize the images",
              channels, height, width);
    }
  }

  @Test
  void textsAreRefused() {
    try (Model model = Model.open(TinyCheckpoint.folder(NAME), ModelOptions.DEFAULT)) {
      ModelInput text = new ModelInput(Tensor.of(new long[] {1, 2}, 1, 2), null, null);
      assertThatThrownBy(() -> model.logits(text))
          .isInstanceOf(LorikeetException.class)
          .hasMessage("the model reads images, and was given texts");
    }
  }

  @Test
  void sizesThatCannotBeAreRefused() {
    assertRefused(
        json -> json.put("patch_size", 5),
        "config.json: image_size 16 is no multiple of patch_size 5: is it from this checkpoint?");
    assertRefused(
        json -> json.put("num_attention_heads", 3),
        "config.json: hidden_size 32 is no multiple of num_attention_heads 3: is it from this"
            + " checkpoint?");
    assertRefused(
        json -> json.put("image_size", 20),
        "COPY: tensor \"vit.embeddings.position_embeddings\" is [1, 17, 32], config.json asks for"
            + " [1, 26, 32]: is this config.json from another checkpoint?");
    assertRefused(
        json -> json.putArray("image_size").add(16).add(16),
        "COPY/config.json: \"image_size\" must be a whole number, not [16,16]");
  }

  private void assertRefused(Consumer<ObjectNode> change, String message) {
    TinyCheckpoint.withConfig(copy, NAME, change);
    assertThatThrownBy(() -> Model.open(copy, ModelOptions.DEFAULT).close())
        .isInstanceOf(LorikeetException.class)
        .hasMessage(message.replace("COPY", copy.toString()));
  }
}
