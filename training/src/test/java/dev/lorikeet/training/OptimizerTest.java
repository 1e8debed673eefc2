package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Against src/test/interop/record_optimizers.py: a matrix, a vector, a transposed gradient. */
@Tag("numeric")
class OptimizerTest {
  private static final JsonNode RECORD = read();
  private static final double DECAY = RECORD.path("weight_decay").asDouble();

  private Scope scope;
  private long liveBefore;

  @BeforeEach
  void open() {
    liveBefore = Tensor.live();
    scope = Scope.open();
  }

  @AfterEach
  void nothingIsLeft() {
    scope.close();
    assertThat(Tensor.live()).isEqualTo(liveBefore);
  }

  private static JsonNode read() {
    try (InputStream json = OptimizerTest.class.getResourceAsStream("optimizers.json")) {
      return new ObjectMapper().readTree(json);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static Stream<JsonNode> cases() {
    List<JsonNode> cases = new ArrayList<>();
    RECORD.path("cases").forEach(cases::add);
    return cases.stream();
  }

  private static OptimizerConfig config(JsonNode recorded) {
    JsonNode settings = recorded.path("settings");
    return OptimizerConfig.of(OptimizerType.of(recorded.path("optimizer").asText()))
        .with(
            draft -> {
              draft.beta1 = settings.path("beta1").asDouble(draft.beta1);
              draft.beta2 = settings.path("beta2").asDouble(draft.beta2);
              draft.eps = settings.path("eps").asDouble(draft.eps);
              draft.momentum = settings.path("momentum").asDouble(draft.momentum);
              draft.dampening = settings.path("dampening").asDouble(draft.dampening);
              draft.nesterov = settings.path("nesterov").asBoolean(draft.nesterov);
              draft.alpha = settings.path("alpha").asDouble(draft.alpha);
              draft.centered = settings.path("centered").asBoolean(draft.centered);
              draft.decayRate = settings.path("decay_rate").asDouble(draft.decayRate);
              draft.clipThreshold = settings.path("clip_threshold").asDouble(draft.clipThreshold);
              draft.scaleParameter =
                  settings.path("scale_parameter").asBoolean(draft.scaleParameter);
            });
  }

  private static long[] shape(int i) {
    JsonNode shape = RECORD.path("shapes").path(i);
    long[] sizes = new long[shape.size()];
    for (int axis = 0; axis < sizes.length; axis++) {
      sizes[axis] = shape.path(axis).asLong();
    }
    return sizes;
  }

  private static float[] floats(JsonNode numbers) {
    float[] floats = new float[numbers.size()];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = (float) numbers.path(i).asDouble();
    }
    return floats;
  }

  private List<Trainable> trainables() {
    List<Trainable> trainables = new ArrayList<>();
    for (int i = 0; i < RECORD.path("start").size(); i++) {
      Tensor start = Tensor.of(floats(RECORD.path("start").path(i)), shape(i));
      Parameter parameter = new Parameter("p" + i, start, scope);
      parameter.train();
      trainables.add(new Trainable("p" + i, parameter, false));
    }
    return trainables;
  }

  private static List<ParameterGroup> groups(List<Trainable> trainables) {
    return ParameterGroup.of(trainables, 1, DECAY, List.of());
  }

  /** The gradients of a step, the last one lying in memory column by column. */
  private static Map<Parameter, Tensor> gradients(List<Trainable> trainables, int step) {
    Map<Parameter, Tensor> gradients = new LinkedHashMap<>();
    for (int i = 0; i < trainables.size(); i++) {
      Tensor rows = Tensor.of(floats(RECORD.path("gradients").path(step).path(i)), shape(i));
      Tensor gradient = i == 2 ? rows.transpose(0, 1).contiguous().transpose(0, 1) : rows;
      gradients.put(trainables.get(i).parameter(), gradient);
    }
    return gradients;
  }

  private static List<Double> rates(List<ParameterGroup> groups, int step) {
    double rate = RECORD.path("rates").path(step).asDouble();
    return groups.stream().map(group -> rate).toList();
  }

  private static void assertSame(List<Trainable> trainables, JsonNode expected) {
    for (int i = 0; i < trainables.size(); i++) {
      float[] actual = trainables.get(i).parameter().original().toFloats();
      for (int j = 0; j < actual.length; j++) {
        // Values of size 1 in float32 after five steps, against float64.
        assertThat((double) actual[j])
            .as("parameter %d, element %d", i, j)
            .isCloseTo(expected.path(i).path(j).asDouble(), within(3e-6));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void stepsAreThoseOfTheReference(JsonNode recorded) {
    List<Trainable> trainables = trainables();
    List<ParameterGroup> groups = groups(trainables);
    try (Optimizer optimizer = config(recorded).make(groups)) {
      for (int step = 0; step < recorded.path("steps").size(); step++) {
        optimizer.step(gradients(trainables, step), rates(groups, step));
        assertSame(trainables, recorded.path("steps").path(step));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void aRunGoesOnFromItsStateToTheSameBytes(JsonNode recorded) {
    List<Trainable> through = trainables();
    List<Trainable> halted = trainables();
    Map<String, Tensor> saved = new LinkedHashMap<>();
    int steps = recorded.path("steps").size();
    try (Optimizer optimizer = config(recorded).make(groups(through))) {
      for (int step = 0; step < steps; step++) {
        if (step == 2) {
          optimizer.state().forEach((name, tensor) -> saved.put(name, tensor.copy()));
          for (int i = 0; i < through.size(); i++) {
            halted
                .get(i)
                .parameter()
                .original()
                .detach()
                .setInPlace(through.get(i).parameter().original().detach());
          }
        }
        optimizer.step(gradients(through, step), rates(groups(through), step));
      }
    }
    try (Optimizer resumed = config(recorded).make(groups(halted))) {
      assertThat(resumed.state().keySet()).isEqualTo(saved.keySet());
      resumed
          .state()
          .forEach((name, tensor) -> tensor.setInPlace(Objects.requireNonNull(saved.get(name))));
      for (int step = 2; step < steps; step++) {
        resumed.step(gradients(halted, step), rates(groups(halted), step));
      }
    }
    for (int i = 0; i < through.size(); i++) {
      assertThat(halted.get(i).parameter().original().toBytes())
          .isEqualTo(through.get(i).parameter().original().toBytes());
    }
  }

  @ParameterizedTest
  @EnumSource(OptimizerType.class)
  void whatHasNoGradientStaysAndIsRememberedAsItWas(OptimizerType type) {
    List<Trainable> trainables = trainables();
    List<ParameterGroup> groups = groups(trainables);
    Parameter frozen = trainables.get(2).parameter();
    try (Optimizer optimizer = OptimizerConfig.of(type).make(groups)) {
      optimizer.step(gradients(trainables, 0), rates(groups, 0));
      byte[] before = frozen.original().toBytes();
      Map<String, byte[]> memory = bytes(optimizer, "p2/");
      Map<Parameter, Tensor> others = gradients(trainables, 1);
      others.remove(frozen);
      byte[] moving = trainables.get(0).parameter().original().toBytes();
      optimizer.step(others, rates(groups, 1));
      assertThat(frozen.original().toBytes()).isEqualTo(before);
      assertThat(bytes(optimizer, "p2/")).containsExactlyEntriesOf(memory);
      assertThat(trainables.get(0).parameter().original().toBytes()).isNotEqualTo(moving);
    }
  }

  private static Map<String, byte[]> bytes(Optimizer optimizer, String prefix) {
    Map<String, byte[]> bytes = new LinkedHashMap<>();
    optimizer
        .state()
        .forEach(
            (name, tensor) -> {
              if (name.startsWith(prefix)) {
                bytes.put(name, tensor.toBytes());
              }
            });
    return bytes;
  }

  // ---- decay and penalties, by hand: p = [2, -3], g = 1, lr = 0.1, SGD ----

  private float[] oneStep(OptimizerConfig config, double decay, long... shape) {
    Parameter parameter = new Parameter("p", Tensor.of(new float[] {2, -3}, shape), scope);
    parameter.train();
    List<ParameterGroup> groups =
        ParameterGroup.of(List.of(new Trainable("p", parameter, false)), 1, decay, List.of());
    try (Optimizer optimizer = config.make(groups)) {
      optimizer.step(Map.of(parameter, Tensor.of(new float[] {1, 1}, shape)), List.of(0.1));
    }
    return parameter.original().toFloats();
  }

  private static void assertClose(float[] actual, float... expected) {
    // A few roundings in float32.
    assertThat(actual).containsExactly(expected, within(1e-6f));
  }

  @Test
  void weightDecayIsAddedToTheGradientOrTakenOffBesideIt() {
    OptimizerConfig sgd = OptimizerConfig.of(OptimizerType.SGD);
    // The gradient is [1 + 0.5·2, 1 − 0.5·3].
    assertClose(oneStep(sgd, 0.5, 1, 2), 1.8f, -2.95f);
    // p (1 − 0.1·0.5) − 0.1 g: for SGD without momentum the same.
    OptimizerConfig beside = sgd.with(draft -> draft.decoupledWeightDecay = true);
    assertClose(oneStep(beside, 0.5, 1, 2), 1.8f, -2.95f);
    // Adam's first step is lr·sign(gradient), whatever its size; only decoupled decay adds to it.
    OptimizerConfig adam = OptimizerConfig.of(OptimizerType.ADAM);
    assertClose(oneStep(adam, 0.5, 1, 2), 1.9f, -2.9f);
    OptimizerConfig adamw = adam.with(draft -> draft.decoupledWeightDecay = true);
    assertClose(oneStep(adamw, 0.5, 1, 2), 1.8f, -2.95f);
  }

  @Test
  void penaltiesAddToTheGradientsOfMatrices() {
    OptimizerConfig sgd = OptimizerConfig.of(OptimizerType.SGD);
    // The gradients are 1 + 0.2·sign(p), and 1 + 0.2·p.
    OptimizerConfig l1 = sgd.with(draft -> draft.l1Penalty = 0.2);
    assertClose(oneStep(l1, 0, 1, 2), 1.88f, -3.08f);
    OptimizerConfig l2 = sgd.with(draft -> draft.l2Penalty = 0.2);
    assertClose(oneStep(l2, 0, 1, 2), 1.86f, -3.04f);
    assertClose(oneStep(l2, 0, 2), 1.9f, -3.1f);
  }

  // ---- settings ----

  @Test
  void settingsThatAnOptimizerLacksAreRefused() {
    OptimizerConfig adamw = OptimizerConfig.DEFAULT;
    assertThatThrownBy(() -> adamw.with(draft -> draft.momentum = 0.9))
        .isInstanceOf(UsageException.class)
        .hasMessage("momentum is no setting of optimizer adamw: it has beta1, beta2, eps");
    OptimizerConfig sgd = OptimizerConfig.of(OptimizerType.SGD);
    assertThatThrownBy(() -> sgd.with(draft -> draft.nesterov = true))
        .hasMessage(
            "nesterov needs momentum above 0 and no dampening: momentum is 0.0, dampening 0.0");
    assertThatThrownBy(() -> sgd.with(draft -> draft.momentum = 1))
        .hasMessage("momentum is 1.0: it must be at least 0 and below 1");
    assertThatThrownBy(() -> sgd.with(draft -> draft.l1Penalty = -1))
        .hasMessage("l1_penalty is -1.0: it must be at least 0");
    assertThatThrownBy(() -> OptimizerType.of("adamx"))
        .hasMessage(
            "unknown optimizer \"adamx\": use adamw, adam, sgd, rmsprop, adagrad, adafactor, lion");
  }
}
