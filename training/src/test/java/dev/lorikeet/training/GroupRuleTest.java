package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GroupRuleTest {
  private static boolean matches(String pattern, String name, boolean head) {
    try (Scope scope = Scope.open()) {
      Parameter parameter = new Parameter(name, Tensor.of(new float[1], 1), scope);
      return new GroupRule(pattern, 1e-3, 1, null).matches(new Trainable(name, parameter, head));
    }
  }

  private static final String LAYER_1 = "bert.encoder.layer.1.attention.self.query.lora_B.weight";
  private static final String LAYER_10 = "bert.encoder.layer.10.attention.self.query.lora_A.weight";

  @ParameterizedTest
  @CsvSource({
    "lora_B, true, false",
    "lora_A, false, true",
    "lora, false, false",
    "layer.1, true, false",
    "layer.10, false, true",
    "query.lora_A, false, true",
    "bert, true, true",
    "weight, true, true",
    "'layer\\.\\d+\\.attention', true, true",
    "'lora_[AB]', true, true",
    "'^encoder', false, false",
    "'layer\\.1\\d', false, true"
  })
  void aPatternIsAPartOfThePathOrAnExpressionFoundInIt(
      String pattern, boolean first, boolean second) {
    assertThat(matches(pattern, LAYER_1, false)).isEqualTo(first);
    assertThat(matches(pattern, LAYER_10, false)).isEqualTo(second);
  }

  @Test
  void headIsTheHeadWhateverItIsCalled() {
    assertThat(matches("head", "score.weight", true)).isTrue();
    assertThat(matches("head", "bert.head.weight", false)).isFalse();
  }

  @Test
  void aRateOrAMultiplierIsTyped() {
    assertThat(GroupRule.parse("lora_B=4e-3")).isEqualTo(new GroupRule("lora_B", 4e-3, 1, null));
    assertThat(GroupRule.parse("layer.0=x0.5"))
        .isEqualTo(new GroupRule("layer.0", null, 0.5, null));
    assertThat(GroupRule.parse("a(?=b)=1")).isEqualTo(new GroupRule("a(?=b)", 1.0, 1, null));
  }

  @ParameterizedTest
  @ValueSource(strings = {"lora_B", "lora_B=", "=1e-3", "lora_B=fast", "lora_B=x", ""})
  void whatIsNeitherIsRefused(String typed) {
    assertThatThrownBy(() -> GroupRule.parse(typed))
        .isInstanceOf(UsageException.class)
        .hasMessage(
            "lr group \""
                + typed
                + "\" is not PATTERN=RATE: write lora_B=4e-3, or lora_B=x4 for four times"
                + " the learning rate");
  }

  @Test
  void valuesBelowZeroAreRefused() {
    assertThatThrownBy(() -> GroupRule.parse("lora_B=-1"))
        .isInstanceOf(UsageException.class)
        .hasMessage("parameter group lora_B: lr is -1.0, it must be at least 0");
    assertThatThrownBy(() -> GroupRule.parse("lora_B=x-2"))
        .hasMessage("parameter group lora_B: multiplier is -2.0, it must be at least 0");
    assertThatThrownBy(() -> new GroupRule("lora_B", null, 1, Double.NaN))
        .hasMessage("parameter group lora_B: weight_decay is NaN, it must be at least 0");
  }

  @Test
  void brokenAndEmptyPatternsAreRefused() {
    assertThatThrownBy(() -> GroupRule.parse("layer.(=1e-3"))
        .isInstanceOf(UsageException.class)
        .hasMessage("parameter group \"layer.(\" is not a regular expression: Unclosed group");
    assertThatThrownBy(() -> new GroupRule("", 1e-3, 1, null))
        .isInstanceOf(UsageException.class)
        .hasMessage("a parameter group has an empty pattern: name what it matches");
  }
}
