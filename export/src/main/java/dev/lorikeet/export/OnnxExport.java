package dev.lorikeet.export;

import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.models.OutputFolder;
import dev.lorikeet.models.OutputFolder.ThrowingConsumer;
import dev.lorikeet.models.ResultKind;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Writes a model as an ONNX folder, in the layout of Hugging Face's Optimum: {@code model.onnx},
 * {@code config.json} and what the caller adds, such as the tokenizer. The folder appears whole,
 * and only after the exported model has passed the {@link ParityGate} when there are examples to
 * check it on.
 *
 * <pre>{@code
 * new OnnxExport(model.config(), model.headType(), model.stateDict())
 *     .recipe(json)
 *     .files(tokenizer::save)
 *     .verify(examples, ParityGate.DEFAULT_TOLERANCE)
 *     .write(folder);
 * }</pre>
 */
public final class OnnxExport {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String ID2LABEL = "id2label";

  private final ModelConfig config;
  private final @Nullable HeadType task;
  private final Map<String, Tensor> weights;
  private @Nullable String recipe;
  private ThrowingConsumer<Path> files = folder -> {};
  private @Nullable Iterable<Checked> examples;
  private double tolerance = ParityGate.DEFAULT_TOLERANCE;
  private int threads = 1;
  private long singleFileLimit = OnnxFile.SINGLE_FILE_LIMIT;

  /**
   * An export of a model with all adapters merged.
   *
   * @param task the head's; null for the last hidden state
   * @param weights the model's tensors under the names of Hugging Face's checkpoints, of any
   *     floating-point type: float32 is written
   */
  public OnnxExport(ModelConfig config, @Nullable HeadType task, Map<String, Tensor> weights) {
    this.config = config;
    this.task = task;
    this.weights = weights;
  }

  /** Text that travels in the model under the key {@code lorikeet}: how it was made, as JSON. */
  public OnnxExport recipe(String json) {
    recipe = json;
    return this;
  }

  /** Adds files beside the model, such as the tokenizer's, to the folder that it is given. */
  public OnnxExport files(ThrowingConsumer<Path> writer) {
    files = writer;
    return this;
  }

  /**
   * Checks the exported model before it is written.
   *
   * @param batches inputs with the trained model's answers
   * @param largestDifference the tolerance of the {@link ParityGate}
   */
  public OnnxExport verify(Iterable<Checked> batches, double largestDifference) {
    examples = batches;
    tolerance = largestDifference;
    return this;
  }

  /** Sets how many threads the check may use; one unless set. */
  public OnnxExport threads(int count) {
    threads = count;
    return this;
  }

  /**
   * Sets how many bytes of weights may be in {@code model.onnx}; above, they go to {@code
   * model.onnx_data}. Unless set, the most that the format can hold.
   */
  public OnnxExport singleFileLimit(long bytes) {
    singleFileLimit = bytes;
    return this;
  }

  /**
   * Writes the folder.
   *
   * @return how far the exported model is from the trained one; empty when there was nothing to
   *     check it on
   * @throws LorikeetException when the {@code model_type} or the activation cannot be exported, a
   *     tensor is missing, has another shape than config.json asks for or is not finite, which is
   *     found before anything is written; when the exported model disagrees with the trained one or
   *     the folder cannot be written, of which nothing remains
   */
  public Optional<Parity> write(Path folder) {
    try (Scope scope = Scope.open()) {
      OnnxGraph graph = graph();
      AtomicReference<@Nullable Parity> parity = new AtomicReference<>();
      OutputFolder.write(
          folder,
          ResultKind.ONNX,
          temporary -> {
            OnnxFile.write(graph, temporary, singleFileLimit);
            if (examples != null) {
              parity.set(check(temporary.resolve(OnnxFile.MODEL), examples));
            }
            writeConfig(config, temporary.resolve("config.json"));
            files.accept(temporary);
          });
      return Optional.ofNullable(parity.get());
    }
  }

  private OnnxGraph graph() {
    OnnxGraph graph = new OnnxGraph();
    OnnxArchitectures.of(config).build(OnnxPart.root(graph, weights), config, task);
    if (config.json().has(ID2LABEL)) {
      graph.metadata(ID2LABEL, config.json().get(ID2LABEL).toString());
    }
    if (recipe != null) {
      graph.metadata("lorikeet", recipe);
    }
    return graph;
  }

  private Parity check(Path file, Iterable<Checked> batches) {
    try (OnnxModel model = OnnxModel.open(file, threads)) {
      return new ParityGate(LabelRule.of(task, config), tolerance).check(model, batches);
    }
  }

  /** Writes the configuration as Python's json module lays it out, like the checkpoint's own. */
  static void writeConfig(ModelConfig config, Path file) throws IOException {
    DefaultPrettyPrinter python =
        new DefaultPrettyPrinter(
                Separators.createDefaultInstance()
                    .withObjectFieldValueSpacing(Separators.Spacing.AFTER))
            .withObjectIndenter(new DefaultIndenter("  ", "\n"))
            .withArrayIndenter(new DefaultIndenter("  ", "\n"));
    JSON.writer(python).writeValue(file.toFile(), config.json());
  }
}
