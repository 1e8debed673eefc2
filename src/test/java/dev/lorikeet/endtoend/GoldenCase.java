package dev.lorikeet.endtoend;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.adapters.TrainingPart;
import dev.lorikeet.models.DecoderInput;
import dev.lorikeet.models.GenerationConfig;
import dev.lorikeet.models.Generator;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.models.Tape;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.training.AdamW;
import dev.lorikeet.training.ParameterGroup;
import dev.lorikeet.training.Trainable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/** One folder of reference values, and this project's values for them. */
final class GoldenCase {
  /**
   * Logits of some tens, as T5's, are compared by their size too: each rounding to float32 errs by
   * up to 2⁻²⁴ of a number, and there are some hundred on the way to a logit: √100 · 2⁻²⁴ is 6e-7.
   */
  private static final double ROUNDED = 6e-7;

  private final Path folder;
  final JsonNode json;
  final Safetensors expected;
  final GoldenInputs inputs;
  private @Nullable TrainingPart part;

  GoldenCase(Path folder) throws IOException {
    this.folder = folder;
    json = new ObjectMapper().readTree(folder.resolve("case.json").toFile());
    expected = Safetensors.open(folder.resolve("expected.safetensors"));
    inputs = new GoldenInputs(folder, expected);
  }

  /**
   * Everything the folder has a value for, compared; each line is a difference beyond tolerance.
   */
  List<String> differences() {
    List<String> differences = new ArrayList<>();
    try (Scope scope = Scope.open()) {
      try (Model model = open(ModelOptions.DEFAULT)) {
        compareForward(model, "base", differences);
        Adapter adapter = attach(model);
        compareForward(model, "adapted", differences);
        if (trainsNetwork()) {
          adapter.remove();
          adapter = attachNetwork(model);
        }
        if (!trainsNetwork() || hasStart()) {
          compareTraining(model, adapter, differences);
        }
        adapter.disable();
        compareForward(model, "base", differences);
      }
      if (expected.names().contains("merged.logits")) {
        compareMerged(differences);
      }
    }
    return differences;
  }

  private void compareTraining(Model model, Adapter adapter, List<String> differences) {
    compareForward(model, "adapted", differences);
    compareCounts(model, adapter, differences);
    compareGradients(model, adapter, differences);
    compareThreeSteps(model, adapter, differences);
    compareGreedy(model, differences);
  }

  private void compareMerged(List<String> differences) {
    try (Model model = open(ModelOptions.DEFAULT)) {
      Adapter adapter = attach(model);
      adapter.merge();
      compareForward(model, "merged", differences);
      compareMergedWeights(model, differences);
    }
  }

  /** Whether the reference trained a network that makes the prompt, which its folder lacks. */
  private boolean trainsNetwork() {
    return expected.names().stream()
        .anyMatch(name -> name.matches("grad\\.prompt_encoder\\.default\\.(?!embedding).*"));
  }

  /** Whether the values of that network are beside the folder. */
  private boolean hasStart() {
    return expected.names().stream().anyMatch(name -> name.startsWith("start."));
  }

  /** A new adapter of the saved settings, with the recorded values of its network if there are. */
  private Adapter attachNetwork(Model model) {
    Adapter adapter =
        Adapter.attach(model, AdapterFolder.open(folder.resolve("adapter")).config(), 1);
    for (String key : expected.names()) {
      if (key.startsWith("start.")) {
        Parameter parameter = adapter.parameters().get(ourName(key.substring("start.".length())));
        java.util.Objects.requireNonNull(parameter, key)
            .original()
            .setInPlace(expected.tensor(key));
      }
    }
    return adapter;
  }

  /** The base. */
  Model open(ModelOptions options) {
    return Model.open(folder, options);
  }

  /** The saved adapter, in place. */
  Adapter attach(Model model) {
    Adapter adapter = AdapterFolder.open(folder.resolve("adapter")).attachTo(model);
    part = adapter.trainingPart();
    return adapter;
  }

  private void compareForward(Model model, String stage, List<String> differences) {
    Tensor logits = model.logits(inputs.batch());
    compare(stage + ".logits", logits, atol("atol_logits"), ROUNDED, differences);
    if (expected.names().contains(stage + ".loss")) {
      Tensor loss = loss(model, logits);
      compare(
          stage + ".loss",
          stage.equals("adapted") ? withPenalty(loss) : loss,
          atol("atol_logits"),
          0,
          differences);
    }
  }

