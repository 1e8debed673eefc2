package dev.lorikeet.compare;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.Adapters;
import dev.lorikeet.adapters.MergeReceipt;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.data.Example;
import dev.lorikeet.data.ExampleEncoder;
import dev.lorikeet.data.Labels;
import dev.lorikeet.data.TrainOn;
import dev.lorikeet.data.Truncated;
import dev.lorikeet.data.Words;
import dev.lorikeet.export.Parity;
import dev.lorikeet.models.ChatTemplate;
import dev.lorikeet.models.Encoding;
import dev.lorikeet.models.GenerationConfig;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.Message;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.TextGenerator;
import dev.lorikeet.models.TextTokenizer;
import dev.lorikeet.tasks.Task;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.Evaluation;
import dev.lorikeet.training.EvaluationReport;
import dev.lorikeet.training.Evaluator;
import dev.lorikeet.training.MaskingConfig;
import dev.lorikeet.training.ScoringConfig;
import dev.lorikeet.training.TrainingData;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * A model that answers texts or images: its weights, adapter, tokenizer and labels together.
 *
 * <p>Threads: any number may ask it at the same time. Each prediction, evaluation or generation is
 * answered, from its first text to its last, by the weights and adapters that were active when it
 * began: whoever changes them ({@link Adapters}, {@link #saveMerged}, training) waits for it, and
 * later ones wait for the change. {@link #close} waits likewise, and whatever is asked later throws
 * an {@link IllegalStateException}.
 */
public final class TextModel implements AutoCloseable {
  static final int BATCH = 32;

  private final Model model;
  private final @Nullable Adapter adapter;
  private final @Nullable Adapters adapters;
  private final Preprocessor preprocessor;
  private final @Nullable Labels labels;
  private final TextSettings settings;
  private final TextAnswers answers;
  private final TextModelFolders folders;
  private final AtomicReference<Truncated> truncated = new AtomicReference<>(Truncated.NOTHING);

  TextModel(
      Model model,
      @Nullable Adapter adapter,
      Preprocessor preprocessor,
      @Nullable Labels labels,
      TextSettings settings) {
    this(model, adapter, null, preprocessor, labels, settings);
  }

  TextModel(
      Model model,
      @Nullable Adapter adapter,
      @Nullable Adapters adapters,
      Preprocessor preprocessor,
      @Nullable Labels labels,
      TextSettings settings) {
    this.model = model;
    this.adapter = adapter;
    this.adapters = adapters;
    this.preprocessor = preprocessor;
    this.labels = labels;
    this.settings = settings;
    this.answers = new TextAnswers(this);
    this.folders = new TextModelFolders(this);
  }

  /**
   * Opens a trained model, or a base and its adapter. Task, labels and the texts' length are those
   * that the run wrote into {@code lorikeet.json}; without one they are config.json's and PEFT's.
   *
   * @param options precision, device, and the task where it should be another
   * @param maxLength where it should be another
   * @throws LorikeetException when the folders do not fit each other, or the head was never trained
   */
  public static TextModel open(
      Path checkpoint,
      @Nullable Path adapterFolder,
      ModelOptions options,
      @Nullable Integer maxLength) {
    return open(checkpoint, adapterFolder, options, maxLength, false);
  }

  /**
   * {@link #open(Path, Path, ModelOptions, Integer)}.
   *
   * @param anyBase whether the adapter may have been trained on other weights, of the same shapes
   */
  public static TextModel open(
      Path checkpoint,
      @Nullable Path adapterFolder,
      ModelOptions options,
      @Nullable Integer maxLength,
      boolean anyBase) {
    return open(checkpoint, adapterFolder, options, maxLength, anyBase, null);
  }

  /**
   * {@link #open(Path, Path, ModelOptions, Integer, boolean)}.
   *
   * @param padToken the padding token of a model that has none, and classifies sequences; null for
   *     the one that the run used
   * @throws UsageException when the tokenizer has no such token, or the model has another one
   */
  public static TextModel open(
      Path checkpoint,
      @Nullable Path adapterFolder,
      ModelOptions options,
      @Nullable Integer maxLength,
      boolean anyBase,
      @Nullable String padToken) {
    return new TextModelOpening(checkpoint, options, maxLength, anyBase)
        .open(adapterFolder, padToken);
  }

  /**
   * Opens a base and several adapters of one task, with the same labels and length; the first is
   * active. What else runs wrote is read of the first.
   *
   * @param adapterFolders by the names that the adapters are to have, at least one
   * @param options precision, device, and the task where it should be another
   * @param maxLength where it should be another
   * @throws LorikeetException when the folders do not fit each other
   * @throws UsageException when the adapters learned other tasks, labels or, where {@code
   *     maxLength} is null, lengths
   */
  public static TextModel openSeveral(
      Path checkpoint,
      Map<String, Path> adapterFolders,
      ModelOptions options,
      @Nullable Integer maxLength) {
    return openSeveral(checkpoint, adapterFolders, options, maxLength, false);
  }

  /**
   * {@link #openSeveral(Path, Map, ModelOptions, Integer)}.
   *
   * @param anyBase whether adapters may have been trained on other weights, of the same shapes
   */
  public static TextModel openSeveral(
      Path checkpoint,
      Map<String, Path> adapterFolders,
      ModelOptions options,
      @Nullable Integer maxLength,
      boolean anyBase) {
    return new TextModelOpening(checkpoint, options, maxLength, anyBase)
        .openSeveral(adapterFolders);
  }

  // ---- what it is ----

  public Model model() {
    return model;
  }

  /** The adapter; null where there is none, or {@link #adapters several}. */
  public @Nullable Adapter adapter() {
    return adapter;
  }

  /** The adapters that it was opened with; null where it has one at most. */
  public @Nullable Adapters adapters() {
    return adapters;
  }

  /**
   * The tokenizer.
   *
   * @throws UsageException when the model reads images
   */
  public TextTokenizer tokenizer() {
    return preprocessor.tokenizer();
  }

  /** The padding token that was given to a model without one; null where its own files decide. */
  public @Nullable String padToken() {
    return preprocessor.padToken();
  }

  /** The classes; null for regression and language models. */
  public @Nullable Labels labels() {
    return labels;
  }

  /** Which tokens of a chat a causal language model learned, and is scored on. */
  public TrainOn trainOn() {
    return settings.trainOn();
  }

  /** Texts are cut to this many tokens. */
  public int maxLength() {
    return settings.maxLength();
  }

  /** What a masked language model had to find, and is scored on. */
  MaskingConfig masking() {
    return settings.masking();
  }

  /** What the model was trained to do. */
  public Task task() {
    HeadType head = model.headType();
    if (head == null) {
      throw new IllegalStateException("a text model has a head");
    }
    return Tasks.of(head);
  }

  private ExampleEncoder encoder() {
    return preprocessor.encoder(
        model, labels, model.config().problemType(), maxLength(), trainOn());
  }

  Preprocessor preprocessor() {
    return preprocessor;
  }

  /** What short rows of a batch are filled with. */
  int padTokenId() {
    return preprocessor.padTokenId(model);
  }

  /** How many texts' logits may be kept at once. */
  int textsAtOnce(List<EncodedExample> encoded) {
    return answers.textsAtOnce(encoded);
  }

  List<EncodedExample> encode(List<Example> examples) {
    ExampleEncoder encoder = encoder();
    List<EncodedExample> encoded = encoder.encode(examples);
    truncated.accumulateAndGet(encoder.truncated(), Truncated::plus);
    return encoded;
  }

  /** What was cut off the examples that this was given since it was opened. */
  public Truncated truncated() {
    return Objects.requireNonNull(truncated.get());
  }

  // ---- answering ----

  /**
   * The loss and metrics on labelled examples.
   *
   * @throws LorikeetException when there is nothing to score
   */
  public Evaluation evaluate(List<Example> examples) {
    try (Model.Lease asItIs = model.share()) {
      return evaluator().evaluate(labelled(examples));
    }
  }

  /**
   * {@link #evaluate}, with scores by class and by entity, confusions and calibration.
   *
   * @throws LorikeetException when there is nothing to score
   * @throws UsageException when the settings are not for the model's labels
   */
  public EvaluationReport report(List<Example> examples, ScoringConfig config) {
    try (Model.Lease asItIs = model.share()) {
      return evaluator().report(labelled(examples), config);
    }
  }

  private Evaluator evaluator() {
    return new Evaluator(model, Tasks.of(model), BATCH, padTokenId());
  }

  private List<EncodedExample> labelled(List<Example> examples) {
    List<EncodedExample> encoded = encode(examples);
    return task().hidesTokens()
        ? TrainingData.masked(encoded, masking().of(tokenizer()), 0).epoch(0)
        : encoded;
  }

  /**
   * The model's answers, in the order of the texts; labels that the examples have are not looked
   * at. For token classification a text without words is split as {@link Words#of} does.
   *
   * @throws LorikeetException when a text for a masked LM has no mask, or one beyond the maximal
   *     length
   * @throws UsageException when the model writes texts
   */
  public List<Prediction> predict(List<Example> examples) {
    mustPredict();
    return answers.predict(examples);
  }

  /**
   * The answers to texts of different adapters, in the order of the texts; rows of several adapters
   * go through the model together. It has the model to itself: such predictions take turns.
   *
   * @param rows for each text the name of its adapter, or null for the base
   * @throws UsageException as {@link #predict(List)} and {@link Adapters#logits}
   */
  public List<Prediction> predict(List<Example> examples, List<@Nullable String> rows) {
    mustPredict();
    return answers.predict(examples, rows);
  }

  /**
   * What a masked language model puts in the places of the masks, in the order of the texts and
   * their masks.
   *
   * @param topK how many candidates a mask gets, at most
   * @throws LorikeetException when a text has no mask, or one beyond the maximal length
   * @throws UsageException when the model's head is another
   */
  public List<List<MaskFill>> fillMasks(List<Example> examples, int topK) {
    return answers.fillMasks(examples, topK);
  }

  /**
   * Checks that a masked language model has a mask to fill.
   *
   * @throws LorikeetException when a text has no mask, or one beyond the maximal length
   */
  public void mustHaveMasks(Example example) {
    try (Model.Lease asItIs = model.share()) {
      EncodedExample encoded = encoder().encode(List.of(example.unlabelled())).get(0);
      MaskFill.mustHaveAllMasks(example, encoded, tokenizer(), maxLength());
    }
  }

  /**
   * Checks that the model answers by scores.
   *
   * @throws UsageException when it writes texts
   */
  public void mustPredict() {
    mustNotWrite("answers by writing: use lorikeet generate");
  }

  /**
   * Checks that there is an ONNX export for the model's task.
   *
   * @throws UsageException when it writes texts or reads images
   */
  public void mustExport() {
    String otherwise = "has no ONNX export: use lorikeet merge for a checkpoint";
    mustNot(task().writes() || task().readsImages(), otherwise);
  }

  private void mustNotWrite(String otherwise) {
    mustNot(task().writes(), otherwise);
  }

  private void mustNot(boolean does, String otherwise) {
    if (does) {
      throw new UsageException("a model for " + task().id() + " " + otherwise);
    }
  }

  /** What the checkpoint says of generation. */
  public GenerationConfig generationConfig() {
    return model.checkpoint() == null
        ? GenerationConfig.GREEDY
        : GenerationConfig.of(model.checkpoint().folder(), model.config());
  }

  /**
   * Continues texts.
   *
   * @throws UsageException when the model writes no texts
   */
  public List<TextGenerator.Answer> generate(
      List<String> prompts, GenerationConfig config, TextGenerator.Listener listener) {
    try (Model.Lease asItIs = model.share()) {
      List<int[]> tokens =
          tokenizer().encodeAll(prompts, null, Integer.MAX_VALUE).stream()
              .map(Encoding::ids)
              .toList();
      return new TextGenerator(model, tokenizer(), config).generate(tokens, listener);
    }
  }

  /**
   * Answers chats, as the model's own template writes them.
   *
   * @throws UsageException when the model writes no texts
   * @throws LorikeetException when it has no chat template, or the template refuses a chat
   */
  public List<TextGenerator.Answer> chat(
      List<List<Message>> chats, GenerationConfig config, TextGenerator.Listener listener) {
    ChatTemplate template = tokenizer().chatTemplate();
    if (template == null) {
      throw new LorikeetException(
          "the model has no chat template (chat_template in tokenizer_config.json, or"
              + " chat_template.jinja): it continues texts, but answers no chats");
    }
    try (Model.Lease asItIs = model.share()) {
      List<int[]> tokens =
          chats.stream()
              .map(chat -> tokenizer().write(template.render(chat, true).text(), false).ids())
              .toList();
      return new TextGenerator(model, tokenizer(), config).generate(tokens, listener);
    }
  }

  // ---- keeping ----

  /** {@link #save(Path, ObjectNode)} with nothing to say of the run. */
  public void save(Path folder) {
    save(folder, JsonNodeFactory.instance.objectNode());
  }

  /**
   * Writes what was trained: the adapter where there is one, else the whole checkpoint; and beside
   * it the tokenizer, or how images are prepared, and {@code lorikeet.json}.
   *
   * @param run what to say of the run in {@code lorikeet.json}
   * @throws LorikeetException when the folder cannot be written; nothing of it remains then
   */
  public void save(Path folder, ObjectNode run) {
    folders.save(folder, run);
  }

  /**
   * Writes the model with its adapter merged as a Hugging Face checkpoint, and beside it what the
   * merge did, {@link MergeReceipt#FILE}; where several adapters are active, that of each in a
   * sub-folder of its name. They stay merged.
   *
   * @return what the merge did; null without an adapter, or where there are several
   * @throws LorikeetException when a merged weight is not finite, or the folder cannot be written
   */
  public @Nullable MergeReceipt saveMerged(Path folder) {
    return folders.saveMerged(folder);
  }

  /**
   * Writes the model with its adapter merged as an ONNX folder, once it answers {@code examples} in
   * ONNX Runtime as the model, its adapter not merged, does here. The adapter is not merged
   * afterwards.
   *
   * @param examples may be empty, then nothing is checked
   * @param tolerance the largest difference of two logits that passes
   * @return what the check found; empty without examples
   * @throws LorikeetException when it disagrees, or cannot be exported or written
   * @throws UsageException when the model writes texts or reads images
   */
  public Optional<Parity> exportOnnx(Path folder, List<Example> examples, double tolerance) {
    mustExport();
    return folders.exportOnnx(folder, examples, tolerance);
  }

  /**
   * Frees the weights and the tokenizer, as soon as no other thread uses them. Closing twice does
   * nothing.
   *
   * @throws IllegalStateException when this thread is in the middle of a prediction or generation
   */
  @Override
  public void close() {
    model.close();
    preprocessor.close();
  }
}
