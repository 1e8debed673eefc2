package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class NewCheckpointTest {
  private static final String NAME = TinyCheckpoint.MLM;

  @TempDir Path root;

  @ParameterizedTest
  @EnumSource(names = {"FLOAT32", "BFLOAT16", "FLOAT16"})
  void weightsAreThoseFromScratchRoundedToTheType(DType dtype) {
    Path folder = write(config(), dtype, 3, 2000);
    Checkpoint checkpoint = Checkpoint.open(folder);
    ModelOptions scratch = ModelOptions.DEFAULT.withSeed(3).fromScratch(Initialization.PAPER);
    try (Scope scope = Scope.open();
        Model model = Model.open(TinyCheckpoint.folder(NAME), scratch)) {
      assertThat(checkpoint.names())
          .containsExactlyInAnyOrderElementsOf(model.parameters().keySet());
      for (String name : checkpoint.names()) {
        Tensor expected = Objects.requireNonNull(model.stateDict().get(name)).to(dtype);
        assertThat(checkpoint.dtype(name)).isEqualTo(dtype);
        assertThat(checkpoint.tensor(name).toBytes()).isEqualTo(expected.toBytes());
      }
    }
  }

  @Test
  void seedsGiveOtherWeightsAndTheSameSeedTheSame() {
    String one = hash(write(config(), DType.FLOAT32, 1, 1 << 20));
    assertThat(hash(write(config(), DType.FLOAT32, 2, 1 << 20))).isNotEqualTo(one);
    assertThat(hash(write(config(), DType.FLOAT32, 1, 1 << 20))).isEqualTo(one);
  }

  private static String hash(Path folder) {
    return Checkpoint.open(folder).sha256();
  }

  @Test
  void sizesAndFilesAreTold() {
    NewCheckpoint.Written written =
        NewCheckpoint.write(
            ModelConfig.of("config.json", config()),
            root.resolve("model"),
            DType.FLOAT32,
            Initialization.PAPER,
            0,
            1 << 20);
    long elements =
        Checkpoint.open(root.resolve("model")).names().stream()
            .mapToLong(
                name -> {
                  long count = 1;
                  for (long size : Checkpoint.open(root.resolve("model")).shape(name)) {
                    count *= size;
                  }
                  return count;
                })
            .sum();
    assertThat(written).isEqualTo(new NewCheckpoint.Written(elements, 1));
  }

  @Test
  void configKeepsItsKeysAndGetsTheType() {
    ObjectNode config = config();
    config.put("torch_dtype", "float32").putObject("unknown").put("a", 1);
    ObjectNode expected = config.deepCopy();
    expected.put("dtype", "bfloat16").put("torch_dtype", "bfloat16");
    assertThat(ModelConfig.read(write(config, DType.BFLOAT16, 1, 1 << 20)).json())
        .isEqualTo(expected);
    config.remove("torch_dtype");
    assertThat(ModelConfig.read(write(config, DType.FLOAT16, 1, 1 << 20)).json())
        .isEqualTo(config.put("dtype", "float16"));
  }

  @Test
  void encoderWithoutAHeadHasNoPrefix() {
    ObjectNode config = config();
    config.putArray("architectures").add("BertModel");
    assertThat(Checkpoint.open(write(config, DType.FLOAT32, 1, 1 << 20)).names())
        .contains("embeddings.word_embeddings.weight")
        .noneMatch(name -> name.startsWith("bert.") || name.startsWith("cls."));
  }

  @Test
  void headThatIsNotSupported() {
    ObjectNode config = config();
    config.putArray("architectures").add("BertForPreTraining");
    refused(
        config,
        "config.json: architectures names BertForPreTraining, whose head is not supported: write"
            + " BertForMaskedLM, BertForSequenceClassification, BertForTokenClassification, or"
            + " BertModel for none");
  }

  @Test
  void typeOfNoWeights() {
    assertThatThrownBy(() -> write(config(), DType.INT32, 1, 10))
        .isInstanceOf(UsageException.class)
        .hasMessage("weights are float32, bfloat16 or float16, not INT32");
    assertThat(root).isEmptyDirectory();
  }

  private void refused(ObjectNode config, String message) {
    assertThatThrownBy(() -> write(config, DType.FLOAT32, 1, 10))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(message);
    assertThat(root).isEmptyDirectory();
  }

  private static ObjectNode config() {
    ObjectNode config = ModelConfig.read(TinyCheckpoint.folder(NAME)).json();
    config.remove("dtype");
    return config;
  }

  private int folders;

  private Path write(ObjectNode config, DType dtype, long seed, long maxShardBytes) {
    Path folder = root.resolve("model" + folders++);
    NewCheckpoint.write(
        ModelConfig.of("config.json", config),
        folder,
        dtype,
        Initialization.PAPER,
        seed,
        maxShardBytes);
    return folder;
  }
}
