package dev.lorikeet.compare;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.adapters.Adapters;
import dev.lorikeet.adapters.MergeReceipt;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.data.Example;
import dev.lorikeet.data.ExampleEncoder;
import dev.lorikeet.data.Labels;
import dev.lorikeet.data.MaskedLm;
import dev.lorikeet.data.TrainOn;
import dev.lorikeet.data.Truncated;
import dev.lorikeet.data.Words;
import dev.lorikeet.export.MergedCheckpoint;
import dev.lorikeet.export.OnnxExport;
import dev.lorikeet.export.Parity;
import dev.lorikeet.models.ChatTemplate;
import dev.lorikeet.models.Encoding;
import dev.lorikeet.models.GenerationConfig;
import dev.lorikeet.models.Message;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.OutputFolder;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.ResultKind;
import dev.lorikeet.models.Task;
import dev.lorikeet.models.TextGenerator;
import dev.lorikeet.models.TextTokenizer;
import dev.lorikeet.models.hub.HubName;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.Evaluation;
import dev.lorikeet.training.EvaluationReport;
import dev.lorikeet.training.Evaluator;
import dev.lorikeet.training.Predictor;
import dev.lorikeet.training.ScoringConfig;
import dev.lorikeet.training.TrainingData;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
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
  private static final int BATCH = 32;

  /** How many logits are kept at once, 128 MiB: a masked LM has a vocabulary of them a token. */
  private static final long LOGITS_AT_ONCE = 1L << 25;

  private final Model model;
  private final @Nullable Adapter adapter;
  private final @Nullable Adapters adapters;
  private final Preprocessor preprocessor;
  private final @Nullable Labels labels;
  private final int maxLength;
  private final TrainOn trainOn;
  private final AtomicReference<Truncated> truncated = new AtomicReference<>(Truncated.NOTHING);

  TextModel(
      Model model,
      @Nullable Adapter adapter,
      Preprocessor preprocessor,
      @Nullable Labels labels,
      int maxLength,
      TrainOn trainOn) {
    this(model, adapter, null, preprocessor, labels, maxLength, trainOn);
  }

  private TextModel(
      Model model,
      @Nullable Adapter adapter,
      @Nullable Adapters adapters,
      Preprocessor preprocessor,
      @Nullable Labels labels,
      int maxLength,
      TrainOn trainOn) {
    this.model = model;
    this.adapter = adapter;
    this.adapters = adapters;
    this.preprocessor = preprocessor;
    this.labels = labels;
    this.maxLength = maxLength;
    this.trainOn = trainOn;
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
    RunRecord record = RunRecord.read(adapterFolder == null ? checkpoint : adapterFolder);
    AdapterFolder folder = adapterFolder == null ? null : AdapterFolder.open(adapterFolder);
    String padding = padToken != null ? padToken : record.padToken();
    ModelOptions padded =
        options.withPadTokenId(Preprocessor.idOf(padding, checkpoint, adapterFolder));
    Model model = Model.open(checkpoint, record.complete(padded, checkpoint, folder));
    Preprocessor preprocessor = null;
    try {
      Adapter adapter =
          folder == null ? null : (anyBase ? folder.onAnyBase() : folder).attachTo(model);
      Task task = mustBeTrained(model, adapter, checkpoint);
      if (padToken != null) {
        FineTuningConfig.mustTakePadToken(task);
      }
      preprocessor = Preprocessor.open(task, checkpoint, adapterFolder, padding);
      int length = lengthOf(record, model, preprocessor, maxLength);
      preprocessor.mustFit(model, length);
      return new TextModel(model, adapter, preprocessor, labels(model), length, record.trainOn());
    } catch (RuntimeException e) {
      model.close();
      if (preprocessor != null) {
        preprocessor.close();
      }
      throw e;
    }
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
    if (adapterFolders.isEmpty()) {
      throw new UsageException("there are no adapters to open: give at least one folder");
    }
    Map.Entry<String, Path> first = adapterFolders.entrySet().iterator().next();
    RunRecord record = RunRecord.read(first.getValue());
    adapterFolders.forEach((name, folder) -> record.mustBeLike(first.getKey(), folder, name));
    AdapterFolder folder = AdapterFolder.open(first.getValue());
    String padding = record.padToken();
    ModelOptions padded =
        options.withPadTokenId(Preprocessor.idOf(padding, checkpoint, first.getValue()));
    Model model = Model.open(checkpoint, record.complete(padded, checkpoint, folder));
    Preprocessor preprocessor = null;
    try {
      Adapters adapters = new Adapters(model);
      adapterFolders.forEach(
          (name, path) -> {
            AdapterFolder opened = AdapterFolder.open(path);
            adapters.load(name, anyBase ? opened.onAnyBase() : opened);
          });
      adapters.activate(first.getKey());
      Task task = mustBeTrained(model, adapters.get(first.getKey()), checkpoint);
      preprocessor = Preprocessor.open(task, checkpoint, first.getValue(), padding);
      int length = lengthOf(record, model, preprocessor, maxLength);
      preprocessor.mustFit(model, length);
      if (maxLength == null && task != Task.IMAGE_CLASSIFICATION) {
        mustHaveLength(length, first.getKey(), adapterFolders, model, preprocessor);
      }
      return new TextModel(
          model, null, adapters, preprocessor, labels(model), length, record.trainOn());
    } catch (RuntimeException e) {
      model.close();
      if (preprocessor != null) {
        preprocessor.close();
      }
      throw e;
    }
  }

  private static void mustHaveLength(
      int length, String first, Map<String, Path> others, Model model, Preprocessor preprocessor) {
    others.forEach(
        (name, folder) -> {
          int other = lengthOf(RunRecord.read(folder), model, preprocessor, null);
          if (other != length) {
            throw new UsageException(
                ("adapter " + first + " has texts cut to " + length + " tokens, " + name + " to ")
                    + (other + ": say the length for all (max length)"));
          }
        });
  }

  private static int lengthOf(
      RunRecord record, Model model, Preprocessor preprocessor, @Nullable Integer maxLength) {
    return maxLength != null
        ? maxLength
        : record.maxLength(model.config(), preprocessor.modelMaxLength());
  }

  private static Task mustBeTrained(Model model, @Nullable Adapter adapter, Path checkpoint) {
    Task task = model.task();
    if (task == null) {
      throw new UsageException(
          checkpoint + " has no head: give --task, or the adapter that was trained on it");
    }
    if (adapter == null && !model.otherOutputs().isEmpty()) {
      throw new LorikeetException(
          (checkpoint + ": " + model.otherOutputs().get(0))
              + (", for "
                  + model.config().labelCount()
                  + " labels: correct id2label there, or give")
              + " the adapter that was trained for these labels");
    }
    if (adapter == null && !model.newModules().isEmpty()) {
      throw new LorikeetException(
          checkpoint
              + " has no weights for "
              + String.join(" and ", model.newModules())
              + ": give the adapter that was trained on it, or train one");
    }
    return task;
  }

  private static @Nullable Labels labels(Model model) {
    boolean regression =
        model.task() == Task.SEQUENCE_CLASSIFICATION
            && model.config().problemType() == ProblemType.REGRESSION;
    if (regression || isLanguageModel(model.task())) {
      return null;
    }
    List<String> names = model.config().labels();
    return new Labels(names.isEmpty() ? RunRecord.numbered(model.config().labelCount()) : names);
  }

  private static boolean isLanguageModel(@Nullable Task task) {
    return task != null && task.isLanguageModel();
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
    return trainOn;
  }

  /** Texts are cut to this many tokens. */
  public int maxLength() {
    return maxLength;
  }

  public Task task() {
    Task task = model.task();
    if (task == null) {
      throw new IllegalStateException("a text model has a head");
    }
    return task;
  }

  private ExampleEncoder encoder() {
    return preprocessor.encoder(model, labels, model.config().problemType(), maxLength, trainOn);
  }

  private List<EncodedExample> encode(List<Example> examples) {
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
    return new Evaluator(model, BATCH, preprocessor.padTokenId(model));
  }

  private List<EncodedExample> labelled(List<Example> examples) {
    List<EncodedExample> encoded = encode(examples);
    return task() == Task.MASKED_LM
        ? TrainingData.masked(encoded, MaskedLm.of(tokenizer()), 0).epoch(0)
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
    return answers(examples, this::prediction);
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
    Adapters chosen = adapters;
    if (chosen == null || rows.size() != examples.size()) {
      throw new UsageException(
          chosen == null
              ? "the model was not opened with several adapters: name them when opening it"
              : (rows.size() + " names of adapters for " + examples.size())
                  + " texts: give one a text");
    }
    try (Model.Lease alone = model.exclusive()) {
      return answers(
          examples,
          this::prediction,
          (input, indices) ->
              chosen.logits(input, Arrays.stream(indices).mapToObj(rows::get).toList()));
    }
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
    if (task() != Task.MASKED_LM) {
      throw new UsageException(
          "only masked language models fill masks, and this head is for " + task().id());
    }
    if (topK < 1) {
      throw new UsageException("top-k is " + topK + ": use at least 1");
    }
    return answers(
        examples,
        (example, encoded, logits) ->
            MaskFill.of(example, encoded, logits, topK, tokenizer(), maxLength));
  }

  /**
   * Checks that a masked language model has a mask to fill.
   *
   * @throws LorikeetException when a text has no mask, or one beyond the maximal length
   */
  public void mustHaveMasks(Example example) {
    try (Model.Lease asItIs = model.share()) {
      EncodedExample encoded = encoder().encode(List.of(example.unlabelled())).get(0);
      MaskFill.mustHaveAllMasks(example, encoded, tokenizer(), maxLength);
    }
  }

  /** Makes an answer of a text's logits. */
  private interface Answer<T> {
    T of(Example example, EncodedExample encoded, float[] logits);
  }

  private <T> List<T> answers(List<Example> examples, Answer<T> answer) {
    return answers(examples, answer, (input, indices) -> model.logits(input));
  }

  private <T> List<T> answers(List<Example> examples, Answer<T> answer, Predictor.Forward forward) {
    try (Model.Lease asItIs = model.share()) {
      return answersInParts(examples, answer, forward);
    }
  }

  private <T> List<T> answersInParts(
      List<Example> examples, Answer<T> answer, Predictor.Forward forward) {
    List<Example> unlabelled = examples.stream().map(this::asked).toList();
    List<EncodedExample> encoded = encode(unlabelled);
    int step = textsAtOnce(encoded);
    int rows = Math.min(BATCH, step);
    int padTokenId = preprocessor.padTokenId(model);
    List<T> answers = new ArrayList<>();
    for (int start = 0; start < encoded.size(); start += step) {
      int end = Math.min(start + step, encoded.size());
      int first = start;
      Predictor.Forward ofPart = (input, indices) -> forward.logits(input, after(first, indices));
      float[][] logits =
          new Predictor(model, ofPart, rows, padTokenId).logits(encoded.subList(start, end));
      for (int i = start; i < end; i++) {
        answers.add(answer.of(unlabelled.get(i), encoded.get(i), logits[i - start]));
      }
    }
    return answers;
  }

  private Example asked(Example example) {
    if (task() != Task.TOKEN_CLASSIFICATION || !example.words().isEmpty()) {
      return example.unlabelled();
    }
    List<String> words = Words.of(example.text());
    if (words.isEmpty()) {
      throw new UsageException("\"" + example.text() + "\" has no words to answer");
    }
    return new Example(example.text(), null, words, List.of());
  }

  private static int[] after(int start, int[] indices) {
    return Arrays.stream(indices).map(index -> start + index).toArray();
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
    mustNotWrite(otherwise);
    mustNotBeOf(Task.IMAGE_CLASSIFICATION, otherwise);
  }

  private void mustNotWrite(String otherwise) {
    mustNotBeOf(Task.CAUSAL_LM, otherwise);
    mustNotBeOf(Task.SEQ_2_SEQ_LM, otherwise);
  }

  private void mustNotBeOf(Task task, String otherwise) {
    if (task() == task) {
      throw new UsageException("a model for " + task.id() + " " + otherwise);
    }
  }

  /** How many texts' logits may be kept at once. */
  private int textsAtOnce(List<EncodedExample> encoded) {
    long longest = encoded.stream().mapToInt(EncodedExample::length).max().orElse(1);
    int width =
        task() == Task.MASKED_LM
            ? model.config().integer("vocab_size")
            : model.config().labelCount();
    return (int)
        Math.max(1, Math.min(encoded.size(), LOGITS_AT_ONCE / (Math.max(1, longest) * width)));
  }

  private Prediction prediction(Example example, EncodedExample encoded, float[] logits) {
    List<String> names = labels == null ? List.of() : labels.names();
    return switch (task()) {
      case MASKED_LM -> words(MaskFill.of(example, encoded, logits, 1, tokenizer(), maxLength));
      default -> throw new IllegalStateException("no prediction for " + task());
      case IMAGE_CLASSIFICATION -> Predictions.single(logits, names);
      case TOKEN_CLASSIFICATION ->
          new WordAnswers(names, maxLength)
              .of(example, logits, encoded.wordIds(), () -> wordIds(example));
      case SEQUENCE_CLASSIFICATION ->
          switch (model.config().problemType()) {
            case SINGLE_LABEL -> Predictions.single(logits, names);
            case MULTI_LABEL -> Predictions.several(logits, names);
            case REGRESSION -> Predictions.number(logits);
          };
    };
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

  /** The word of each token when nothing is cut off. */
  private int[] wordIds(Example example) {
    return tokenizer().encodeWords(example.words(), Integer.MAX_VALUE).wordIds();
  }

  private static Prediction words(List<MaskFill> fills) {
    List<MaskFill.Candidate> best = fills.stream().map(fill -> fill.candidates().get(0)).toList();
    return new Prediction(
        best.stream().map(MaskFill.Candidate::token).toList(),
        best.stream().map(MaskFill.Candidate::score).toList(),
        new float[0]);
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
    if (adapter == null && adapters == null) {
      MergedCheckpoint.write(model, folder, temporary -> saveBeside(temporary, run));
      return;
    }
    OutputFolder.write(
        folder,
        ResultKind.ADAPTER,
        temporary -> {
          if (adapter != null) {
            AdapterFolder.write(adapter, peftSettings(), temporary);
          }
          if (adapters != null) {
            adapters.save(peftSettings(), temporary);
          }
          saveBeside(temporary, run);
        });
  }

  private void saveBeside(Path folder, ObjectNode run) {
    preprocessor.save(folder);
    RunRecord.write(this, run, folder);
  }

  /** What PEFT's files say beside the method's settings. */
  private ObjectNode peftSettings() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    String base = model.checkpoint() == null ? "" : model.checkpoint().folder().toString();
    HubName name = model.checkpoint() == null ? null : HubName.ofSnapshot(Path.of(base));
    json.put("base_model_name_or_path", name == null ? base : name.repo());
    json.put("task_type", task().peftTaskType().isEmpty() ? null : task().peftTaskType());
    json.put("revision", name == null ? null : name.revision());
    json.putNull("auto_mapping");
    return json;
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
    try (Model.Lease alone = model.exclusive()) {
      Map<String, MergeReceipt> receipts = merge();
      MergedCheckpoint.write(
          model,
          folder,
          temporary -> {
            saveBeside(temporary, JsonNodeFactory.instance.objectNode());
            for (Map.Entry<String, MergeReceipt> receipt : receipts.entrySet()) {
              Path own = Files.createDirectories(temporary.resolve(receipt.getKey()));
              receipt.getValue().write(own);
            }
          });
      return receipts.get("");
    }
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
    try (Model.Lease alone = model.exclusive();
        Scope scope = Scope.open()) {
      List<EncodedExample> encoded = encode(examples);
      OnnxExport export =
          new OnnxExport(model.config(), task(), mergedState())
              .recipe(RunRecord.of(this).toString())
              .threads(Torch.threads())
              .files(temporary -> saveBeside(temporary, JsonNodeFactory.instance.objectNode()));
      if (!encoded.isEmpty()) {
        int rows = Math.min(BATCH, textsAtOnce(encoded));
        export.verify(
            new CheckedBatches(model, encoded, rows, preprocessor.padTokenId(model)), tolerance);
      }
      return export.write(folder);
    }
  }

  /** The merged model's tensors, in the present scope; the adapter is not merged afterwards. */
  private Map<String, Tensor> mergedState() {
    merge();
    Map<String, Tensor> state = new LinkedHashMap<>(model.stateDict());
    state.replaceAll((name, tensor) -> tensor.alias());
    if (adapter != null) {
      adapter.unmerge();
    }
    if (adapters != null) {
      adapters.unmerge();
    }
    return state;
  }

  /** Merges what answers; what each merge did, by the folder that is to tell of it. */
  private Map<String, MergeReceipt> merge() {
    if (adapters != null) {
      Map<String, MergeReceipt> receipts = adapters.merge();
      return receipts.size() == 1 ? Map.of("", receipts.values().iterator().next()) : receipts;
    }
    return adapter == null ? Map.of() : Map.of("", adapter.merge());
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
