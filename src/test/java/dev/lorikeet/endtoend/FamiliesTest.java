package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.AdapterConfig;
import dev.lorikeet.adapters.AdapterMethods;
import dev.lorikeet.models.FrozenBlocks;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.Tape;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.training.Trainable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;

/** What must hold for every architecture and method, on the checkpoints of the reference cases. */
@Tag("numeric")
class FamiliesTest {
  /**
   * The error of bfloat16 logits beside float32 ones, as a fraction of their size. Every stored
   * number is rounded to 8 bits, an error of up to 2⁻⁸ of it; errors of n roundings in a row add up
   * to about √n of that. From a token to a logit there are, with those of the weights, some twenty
   * a layer: √60 · 2⁻⁸ is 3 % for the three layers of the deepest case; half of it comes on top
   * where a norm or a softmax sharpens differences.
   */
  private static final double BFLOAT16_ERROR = 0.045;

  /** Sums over a batch and over its rows are rounded in another order. */
  private static final double ANOTHER_ORDER = 2e-5;

  @TestFactory
  Stream<DynamicTest> bfloat16AgreesWithFloat32() throws IOException {
    return onEveryCase(
        test -> {
          float[] exact = logits(test, DType.FLOAT32);
          float[] rounded = logits(test, DType.BFLOAT16);
          double error = 0;
          double size = 0;
          for (int i = 0; i < exact.length; i++) {
            error += Math.pow((double) rounded[i] - exact[i], 2);
            size += Math.pow(exact[i], 2);
          }
          assertThat(Math.sqrt(error / size)).isLessThan(BFLOAT16_ERROR);
        });
  }

  private static float[] logits(GoldenCase test, DType precision) {
    try (Scope scope = Scope.open();
        Model model = test.open(ModelOptions.DEFAULT.withPrecision(precision))) {
      test.attach(model);
      return model.logits(test.inputs.batch()).toFloats();
    }
  }

  @TestFactory
  Stream<DynamicTest> gradientsOfARaggedBatchAreTheSumOfItsRowsAlone() throws IOException {
    return onEveryCase(
        test -> {
          try (Scope scope = Scope.open();
              Model model = test.open(ModelOptions.DEFAULT)) {
            Assumptions.assumeFalse(
                test.inputs.isPaddedOnTheLeft(),
                "padding on the left predicts a row's first token");
            Assumptions.assumeFalse(
                test.inputs.scalesByLength(), "rotations depend on the longest row of a batch");
            Adapter adapter = test.attach(model);
            List<Parameter> parameters =
                Trainable.of(adapter).stream().map(Trainable::parameter).toList();
            List<Map<Parameter, Tensor>> together =
                List.of(
                    gradients(model, parameters, test.inputs.batch(), test.inputs.labels()),
                    gradients(
                        model,
                        parameters,
                        test.inputs.batch().withPaddingBehind(),
                        test.inputs.labels()));
            Map<Parameter, Tensor> sum = new LinkedHashMap<>();
            for (int row = 0; row < test.inputs.rows(); row++) {
              gradients(model, parameters, test.inputs.row(row), test.inputs.labels(row))
                  .forEach((parameter, gradient) -> sum.merge(parameter, gradient, Tensor::add));
            }
            List<String> differences = new ArrayList<>();
            for (Map<Parameter, Tensor> gradients : together) {
              gradients.keySet().removeIf(parameter -> parameter.count() == 0); // of a pruned layer
              gradients.forEach(
                  (parameter, gradient) -> {
                    Tensor alone = java.util.Objects.requireNonNull(sum.get(parameter));
                    double scale = 1 + gradient.abs().max().item();
                    double difference = gradient.sub(alone).abs().max().item() / scale;
                    if (!(difference < ANOTHER_ORDER)) {
                      differences.add(parameter.name() + " differs by " + difference);
                    }
                  });
            }
            assertThat(differences).isEmpty();
          }
        });
  }

  private static Map<Parameter, Tensor> gradients(
      Model model, List<Parameter> parameters, ModelInput input, Tensor labels) {
    try (GradMode on = GradMode.enabled();
        Tape tape = Tape.of(model)) {
      Tensor loss = new FullLoss(model).sum(model.logits(input), labels);
      return tape.gradients(loss, parameters);
    }
  }