  /** With what the adapter's method adds to the loss. */
  private Tensor withPenalty(Tensor loss) {
    return part == null ? loss : loss.add(part.penalty());
  }

  /** Whether the folder has a greedy continuation. */
  boolean hasContinuation() {
    return expected.names().contains("generate.greedy");
  }

  /** The likeliest token, again and again, after the three steps; with a cache and without. */
  private void compareGreedy(Model model, List<String> differences) {
    if (!hasContinuation()) {
      return;
    }
    long[] wanted = expected.tensor("generate.greedy").toLongs();
    long[] prompt = expected.tensor("generate.prompt").toLongs();
    boolean answers = HeadType.SEQ_2_SEQ_LM.equals(model.headType()); // behind a token of their own
    long[] start = answers ? new long[] {DecoderInput.start(model.config())} : prompt;
    for (boolean cache : new boolean[] {true, false}) {
      GenerationConfig config =
          GenerationConfig.GREEDY.withMaxNewTokens(wanted.length - start.length).withCache(cache);
      int[] tokens = Arrays.stream(prompt).mapToInt(Math::toIntExact).toArray();
      int[] answer =
          new Generator(model, config).generate(List.of(tokens), (row, token) -> true).get(0);
      long[] found =
          LongStream.concat(Arrays.stream(start), Arrays.stream(answer).asLongStream()).toArray();
      if (!Arrays.equals(found, wanted)) {
        differences.add(
            (cache ? "greedy with a cache " : "greedy ")
                + Arrays.toString(found)
                + " instead of "
                + Arrays.toString(wanted));
      }
    }
  }

  private void compareCounts(Model model, Adapter adapter, List<String> differences) {
    long trainable = Model.count(adapter.parameters().values());
    long total = Model.count(model.parameters().values());
    Set<String> savedWhole = new HashSet<>();
    for (String key : expected.names()) {
      if (key.startsWith("grad.") && key.contains(".modules_to_save.")) {
        savedWhole.add(ourName(key.substring("grad.".length())));
      }
    }
    for (Map.Entry<String, Parameter> entry : adapter.parameters().entrySet()) {
      // PEFT trains a bias of the base in place; a module saved whole is counted twice.
      boolean inPlace =
          entry.getValue().name().endsWith(".bias")
              && !entry.getKey().endsWith(".lora_B.bias")
              && !entry.getKey().contains(".ln_tuning_layers.")
              && !savedWhole.contains(entry.getKey());
      total += inPlace ? 0 : entry.getValue().count();
    }
    if (trainable != json.path("trainable_parameters").asLong()
        || total != json.path("total_parameters").asLong()) {
      differences.add("trainable " + trainable + ", total " + total);
    }
  }

  private void compareGradients(Model model, Adapter adapter, List<String> differences) {
    compareGradients(this::gradients, model, adapter, differences);
    compareGradients(this::gradientsInTraining, model, adapter, differences);
    compareGradients(this::gradientsRecomputing, model, adapter, differences);
  }

  /** One way to the gradients, which also gives the loss. */
  private interface Way {
    double gradients(Model model, Map<String, Parameter> trained, Map<String, Tensor> gradients);
  }

  private void compareGradients(Way way, Model model, Adapter adapter, List<String> differences) {
    Map<String, Tensor> gradients = new LinkedHashMap<>();
    adapter.train();
    double loss = way.gradients(model, adapter.parameters(), gradients);
    double firstLoss = json.path("losses").path(0).asDouble();
    if (Math.abs(loss - firstLoss) > atol("atol_logits")) {
      differences.add("first loss " + loss + " instead of " + firstLoss);
    }
    compareGradients(gradients, differences);
  }

  /** The gradients by the adapter's names. */
  void compareGradients(Map<String, Tensor> found, List<String> differences) {
    Map<String, Tensor> gradients = new LinkedHashMap<>(found);
    for (String key : expected.names()) {
      if (key.startsWith("grad.")) {
        Tensor gradient = gradients.remove(ourName(key.substring("grad.".length())));
        compare(key, gradient, atol("atol_grad"), atol("rtol_grad"), differences);
      }
    }
    gradients.keySet().forEach(name -> differences.add("trained beyond the reference: " + name));
  }

