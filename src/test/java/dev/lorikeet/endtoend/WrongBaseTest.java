package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.adapters.KnownBase;
import dev.lorikeet.models.Checkpoint;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.ProjectionSlot;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An adapter on a base of the same shapes that it was not trained on. */
class WrongBaseTest {
  private static final Path BASE = Path.of("resources/golden/bert-classify-lora");
  private static final String CHANGED = "bert.encoder.layer.1.output.dense.weight";

  @TempDir Path temporary;

  /** The base with one weight a little different. */
  private Path other() throws IOException {
    Path folder = Files.createDirectory(temporary.resolve("other"));
    Files.copy(BASE.resolve("config.json"), folder.resolve("config.json"));
    try (Scope scope = Scope.open()) {
      Safetensors file = Safetensors.open(BASE.resolve("model.safetensors"));
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      file.names().forEach(name -> tensors.put(name, file.tensor(name)));
      tensors.computeIfPresent(CHANGED, (name, weight) -> weight.mul(1.001));
      Safetensors.write(folder.resolve("model.safetensors"), tensors, file.metadata());
    }
    return folder;
  }

  /** The adapter, with what {@code lorikeet.json} says of its base. */
  private Path adapter(boolean known) throws IOException {
    Path folder = Files.createDirectory(temporary.resolve("adapter"));
    for (String file : new String[] {AdapterFolder.CONFIG, AdapterFolder.WEIGHTS}) {
      Files.copy(BASE.resolve("adapter").resolve(file), folder.resolve(file));
    }
    if (known) {
      ObjectNode json = JsonNodeFactory.instance.objectNode();
      KnownBase.of(Checkpoint.open(BASE)).write(json);
      Files.writeString(folder.resolve(KnownBase.FILE), json.toString());
    }
    return folder;
  }

  private static void attach(AdapterFolder folder, Path base) {
    try (Model model = Model.open(base, ModelOptions.DEFAULT)) {
      try {
        folder.attachTo(model);
      } catch (LorikeetException e) {
        assertThat(model.projections().values()).noneMatch(ProjectionSlot::isFilled);
        throw e;
      }
    }
  }

  @Test
  void otherWeightsAreRefusedUnlessTheyAreWanted() throws IOException {
    AdapterFolder folder = AdapterFolder.open(adapter(true));
    Path other = other();
    assertThatCode(() -> attach(folder, BASE)).doesNotThrowAnyException();
    assertThatThrownBy(() -> attach(folder, other))
        .isInstanceOf(LorikeetException.class)
        .hasMessageStartingWith(
            temporary.resolve("adapter") + " was trained on other weights than those of " + other)
        .hasMessageContaining("on " + BASE + ", fingerprint ")
        .hasMessageEndingWith("give that base, or --any-base to use this one all the same");
    assertThatCode(() -> attach(folder.onAnyBase(), other)).doesNotThrowAnyException();
  }

  @Test
  void anAdapterThatDoesNotSayOpensSilently() throws IOException {
    AdapterFolder folder = AdapterFolder.open(adapter(false));
    Path other = other();
    assertThatCode(() -> attach(folder, other)).doesNotThrowAnyException();
  }

  @Test
  void fingerprintIsThatOfTheWeightsInWhateverFiles() throws IOException {
    Path copy = Files.createDirectory(temporary.resolve("copy"));
    try (Scope scope = Scope.open()) {
      Safetensors file = Safetensors.open(BASE.resolve("model.safetensors"));
      Map<String, Tensor> first = new LinkedHashMap<>();
      Map<String, Tensor> second = new LinkedHashMap<>();
      ObjectNode index = JsonNodeFactory.instance.objectNode();
      ObjectNode places = index.putObject("weight_map");
      for (String name : file.names()) {
        boolean embedding = name.contains("embeddings");
        (embedding ? first : second).put(name, file.tensor(name));
        places.put(name, embedding ? "a.safetensors" : "b.safetensors");
      }
      Safetensors.write(copy.resolve("a.safetensors"), first, Map.of());
      Safetensors.write(copy.resolve("b.safetensors"), second, Map.of());
      Files.writeString(copy.resolve("model.safetensors.index.json"), index.toString());
    }
    assertThat(Checkpoint.open(copy).fingerprint())
        .matches("[0-9a-f]{64}")
        .isEqualTo(Checkpoint.open(BASE).fingerprint())
        .isNotEqualTo(Checkpoint.open(other()).fingerprint());
  }

  /** Training writes the fingerprint, and every command that opens an adapter asks for it. */
  @Test
  void commandsKnowTheirBase() throws IOException {
    Path other = Files.createDirectory(temporary.resolve("minilm"));
    for (String file : new String[] {"config.json", "tokenizer.json", "tokenizer_config.json"}) {
      if (Files.exists(Embedded.MODEL.resolve(file))) {
        Files.copy(Embedded.MODEL.resolve(file), other.resolve(file));
      }
    }
    try (Scope scope = Scope.open()) {
      Safetensors file = Safetensors.open(Embedded.MODEL.resolve("model.safetensors"));
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      file.names().forEach(name -> tensors.put(name, file.tensor(name)));
      tensors.computeIfPresent(
          "encoder.layer.3.attention.self.query.weight", (name, weight) -> weight.mul(1.001));
      Safetensors.write(other.resolve("model.safetensors"), tensors, file.metadata());
    }
    String merge = "merge --model %s --adapter %s --output %s";
    Cli refused = Cli.run(merge, other, Trained.ADAPTER, temporary.resolve("merged"));
    assertThat(refused.status()).isEqualTo(1);
    assertThat(refused.err()).contains(" was trained on other weights than those of " + other);
    Cli.done(merge + " --any-base", other, Trained.ADAPTER, temporary.resolve("merged"));
  }
}
