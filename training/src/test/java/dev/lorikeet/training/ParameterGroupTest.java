package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ParameterGroupTest {
  private static final double LR = 1e-3;
  private static final double DECAY = 0.01;

  private Scope scope;
  private List<Trainable> trainables;

  @BeforeEach
  void open() {
    scope = Scope.open();
    trainables =
        List.of(
            matrix("encoder.layer.1.query.lora_A.weight"),
            matrix("encoder.layer.1.query.lora_B.weight"),
            matrix("encoder.layer.10.query.lora_A.weight"),
            matrix("encoder.layer.10.query.lora_B.weight"),
            new Trainable("classifier.weight", parameter(2, 3), true),
            new Trainable("classifier.bias", parameter(2), true));
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private Trainable matrix(String name) {
    return new Trainable(name, parameter(2, 3), false);
  }

  private Parameter parameter(long... shape) {
    return new Parameter("p", Tensor.zeros(DType.FLOAT32, Device.CPU, shape), scope);
  }

  private List<ParameterGroup> groups(String... rules) {
    return ParameterGroup.of(
        trainables, LR, DECAY, Arrays.stream(rules).map(GroupRule::parse).toList());
  }

  private static List<String> names(ParameterGroup group) {
    return group.members().stream().map(Trainable::name).toList();
  }

  /** The group that a parameter is in. */
  private static ParameterGroup of(List<ParameterGroup> groups, String name) {
    return groups.stream().filter(group -> names(group).contains(name)).findAny().orElseThrow();
  }

  @Test
  void withoutRulesOnlyTheDecayDiffers() {
    List<ParameterGroup> groups = groups();
    assertThat(groups)
        .extracting(ParameterGroup::name)
        .containsExactly("default", "default, no decay");
    assertThat(groups).extracting(ParameterGroup::lr).containsOnly(LR);
    assertThat(groups).extracting(ParameterGroup::weightDecay).containsExactly(DECAY, 0.0);
    assertThat(names(groups.get(1))).containsExactly("classifier.bias");
  }

  @Test
  void everyParameterIsInOneGroupInItsOrder() {
    List<ParameterGroup> groups = groups("lora_B=4e-3", "head=2e-3");
    assertThat(groups.stream().flatMap(group -> group.members().stream()))
        .containsExactlyInAnyOrderElementsOf(trainables);
    assertThat(names(of(groups, "encoder.layer.1.query.lora_B.weight")))
        .containsExactly(
            "encoder.layer.1.query.lora_B.weight", "encoder.layer.10.query.lora_B.weight");
  }

  @Test
  void rulesGiveTheirRates() {
    List<ParameterGroup> groups = groups("lora_B=4e-3", "head=x2");
    assertThat(of(groups, "encoder.layer.1.query.lora_A.weight").lr()).isEqualTo(LR);
    assertThat(of(groups, "encoder.layer.1.query.lora_B.weight").lr()).isEqualTo(4e-3);
    assertThat(of(groups, "classifier.weight").lr()).isEqualTo(2 * LR);
    assertThat(of(groups, "classifier.bias").lr()).isEqualTo(2 * LR);
    assertThat(of(groups, "classifier.bias").weightDecay()).isZero();
  }

  @Test
  void layer1IsNotLayer10() {
    List<ParameterGroup> groups = groups("layer.1=5e-4");
    assertThat(names(of(groups, "encoder.layer.1.query.lora_A.weight")))
        .containsExactly(
            "encoder.layer.1.query.lora_A.weight", "encoder.layer.1.query.lora_B.weight");
    assertThat(of(groups, "encoder.layer.10.query.lora_A.weight").lr()).isEqualTo(LR);
  }

  @Test
  void theFirstRuleThatMatchesCounts() {
    List<ParameterGroup> groups = groups("layer.1=5e-4", "lora_B=4e-3", "lora_[AB]=x3");
    assertThat(of(groups, "encoder.layer.1.query.lora_B.weight").lr()).isEqualTo(5e-4);
    assertThat(of(groups, "encoder.layer.10.query.lora_B.weight").lr()).isEqualTo(4e-3);
    assertThat(of(groups, "encoder.layer.10.query.lora_A.weight").lr()).isEqualTo(3 * LR);
  }

  @Test
  void aRulesDecayHoldsForItsMatricesOnly() {
    List<ParameterGroup> groups =
        ParameterGroup.of(trainables, LR, 0, List.of(new GroupRule("head", null, 1, 0.3)));
    assertThat(of(groups, "classifier.weight").weightDecay()).isEqualTo(0.3);
    assertThat(of(groups, "classifier.bias").weightDecay()).isZero();
    assertThat(of(groups, "encoder.layer.1.query.lora_A.weight").weightDecay()).isZero();
  }

  @Test
  void aRuleWithoutDecayTurnsItOff() {
    List<ParameterGroup> groups =
        ParameterGroup.of(trainables, LR, DECAY, List.of(new GroupRule("lora_B", null, 1, 0.0)));
    assertThat(of(groups, "encoder.layer.1.query.lora_B.weight").weightDecay()).isZero();
    assertThat(of(groups, "encoder.layer.1.query.lora_A.weight").weightDecay()).isEqualTo(DECAY);
  }

  @Test
  void aRuleThatMatchesNothingIsRefusedWithTheNearestNames() {
    assertThatThrownBy(() -> groups("lora_b=1e-3"))
        .isInstanceOf(UsageException.class)
        .hasMessage("no trainable parameter matches group \"lora_b\"; nearest: lora_B, lora_A");
    assertThatThrownBy(() -> groups("haed=1e-3"))
        .hasMessageStartingWith("no trainable parameter matches group \"haed\"; nearest: head, ");
    assertThatThrownBy(() -> groups("lora_A=1e-3", "layer.2=1e-3"))
        .isInstanceOf(UsageException.class)
        .hasMessageStartingWith("no trainable parameter matches group \"layer.2\"; nearest: layer");
  }
}