  @TestFactory
  Stream<DynamicTest> aPassMayBeginAboveFrozenBlocks() throws IOException {
    return onEveryCase(
        test -> {
          try (Scope scope = Scope.open();
              Model model = test.open(ModelOptions.DEFAULT)) {
            FrozenBlocks frozen = FrozenBlocks.of(model, test.inputs.batch());
            assertThat(frozen.count()).isEqualTo(layers(model.config().json()) - 1);
            Tensor states = frozen.states(test.inputs.batch());
            float[] whole = model.features(test.inputs.batch()).toFloats();
            assertThat(frozen.features(test.inputs.batch(), states).toFloats()).isEqualTo(whole);
            float[] other = frozen.features(test.inputs.batch(), states.mul(2)).toFloats();
            assertThat(other).isNotEqualTo(whole);
          }
        });
  }

  /** How many layers a model has; of an encoder-decoder, its encoder. */
  private static int layers(JsonNode config) {
    return Stream.of("num_hidden_layers", "n_layers", "n_layer", "num_layers")
        .filter(config::has)
        .mapToInt(key -> config.get(key).asInt())
        .findFirst()
        .orElseThrow();
  }

  /** The methods that go around linear layers, on one case a family. */
  @TestFactory
  Stream<DynamicTest> everyMethodTrainsEveryFamily() throws IOException {
    Map<String, Path> families = new TreeMap<>();
    for (Path folder : GoldenParityTest.supported()) {
      families.putIfAbsent(ModelConfig.read(folder).modelType(), folder);
    }
    return families.entrySet().stream()
        .flatMap(
            family ->
                Stream.of("ADALORA", "IA3", "LOHA", "LOKR", "LORA", "OFT", "VERA")
                    .map(
                        type ->
                            DynamicTest.dynamicTest(
                                type + " on " + family.getKey(),
                                () -> trains(type, new GoldenCase(family.getValue())))));
  }

  /** Every parameter gets a finite gradient, and a step down them lowers the loss. */
  private static void trains(String type, GoldenCase test) {
    try (Scope scope = Scope.open();
        Model model = test.open(ModelOptions.DEFAULT)) {
      List<Parameter> parameters =
          Trainable.of(Adapter.attach(model, settings(type), 1)).stream()
              .map(Trainable::parameter)
              .toList();
      Map<Parameter, Tensor> gradients =
          gradients(model, parameters, test.inputs.batch(), test.inputs.labels());
      FullLoss loss = new FullLoss(model);
      double before = loss.sum(model.logits(test.inputs.batch()), test.inputs.labels()).item();
      double squares = 0;
      for (Tensor gradient : gradients.values()) {
        assertThat(gradient.isFinite()).isTrue();
        squares += Math.pow(gradient.norm().item(), 2);
      }
      assertThat(squares).isPositive();
      double step = 1e-3 * Math.abs(before) / squares; // the loss falls by a thousandth, roughly
      gradients.forEach((parameter, gradient) -> parameter.original().addInPlace(gradient, -step));
      double after = loss.sum(model.logits(test.inputs.batch()), test.inputs.labels()).item();
      assertThat(after).isLessThan(before);
    }
  }

  /** PEFT's defaults on all linear layers, with blocks that divide the tiny layers. */
  private static AdapterConfig settings(String type) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("target_modules", "all-linear");
    if (type.equals("IA3")) {
      json.putArray("feedforward_modules");
    } else if (type.equals("OFT")) {
      json.put("oft_block_size", 8);
    }
    return AdapterMethods.ofType(type).orElseThrow().read(json);
  }

  /** A check of one case. */
  private interface Check {
    void on(GoldenCase test) throws IOException;
  }

  private static Stream<DynamicTest> onEveryCase(Check check) throws IOException {
    return GoldenParityTest.supported().stream()
        .map(
            folder ->
                DynamicTest.dynamicTest(
                    folder.getFileName().toString(), () -> check.on(new GoldenCase(folder))));
  }
}
