package dev.lorikeet.endtoend;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.data.Batch;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.Tape;
import dev.lorikeet.tasks.objectives.Dpo;
import dev.lorikeet.tasks.objectives.MultipleNegativesRanking;
import dev.lorikeet.tasks.objectives.Pooling;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.training.AdamW;
import dev.lorikeet.training.Inputs;
import dev.lorikeet.training.LossGradients;
import dev.lorikeet.training.Objective;
import dev.lorikeet.training.ParameterGroup;
import dev.lorikeet.training.Trainable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;

/**
 * One folder of reference values of an objective that compares texts, and this project's values.
 */
final class ObjectiveCase {
  private final GoldenCase golden;
  private final List<String> columns = new ArrayList<>();
  private final List<String> differences = new ArrayList<>();

  ObjectiveCase(Path folder) throws IOException {
    golden = new GoldenCase(folder);
    golden.json.path("columns").forEach(column -> columns.add(column.asText()));
  }

  /** Whether a folder's case has an objective of its own. */
  static boolean is(GoldenCase golden) {
    return golden.json.has("objective");
  }

  private Objective objective(Model model, Adapter adapter) {
    JsonNode settings = golden.json.path("objective");
    String kind = settings.path("kind").asText();
    if (kind.equals("dpo") && settings.path("loss_type").asText().equals("sigmoid")) {
      return new Dpo(model, action -> without(adapter, action), settings.path("beta").asDouble());
    }
    if (kind.equals("multiple_negatives_ranking")) {
      return new MultipleNegativesRanking(
          Pooling.valueOf(golden.json.path("pooling").asText().toUpperCase(Locale.ROOT)),
          settings.path("scale").asDouble());
    }
    throw new IllegalStateException("no objective " + settings);
  }

  private static void without(Adapter adapter, Runnable action) {
    adapter.disable();
    try {
      action.run();
    } finally {
      adapter.enable();
    }
  }

  /** Everything the folder has a value for, compared; each line is a difference. */
  List<String> differences() {
    try (Scope scope = Scope.open();
        Model model = golden.open(ModelOptions.DEFAULT)) {
      Adapter adapter = golden.attach(model);
      Objective objective = objective(model, adapter);
      without(adapter, () -> compareTexts("base", model, objective));
      compareTexts("adapted", model, objective);
      adapter.train();
      Map<String, Tensor> gradients = new LinkedHashMap<>();
      double loss = gradients(model, objective, adapter, gradients);
      golden.compare(
          "adapted.loss",
          Tensor.of(new float[] {(float) loss}, 1),
          golden.atol("atol_logits"),
          0,
          differences);
      golden.compareGradients(gradients, differences);
      compareThreeSteps(model, objective, adapter);
    }
    return differences;
  }

  /** What each text is to the objective: an embedding, or the log-probability of its labels. */
  private void compareTexts(String stage, Model model, Objective objective) {
    Batch batch = batch();
    Tensor features = model.features(Inputs.of(batch, model));
    Tensor states = objective.states(features, batch);
    int[] counts = objective.states(batch);
    for (int column = 0; column < columns.size(); column++) {
      List<Tensor> own = new ArrayList<>();
      long start = 0;
      for (int row = 0; row < batch.rows(); row++) {
        if (batch.columns()[row] == column) {
          own.add(states.narrow(0, start, counts[row]));
        }
        start += counts[row];
      }
      String key = stage + ".embedding." + columns.get(column);
      if (golden.expected.names().contains(key)) {
        golden.compare(key, Tensor.cat(own, 0), golden.atol("atol_logits"), 0, differences);
      } else {
        String logps = stage + ".logps." + columns.get(column);
        golden.compare(
            logps,
            logProbabilities(model, own, column),
            golden.atol("atol_logits"),
            0,
            differences);
      }
    }
  }

  private Tensor logProbabilities(Model model, List<Tensor> states, int column) {
    List<EncodedExample> examples = examples();
    float[] sums = new float[states.size()];
    for (int i = 0; i < sums.length; i++) {
      EncodedExample text = examples.get(i).texts().get(column);
      long[] labels =
          Arrays.stream(text.classes()).filter(id -> id != EncodedExample.IGNORED).toArray();
      Tensor loss = Ops.crossEntropy(model.head(states.get(i)), Tensor.of(labels, labels.length));
      sums[i] = (float) -loss.item();
    }
    return Tensor.of(sums, sums.length);
  }

