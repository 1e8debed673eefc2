package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class RateFactorsTest {
  private static final double LR = 1e-3;

  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private Trainable trainable(String name, long... shape) {
    Tensor zeros = Tensor.zeros(DType.FLOAT32, Device.CPU, shape);
    return new Trainable(name, new Parameter(name, zeros, scope), name.startsWith("classifier"));
  }

  private List<Trainable> encoder() {
    return List.of(
        trainable("bert.embeddings.word_embeddings.weight", 2, 2),
        trainable("bert.encoder.layer.0.output.dense.weight", 2, 2),
        trainable("bert.encoder.layer.1.output.dense.weight", 2, 2),
        trainable("bert.encoder.layer.10.output.dense.bias", 2),
        trainable("bert.encoder.layer.11.output.dense.weight", 2, 2),
        trainable("bert.pooler.dense.weight", 2, 2),
        trainable("classifier.weight", 2, 2));
  }

  private List<Trainable> lora() {
    return List.of(
        trainable("bert.embeddings.word_embeddings.lora_embedding_A", 2, 2),
        trainable("bert.embeddings.word_embeddings.lora_embedding_B", 2, 2),
        trainable("bert.encoder.layer.0.query.lora_A.weight", 2, 2),
        trainable("bert.encoder.layer.0.query.lora_B.weight", 2, 2),
        trainable("bert.encoder.layer.0.query.lora_magnitude_vector", 2),
        trainable("classifier.weight", 2, 2),
        trainable("classifier.bias", 2));
  }

  private static List<ParameterGroup> groups(
      List<Trainable> trainables, RateConfig rates, GroupRule... rules) {
    Layers layers = Layers.of("layer", trainables.stream().map(Trainable::name).toList());
    return ParameterGroup.of(
        trainables, LR, 0, List.of(rules), new RateFactors(rates, trainables, layers));
  }

  private static List<Double> rates(List<Trainable> trainables, List<ParameterGroup> groups) {
    List<Double> rates = new ArrayList<>();
    for (Trainable trainable : trainables) {
      groups.stream()
          .filter(group -> group.members().contains(trainable))
          .forEach(group -> rates.add(group.lr()));
    }
    return rates;
  }

  private static void assertRates(List<Double> rates, double... expected) {
    assertThat(rates).hasSize(expected.length);
    for (int i = 0; i < expected.length; i++) {
      assertThat(rates.get(i)).as("parameter %d", i).isCloseTo(expected[i], within(1e-18));
    }
  }

  @Test
  void eachLayerHasAShareOfTheRateOfTheOneAbove() {
    List<Trainable> all = encoder();
    List<ParameterGroup> groups = groups(all, new RateConfig(0.9, 1, null, 1e-6));
    assertRates(
        rates(all, groups),
        LR * Math.pow(0.9, 12),
        LR * Math.pow(0.9, 11),
        LR * Math.pow(0.9, 10),
        LR * 0.9,
        LR,
        LR,
        LR);
    assertThat(groups)
        .extracting(ParameterGroup::name)
        .containsExactly(
            "default, embeddings",
            "default, layer 0",
            "default, layer 1",
            "default, layer 10",
            "default, layer 11",
            "default");
  }

  @Test
  void theHeadHasItsMultiplierAndRulesTheirOwnRates() {
    List<Trainable> all = encoder();
    GroupRule rate = GroupRule.parse("layer.0=7e-4");
    GroupRule multiplier = GroupRule.parse("layer.1=x2");
    assertRates(
        rates(all, groups(all, new RateConfig(0.5, 10, null, 1e-6), rate, multiplier)),
        LR * Math.pow(0.5, 12),
        7e-4,
        2 * LR * Math.pow(0.5, 10),
        LR * 0.5,
        LR,
        LR,
        10 * LR);
  }

  /** PEFT 0.21's create_loraplus_optimizer: B and vectors times the ratio, embeddings their own. */
  @Test
  void loraPlusIsThatOfPeft() {
    List<Trainable> all = lora();
    assertRates(
        rates(all, groups(all, new RateConfig(1, 1, 16.0, 1e-6))),
        1e-6,
        1e-6,
        LR,
        16 * LR,
        16 * LR,
        LR,
        16 * LR);
  }

  @Test
  void settingsThatChangeNothingAreRefused() {
    List<Trainable> head = List.of(trainable("classifier.weight", 2, 2));
    assertThatThrownBy(() -> groups(head, new RateConfig(0.9, 1, null, 1e-6)))
        .isInstanceOf(UsageException.class)
        .hasMessage("layer_lr_decay is set, but nothing below the top layer is trained: remove it");
    assertThatThrownBy(() -> groups(head, new RateConfig(1, 1, 4.0, 1e-6)))
        .hasMessage("loraplus_lr_ratio is set, but no lora_B is trained: use it with method lora");
    List<Trainable> body = encoder().subList(0, 2);
    assertThatThrownBy(() -> groups(body, new RateConfig(1, 2, null, 1e-6)))
        .hasMessage("head_lr_multiplier is set, but no head is trained: remove it");
    assertThatThrownBy(() -> new RateConfig(0, 1, null, 1e-6))
        .hasMessage("layer_lr_decay is 0.0: it must be above 0 and at most 1");
  }

  @Test
  void aGroupWhollyInEarlierOnesIsRefused() {
    List<Trainable> all = lora();
    assertThatThrownBy(
            () ->
                groups(
                    all,
                    RateConfig.DEFAULT,
                    GroupRule.parse("lora_[AB]=1"),
                    GroupRule.parse("layer.0.query.lora_B=2")))
        .isInstanceOf(UsageException.class)
        .hasMessage(
            "group \"layer.0.query.lora_B\" has no parameter of its own, all are in"
                + " \"lora_[AB]\" before it: move it to the front");
  }
}