  /**
   * The recorded optimizer: two learning rates, no decay of one-dimensional parameters, no
   * clipping.
   */
  private void compareThreeSteps(Model model, Adapter adapter, List<String> differences) {
    JsonNode settings = json.path("optimizer");
    List<Trainable> trainables = Trainable.of(adapter);
    List<ParameterGroup> groups = groups(trainables, settings);
    JsonNode losses = json.path("losses");
    boolean allocates = json.path("allocates").asBoolean();
    if (part != null && allocates) {
      part.fit(losses.size());
      part.start();
    }
    try (AdamW optimizer = new AdamW(groups, 0.9, 0.999, settings.path("eps").asDouble())) {
      for (int step = 0; step < losses.size(); step++) {
        try (Scope scope = Scope.open()) {
          Map<String, Tensor> gradients = new LinkedHashMap<>();
          double loss = gradientsInTraining(model, adapter.parameters(), gradients);
          if (Math.abs(loss - losses.path(step).asDouble()) > atol("atol_logits")) {
            differences.add(
                "loss of step " + (step + 1) + " " + loss + " instead of " + losses.path(step));
          }
          Map<Parameter, Tensor> byParameter = new LinkedHashMap<>();
          adapter.parameters().forEach((name, p) -> byParameter.put(p, get(gradients, name)));
          optimizer.step(byParameter, groups.stream().map(ParameterGroup::lr).toList());
          if (part != null && allocates) {
            part.afterStep(step, byParameter);
          }
        }
      }
    }
    compareParameters(adapter, differences);
  }

  /** The parameters after the recorded steps. */
  void compareParameters(Adapter adapter, List<String> differences) {
    JsonNode settings = json.path("optimizer");
    for (String key : expected.names()) {
      if (key.startsWith("step3.")) {
        Parameter parameter = adapter.parameters().get(ourName(key.substring("step3.".length())));
        // A step moves by the learning rate whatever the gradient's size, so the gradients'
        // tolerance
        // bounds the parameters' too, three steps of 4e-3 at the most apart.
        compare(
            key,
            parameter == null ? null : settled(key, parameter.original(), settings),
            atol("atol_grad"),
            atol("rtol_grad"),
            differences);
      }
    }
  }

  /**
   * A parameter after its steps, but where its gradient is not above three times AdamW's eps, and
   * not 0: g / (|g| + eps) hangs there on the last bits of sums of far larger terms, so such
   * elements are the reference's own.
   */
  Tensor settled(String key, Tensor actual, JsonNode settings) {
    String gradient = key.replace("step3.", "grad.");
    if (!expected.names().contains(gradient)) {
      return actual; // the loss does not depend on it
    }
    Tensor size = expected.tensor(gradient).abs();
    double eps = settings.path("eps").asDouble();
    Tensor known = Ops.where(size.gt(3 * eps), actual, expected.tensor(key));
    return Ops.where(size.eq(0), actual, known);
  }

  private static <K> Tensor get(Map<K, Tensor> gradients, K key) {
    return java.util.Objects.requireNonNull(gradients.get(key), key.toString());
  }

  List<ParameterGroup> groups(List<Trainable> trainables, JsonNode settings) {
    double decay = settings.path("weight_decay").asDouble();
    List<ParameterGroup> groups = new ArrayList<>();
    for (Trainable trainable : trainables) {
      boolean slow = trainable.name().contains("lora_A"); // of a head, too
      boolean fast = !slow && (trainable.name().contains("lora_B") || trainable.head());
      double lr = settings.path(fast ? "fast_lr" : "lr").asDouble();
      boolean decays = trainable.parameter().original().shape().length > 1;
      groups.add(new ParameterGroup(trainable.name(), lr, decays ? decay : 0, List.of(trainable)));
    }
    return groups;
  }

  private void compareMergedWeights(Model model, List<String> differences) {
    Map<String, Tensor> state = new LinkedHashMap<>();
    model.stateDict().forEach((name, value) -> state.put(model.nameInMemory(name), value));
    for (String key : expected.names()) {
      if (key.startsWith("merged.") && !key.equals("merged.logits")) {
        compare(
            key, state.get(key.substring("merged.".length())), atol("atol_logits"), 0, differences);
      }
    }
  }