  // ---- examples ----

  private List<EncodedExample> examples() {
    List<List<EncodedExample>> texts = columns.stream().map(this::texts).toList();
    return IntStream.range(0, texts.get(0).size())
        .mapToObj(
            i ->
                texts
                    .get(0)
                    .get(i)
                    .beside(texts.stream().skip(1).map(column -> column.get(i)).toList()))
        .toList();
  }

  /** The texts of a column, without their padding. */
  private List<EncodedExample> texts(String column) {
    Tensor ids = golden.expected.tensor("inputs." + column + ".input_ids");
    long[] mask = golden.expected.tensor("inputs." + column + ".attention_mask").toLongs();
    String labels = "inputs." + column + ".labels";
    int width = (int) ids.size(1);
    List<EncodedExample> texts = new ArrayList<>();
    for (int row = 0; row < ids.size(0); row++) {
      int from = row * width;
      int[] places = IntStream.range(from, from + width).filter(i -> mask[i] == 1).toArray();
      int[] own = pick(ids.toLongs(), places);
      long[] classes =
          golden.expected.names().contains(labels)
              ? Arrays.stream(pick(golden.expected.tensor(labels).toLongs(), places))
                  .asLongStream()
                  .toArray()
              : new long[0];
      texts.add(new EncodedExample(own, new int[own.length], classes, new float[0]));
    }
    return texts;
  }

  private static int[] pick(long[] values, int[] places) {
    return Arrays.stream(places).map(i -> (int) values[i]).toArray();
  }

  private Batch batch() {
    List<EncodedExample> examples = examples();
    return Batch.of(examples, IntStream.range(0, examples.size()).toArray(), 0);
  }

  // ---- training ----

  private double gradients(
      Model model, Objective objective, Adapter adapter, Map<String, Tensor> into) {
    Batch batch = batch();
    List<Parameter> parameters = List.copyOf(adapter.parameters().values());
    double terms = objective.terms(batch);
    try (GradMode on = GradMode.enabled();
        Tape tape = Tape.of(model)) {
      Tensor states = objective.states(model.features(Inputs.of(batch, model)), batch);
      LossGradients loss = objective.gradients(states, batch, 1 / terms, parameters);
      Map<Parameter, Tensor> sums =
          tape.gradients(states, Objects.requireNonNull(loss.ofStates()), parameters);
      LossGradients.add(sums, loss.ofParameters());
      adapter
          .parameters()
          .forEach((name, p) -> putIfRead(name, Objects.requireNonNull(sums.get(p)), into));
      return loss.sum() / terms;
    }
  }

  /** The pooler is adapted, too, and nothing reads it. */
  private static void putIfRead(String name, Tensor gradient, Map<String, Tensor> into) {
    if (gradient.count() > 0) {
      into.put(name, gradient);
    }
  }

  private void compareThreeSteps(Model model, Objective objective, Adapter adapter) {
    JsonNode settings = golden.json.path("optimizer");
    List<Trainable> read =
        Trainable.of(adapter).stream().filter(t -> !t.name().contains("pooler")).toList();
    List<ParameterGroup> groups = golden.groups(read, settings);
    JsonNode losses = golden.json.path("losses");
    try (AdamW optimizer = new AdamW(groups, 0.9, 0.999, settings.path("eps").asDouble())) {
      for (int step = 0; step < losses.size(); step++) {
        try (Scope scope = Scope.open()) {
          Map<String, Tensor> gradients = new LinkedHashMap<>();
          double loss = gradients(model, objective, adapter, gradients);
          if (Math.abs(loss - losses.path(step).asDouble()) > golden.atol("atol_logits")) {
            differences.add("loss of step " + (step + 1) + " " + loss + " instead of " + losses);
          }
          Map<Parameter, Tensor> byParameter = new LinkedHashMap<>();
          gradients.forEach(
              (name, g) ->
                  byParameter.put(Objects.requireNonNull(adapter.parameters().get(name)), g));
          optimizer.step(byParameter, groups.stream().map(ParameterGroup::lr).toList());
        }
      }
    }
    golden.compareParameters(adapter, differences);
  }
}
