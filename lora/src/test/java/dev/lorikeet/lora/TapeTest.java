package dev.lorikeet.lora;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.Bias;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.models.Dropouts;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.ProjectionSlot;
import dev.lorikeet.models.Tape;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Updates folded into their weights for a step: the same loss and gradients as by autograd alone.
 */
@Tag("numeric")
class TapeTest {
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

  static List<LoraConfig> configs() {
    return List.of(
        LoraConfig.of(3, 5),
        LoraConfig.of(3, 5).but().useDora(true).build(),
        LoraConfig.of(3, 5)
            .but()
            .useDora(true)
            .init(LoraInit.of("pissa"))
            .bias(Bias.ALL)
            .targets(Targets.of("value", "output.dense"))
            .build(),
        LoraConfig.of(3, 5)
            .but()
            .useDora(true)
            .targets(Targets.of("word_embeddings", "query"))
            .build(),
        LoraConfig.of(3, 5).but().loraBias(true).bias(Bias.LORA_ONLY).build(),
        LoraConfig.of(3, 5).but().init(LoraInit.of("olora")).build(),
        LoraConfig.of(3, 5).withTargets(Targets.of("layer.1.attention.self.value")),
        LoraConfig.of(4, 8)
            .but()
            .targets(Targets.of("query", "output.dense"))
            .rankPattern(Map.of("query", 7))
            .bias(Bias.ALL)
            .modulesToSave(List.of("pooler"))
            .useRslora(true)
            .build());
  }

  private static Tensor loss(Model model) {
    return Ops.crossEntropy(TinyBert.logits(model), Tensor.of(new long[] {2, 0}, 2));
  }

  @ParameterizedTest
  @MethodSource("configs")
  void lossAndGradientsAreThoseOfAutograd(LoraConfig config) {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY);
        GradMode on = GradMode.enabled()) {
      Adapter adapter = Adapter.attach(model, config, 1);
      TinyBert.randomize(adapter);
      List<Parameter> parameters = List.copyOf(adapter.parameters().values());
      Tensor plainLoss = loss(model);
      List<Tensor> plain =
          Ops.grad(plainLoss, parameters.stream().map(Parameter::original).toList());
      try (Tape tape = Tape.of(model)) {
        Tensor loss = loss(model);
        // A sum near 2 of logits computed in another order.
        assertThat(Math.abs(loss.item() - plainLoss.item())).isLessThan(4e-6);
        Map<Parameter, Tensor> gradients = tape.gradients(loss, parameters);
        assertThat(gradients.keySet()).containsExactlyElementsOf(parameters);
        mustBeClose(gradients, parameters, plain);
      }
    }
  }

  /** Steps by hand and those of autograd draw the same masks from the same seed. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void withTheModelsDropoutGradientsAreThoseOfAutograd(boolean onlyUpper) {
    ModelOptions options = ModelOptions.DEFAULT.withDropouts(new Dropouts(0.3, 0.2, null));
    try (Model model = Model.open(TinyBert.folder(TinyBert.CLASSIFY), options);
        GradMode on = GradMode.enabled()) {
      LoraConfig config = LoraConfig.of(3, 5);
      Adapter adapter =
          Adapter.attach(
              model,
              onlyUpper ? config.withTargets(Targets.of("layer.1.attention.self.value")) : config,
              1);
      TinyBert.randomize(adapter);
      List<Parameter> parameters = List.copyOf(adapter.parameters().values());
      model.training(true);
      Torch.seed(1);
      Tensor plainLoss = loss(model);
      List<Tensor> plain =
          Ops.grad(plainLoss, parameters.stream().map(Parameter::original).toList());
      Torch.seed(1);
      try (Tape tape = Tape.of(model)) {
        Tensor loss = loss(model);
        assertThat(Math.abs(loss.item() - plainLoss.item())).isLessThan(4e-6);
        mustBeClose(tape.gradients(loss, parameters), parameters, plain);
      }
      model.training(false);
      assertThat(Math.abs(loss(model).item() - plainLoss.item())).isGreaterThan(1e-3);
    }
  }

  private static void mustBeClose(
      Map<Parameter, Tensor> gradients, List<Parameter> parameters, List<Tensor> plain) {
    for (int i = 0; i < parameters.size(); i++) {
      Tensor gradient = Objects.requireNonNull(gradients.get(parameters.get(i)));
      // A few dozen roundings of 6e-8 of the largest.
      double largest = plain.get(i).abs().max().item();
      assertThat(gradient.sub(plain.get(i)).abs().max().item())
          .as(parameters.get(i).name())
          .isLessThan(4e-6 * (1 + largest));
    }
  }

  @Test
  void withDropoutOfTheUpdateNothingIsFolded() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY);
        GradMode on = GradMode.enabled()) {
      Adapter adapter = Adapter.attach(model, LoraConfig.of(3, 5).withDropout(0.3), 1);
      TinyBert.randomize(adapter);
      List<Parameter> parameters = List.copyOf(adapter.parameters().values());
      model.training(true);
      Torch.seed(1);
      List<Tensor> plain =
          Ops.grad(loss(model), parameters.stream().map(Parameter::original).toList());
      Torch.seed(1);
      try (Tape tape = Tape.of(model)) {
        Map<Parameter, Tensor> gradients = tape.gradients(loss(model), parameters);
        mustBeClose(gradients, parameters, plain);
      }
    }
  }

  @Test
  void belowTheLowestLayerThatTrainsNothingAsksForGradients() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY);
        GradMode on = GradMode.enabled()) {
      LoraConfig config = LoraConfig.of(3, 5).withTargets(Targets.of("query", "value"));
      Adapter adapter = Adapter.attach(model, config, 1);
      TinyBert.randomize(adapter);
      List<Parameter> parameters = List.copyOf(adapter.parameters().values());
      List<Parameter> upper =
          parameters.stream().filter(p -> !p.name().contains("layer.0.")).toList();
      List<Tensor> all = Ops.grad(loss(model), upper.stream().map(Parameter::original).toList());
      parameters.stream().filter(p -> !upper.contains(p)).forEach(Parameter::freeze);
      boolean[] needed = {true};
      ProjectionSlot plain =
          Objects.requireNonNull(
              model.projections().get("bert.encoder.layer.1.attention.self.key"));
      plain.fill(
          x -> {
            needed[0] = x.requiresGrad();
            return plain.base().forward(x);
          });
      try (Tape tape = Tape.of(model)) {
        Map<Parameter, Tensor> gradients = tape.gradients(loss(model), upper);
        assertThat(needed[0]).isFalse();
        mustBeClose(gradients, upper, all);
      }
    }
  }

  @Test
  void aLayerThatTheLossDoesNotSeeHasEmptyGradients() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY);
        GradMode on = GradMode.enabled();
        Tape tape = Tape.of(model)) {
      Adapter adapter = Adapter.attach(model, LoraConfig.of(3, 5), 1);
      loss(model);
      List<Parameter> parameters = List.copyOf(adapter.parameters().values());
      Tensor other = Tensor.of(new float[] {1}, 1).requiresGrad(true);
      assertThat(tape.gradients(other.mul(2), parameters).values())
          .allMatch(gradient -> gradient.count() == 0);
    }
  }

  @Test
  void aClosedTapeRecordsNoMore() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Adapter.attach(model, LoraConfig.of(3, 5), 1);
      Tape.of(model).close();
      long live = Tensor.live();
      TinyBert.logits(model);
      // The logits and the two tensors of their input, which has no token types.
      assertThat(Tensor.live()).isEqualTo(live + 3);
      assertThat(model.mode().tape()).isNull();
    }
  }
}
