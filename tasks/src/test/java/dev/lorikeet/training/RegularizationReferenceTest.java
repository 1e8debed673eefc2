package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lorikeet.data.Batch;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.tasks.objectives.OfLogits;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What torch itself computes, recorded by src/test/interop/regularization.py. */
@Tag("numeric")
class RegularizationReferenceTest {
  /** Sums of 21 terms below 10 in float32, in another order. */
  private static final double ROUNDING = 1e-6;

  private static final JsonNode REFERENCE = read();

  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static JsonNode read() {
    try (InputStream file =
        Objects.requireNonNull(
            RegularizationReferenceTest.class.getResourceAsStream("/regularization.json"))) {
      return new ObjectMapper().readTree(file);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private static float[] floats(JsonNode list) {
    float[] values = new float[list.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = list.get(i).floatValue();
    }
    return values;
  }

  @Test
  void smoothedAndWeightedLossesAndTheirGradientsAreTorchs() {
    JsonNode losses = REFERENCE.get("losses");
    for (JsonNode expected : losses.get("cases")) {
      RegularizationConfig config =
          RegularizationConfig.NONE.withLoss(
              expected.get("smoothing").doubleValue(),
              expected.get("weighted").booleanValue() ? weights(losses) : ClassWeights.NONE,
              0);
      try (Model model = TinyBert.open(TinyBert.CLASSIFY);
          GradMode on = GradMode.enabled()) {
        Objective loss = Tasks.of(model).objective(config, List.of());
        Batch batch = batch(losses.get("labels"));
        Tensor logits = Tensor.of(floats(losses.get("logits")), 7, 3).requiresGrad(true);
        Tensor sum = OfLogits.sum(loss, logits, batch);
        Tensor mean = sum.mul(1 / loss.terms(batch));
        assertThat(mean.item())
            .as(expected.toString())
            .isCloseTo(expected.get("mean").doubleValue(), within(ROUNDING));
        assertThat(Ops.grad(mean, List.of(logits)).get(0).toFloats())
            .containsExactly(floats(expected.get("gradient")), within((float) ROUNDING));
      }
    }
  }

  /** The classes of the model are the labels 0, 1 and 2 by other names. */
  private static ClassWeights weights(JsonNode losses) {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      List<String> labels = model.config().labels();
      Map<String, Double> weights = new LinkedHashMap<>();
      for (int id = 0; id < labels.size(); id++) {
        weights.put(labels.get(id), losses.get("weights").get(id).doubleValue());
      }
      return ClassWeights.of(weights);
    }
  }

  private static Batch batch(JsonNode labels) {
    List<EncodedExample> examples = new ArrayList<>();
    labels.forEach(
        label ->
            examples.add(
                new EncodedExample(
                    new int[1], new int[1], new long[] {label.longValue()}, new float[0])));
    return Batch.of(examples, IntStream.range(0, examples.size()).toArray(), 0);
  }

  @Test
  void movingAndPlainAveragesAreTorchs() {
    JsonNode averages = REFERENCE.get("averages");
    assertAverages(averages, "ema", new AveragingConfig(0.9, false, 0));
    assertAverages(averages, "swa", new AveragingConfig(0, false, averages.get("path").size()));
  }

  private static void assertAverages(JsonNode averages, String name, AveragingConfig config) {
    JsonNode path = averages.get("path");
    Parameter parameter =
        new Parameter("w", Tensor.of(new float[] {9, 9, 9, 9, 9}, 5), Scope.unbound());
    parameter.train();
    WeightAverage average =
        WeightAverage.of(
            List.of(new Trainable("w", parameter, false)), config, path.size(), new RunState());
    for (int step = 0; step < path.size(); step++) {
      Tensor weights = Tensor.of(floats(path.get(step)), 5);
      parameter.original().setInPlace(weights);
      average.afterUpdate(Map.of());
      average.afterStep(new FinishedStep(step + 1, path.size(), step + 1, List.of(), 1, true));
      average.exchange();
      assertThat(parameter.original().toFloats())
          .as("%s after %s", name, step + 1)
          .containsExactly(floats(averages.get(name).get(step)), within((float) ROUNDING));
      average.exchange();
      assertThat(parameter.original().sameAs(weights)).isTrue();
    }
    parameter.free();
  }

  @Test
  void theScaleOfFloat16LossesGrowsAndFallsAsTorchs() {
    JsonNode scaler = REFERENCE.get("scaler");
    Set<Integer> bad = new HashSet<>();
    scaler.get("bad").forEach(step -> bad.add(step.intValue()));
    Map<Integer, Double> scales = new LinkedHashMap<>();
    LossScale scale = LossScale.of(DType.FLOAT16);
    for (int step = 1; step <= scaler.get("steps").intValue(); step++) {
      if (bad.contains(step)) {
        assertThat(scale.bad()).isTrue();
      } else {
        scale.good();
      }
      scales.put(step, scale.scale());
    }
    assertThat(scaler.get("scales")).hasSizeGreaterThan(90);
    scaler
        .get("scales")
        .forEach(
            entry ->
                assertThat(scales.get(entry.get(0).intValue()))
                    .as("step %s", entry.get(0))
                    .isEqualTo(entry.get(1).doubleValue()));
  }
}
