package dev.lorikeet.endtoend;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.AdapterConfig;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.adapters.AdapterMethods;
import dev.lorikeet.export.MergedCheckpoint;
import dev.lorikeet.models.DecoderInput;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.models.Tape;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.training.AdamW;
import dev.lorikeet.training.ParameterGroup;
import dev.lorikeet.training.Trainable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Lorikeet's side of {@code src/test/interop/methods.py}: {@code lorikeet run Interchange.java
 * WORK}. In each folder of {@code WORK/cases} it opens PEFT's adapter {@code theirs}; trains one of
 * the same settings and saves it as {@code ours}; and writes the checkpoint {@code merged}. Answers
 * go beside them, or the error.
 */
public final class Interchange {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int STEPS = 3;

  /** Far above what trains well, so that three steps move logits by tenths. */
  private static final double LEARNING_RATE = 0.05;

  private final Path folder;
  private final Path base;
  private final Safetensors inputs;

  private Interchange(Path folder) throws IOException {
    this.folder = folder;
    base = Path.of(read("base.json").path("base").asText());
    inputs = Safetensors.open(base.resolve("inputs.safetensors"));
  }

  /**
   * Runs all cases.
   *
   * @param arguments the working folder
   */
  public static void main(String[] arguments) throws IOException {
    try (Stream<Path> cases = Files.list(Path.of(arguments[0]).resolve("cases"))) {
      for (Path folder : cases.sorted().toList()) {
        if (Files.exists(folder.resolve("settings.json"))) {
          Interchange interchange = new Interchange(folder);
          interchange.attempt("theirs", interchange::answerWithTheirs);
          interchange.attempt("ours", interchange::train);
          interchange.attempt("merged", interchange::merge);
        }
      }
    }
  }

  /** One of the ways. */
  private interface Way {
    void take(Model model) throws IOException;
  }

  /** A case that fails must not end the others: the error is what the case has to tell. */
  private void attempt(String name, Way way) throws IOException {
    try (Scope scope = Scope.open();
        Model model = Model.open(base, ModelOptions.DEFAULT)) {
      way.take(model);
    } catch (RuntimeException e) {
      Files.writeString(folder.resolve(name + ".error"), e.toString());
    }
  }

  private void answerWithTheirs(Model model) throws IOException {
    AdapterFolder.open(folder.resolve("theirs")).attachTo(model);
    answer(model, "theirs");
  }

  private void answer(Model model, String name) throws IOException {
    Safetensors.write(
        folder.resolve(name + ".answers"), Map.of("logits", model.logits(input(model))), Map.of());
  }

  private void train(Model model) throws IOException {
    ObjectNode settings = (ObjectNode) read("settings.json");
    AdapterConfig config =
        AdapterMethods.ofType(settings.path("peft_type").asText()).orElseThrow().read(settings);
    Adapter adapter = Adapter.attach(model, config, 1);
    List<Trainable> trainables = Trainable.of(adapter);
    List<Parameter> parameters = trainables.stream().map(Trainable::parameter).toList();
    ParameterGroup all = new ParameterGroup("all", LEARNING_RATE, 0, trainables);
    try (AdamW optimizer = new AdamW(List.of(all), 0.9, 0.999, 1e-8)) {
      for (int step = 0; step < STEPS; step++) {
        try (Scope scope = Scope.open()) {
          optimizer.step(gradients(model, parameters), List.of(LEARNING_RATE));
        }
      }
    }
    answer(model, "ours");
    AdapterFolder.write(adapter, settings, Files.createDirectory(folder.resolve("ours")));
  }

  private Map<Parameter, Tensor> gradients(Model model, List<Parameter> parameters) {
    try (GradMode on = GradMode.enabled();
        Tape tape = Tape.of(model)) {
      Tensor loss = new FullLoss(model).sum(model.logits(input(model)), inputs.tensor("labels"));
      return tape.gradients(loss, parameters);
    }
  }

  private void merge(Model model) {
    Path saved = folder.resolve("ours");
    if (Files.exists(saved)) {
      AdapterFolder.open(saved).attachTo(model).merge();
      MergedCheckpoint.write(model, folder.resolve("merged"), files -> {});
    }
  }

  private ModelInput input(Model model) {
    if (inputs.names().contains("pixel_values")) {
      return ModelInput.ofImages(inputs.tensor("pixel_values"));
    }
    ModelInput input =
        new ModelInput(
            inputs.tensor("input_ids"),
            inputs.tensor("attention_mask"),
            optional("token_type_ids"));
    return HeadType.SEQ_2_SEQ_LM.equals(model.headType())
        ? input.withDecoderInputIds(DecoderInput.of(inputs.tensor("labels"), model.config()))
        : input;
  }

  private @Nullable Tensor optional(String name) {
    return inputs.names().contains(name) ? inputs.tensor(name) : null;
  }

  private JsonNode read(String name) throws IOException {
    return JSON.readTree(folder.resolve(name).toFile());
  }
}