  /** The gradients as the trainer takes them, adapters folded into their weights. */
  private double gradientsInTraining(
      Model model, Map<String, Parameter> trained, Map<String, Tensor> gradients) {
    try (Tape tape = Tape.of(model)) {
      return gradients(tape, model, trained, gradients);
    }
  }

  /** The same with the activations of all blocks computed again. */
  private double gradientsRecomputing(
      Model model, Map<String, Parameter> trained, Map<String, Tensor> gradients) {
    try (Tape tape = Tape.recomputing(model)) {
      return gradients(tape, model, trained, gradients);
    }
  }

  private double gradients(
      Tape tape, Model model, Map<String, Parameter> trained, Map<String, Tensor> gradients) {
    try (GradMode on = GradMode.enabled()) {
      Tensor loss = loss(model, model.logits(inputs.batch()));
      Map<Parameter, Tensor> byParameter = tape.gradients(loss, List.copyOf(trained.values()));
      trained.forEach((name, parameter) -> gradients.put(name, get(byParameter, parameter)));
      if (part == null) {
        return loss.item();
      }
      Tensor penalty = part.penalty();
      List<Tensor> added =
          Ops.grad(penalty, trained.values().stream().map(Parameter::original).toList());
      List<String> names = List.copyOf(trained.keySet());
      for (int i = 0; i < added.size(); i++) {
        if (added.get(i).count() > 0) {
          gradients.merge(names.get(i), added.get(i), Tensor::add);
        }
      }
      return loss.add(penalty).item();
    }
  }

  private double gradients(
      Model model, Map<String, Parameter> trained, Map<String, Tensor> gradients) {
    try (GradMode on = GradMode.enabled()) {
      Tensor loss = withPenalty(loss(model, model.logits(inputs.batch())));
      List<Tensor> inOrder =
          Ops.grad(loss, trained.values().stream().map(Parameter::original).toList());
      List<String> names = List.copyOf(trained.keySet());
      for (int i = 0; i < inOrder.size(); i++) {
        gradients.put(names.get(i), inOrder.get(i));
      }
      return loss.item();
    }
  }

  /** The mean over the labels that count. */
  private Tensor loss(Model model, Tensor logits) {
    Tensor labels = inputs.labels();
    boolean nextToken =
        HeadType.CAUSAL_LM.equals(model.headType()) && logits.size(1) == labels.size(1);
    Tensor counted = nextToken ? labels.narrow(1, 1, labels.size(1) - 1) : labels;
    double terms =
        labels.dtype() == DType.INT64
            ? counted.gt(-0.5).to(DType.FLOAT32).sum().item()
            : (double) labels.count();
    return new FullLoss(model).sum(logits, labels).mul(1 / terms);
  }

  double atol(String key) {
    return json.path(key).asDouble();
  }

  /** The name in PEFT's files of a parameter that PEFT calls so in memory. */
  String ourName(String inMemory) {
    String table = trainsNetwork() ? "prompt_encoder.embedding.weight" : "prompt_embeddings";
    return inMemory
        .replace("prompt_encoder.default.embedding.weight", table)
        .replace(".modules_to_save.default.", ".")
        .replace("lora_magnitude_vector.default.weight", "lora_magnitude_vector")
        .replaceAll("\\.default(\\.|$)", "$1");
  }

  void compare(
      String key, @Nullable Tensor actual, double atol, double rtol, List<String> differences) {
    if (actual == null) {
      differences.add(key + " has no counterpart");
      return;
    }
    float[] wanted = expected.tensor(key).toFloats();
    float[] found = actual.toFloats();
    double worst = wanted.length == found.length ? 0 : Double.NaN;
    for (int i = 0; i < Math.min(wanted.length, found.length); i++) {
      double excess = Math.abs((double) wanted[i] - found[i]) - rtol * Math.abs(wanted[i]);
      worst = Double.isNaN(excess) ? Double.NaN : Math.max(worst, excess);
    }
    if (!(worst <= atol)) {
      differences.add(key + " differs by " + worst + ", allowed " + atol);
    }
  }
}
