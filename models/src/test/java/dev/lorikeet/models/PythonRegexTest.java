package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.torch.UsageException;
import java.time.Duration;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Python's regular expressions; what matches was tried with CPython 3.11's re.fullmatch. */
class PythonRegexTest {
  private static boolean matches(String expression, String text) {
    return PythonRegex.of("target_modules", expression).matches(text);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      value = {
        ".*\\.(?P<part_1>self_attn|mlp)\\.(?P<p>q|up)_proj\\Z ~ model.layers.0.mlp.up_proj",
        "(?P<a_b>x|y)(?P=a_b) ~ yy",
        "(a|b)\\1 ~ bb",
        "(a)\\1{2} ~ aaa",
        "(?i)QUERY ~ query",
        "(?i:Q)uery ~ query",
        "(?x) que   ry  # the name ~ query",
        "(?x: a b )?[ ]c ~ ab c",
        "a(?#said)b ~ ab",
        "[]a]+ ~ a]",
        "[^]a]+ ~ bc",
        "[[a]+ ~ [a",
        "[a&&b]+ ~ a&b",
        "[\\]\\-#]+ ~ ]-#",
        "a{,2} ~ aa",
        "a{,2} ~ ''",
        "a{b} ~ a{b}",
        "x{} ~ x{}",
        "a{x} ~ a{x}",
        "\\x41\\u0042\\U00000043 ~ ABC",
        "\\101 ~ A",
        "a++b ~ aab",
        "(?>a|ab)c ~ ac",
        "(?<=a)?b ~ b",
        "(?!lm_head).*head ~ model.head",
        "\\w+ ~ größe",
        "a\\_b ~ a_b",
      })
  void matchesAsInPython(String expression, String text) {
    assertThat(matches(expression.strip(), text == null ? "" : text.strip().replace("'", "")))
        .isTrue();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      value = {
        "(?P<a>x|y)(?P=a) ~ xy",
        "[^]a]+ ~ a]",
        "(?a)\\w+ ~ größe",
        "query ~ a.query",
        "(?-i:q)uery ~ Query",
        "a{,2} ~ aaa",
      })
  void matchesNoMoreThanPython(String expression, String text) {
    assertThat(matches(expression.strip(), text.strip())).isFalse();
  }

  /** The dollar and the dot know line feeds only; {@code \Z} is the very end. */
  @Test
  void onlyALineFeedEndsALine() {
    assertThat(matches("a.b", "a\rb")).isTrue();
    assertThat(matches("a.b", "a\nb")).isFalse();
    assertThat(PythonRegex.of("x", "a$").isFoundIn("a\n")).isTrue();
    assertThat(PythonRegex.of("x", "a\\Z").isFoundIn("a\n")).isFalse();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      value = {
        "(query ~ Unclosed group",
        "[a ~ Unclosed character class",
        "(?<name>x) ~ Unknown extension (?<n",
        "(?P<n>x)(?P<n>y) ~ Group name 'n' is given twice",
        "(?P<1>x) ~ Bad character in group name '1'",
        "(?P=n) ~ Unknown group name 'n'",
        "(a)?(?(1)b|c) ~ Conditional groups are not supported",
        "a(?i)b ~ Flags not at the start of the expression",
        "(?L)a ~ Unknown flag L",
        "\\h ~ Bad escape \\h",
        "\\Qa\\E ~ Bad escape \\Q",
        "\\p{L} ~ Bad escape \\p",
        "[\\Z] ~ Bad escape \\Z",
        "\\1(a) ~ Invalid group reference 1",
        "a\\ ~ Bad escape (end of the expression)",
        "(?:(?:){2000}){2000} ~ It repeats a part 2000 times",
        "(?:){2000000000} ~ It repeats a part 2000000000 times",
      })
  void whatCannotBeMatchedIsRefused(String expression, String why) {
    String typed = expression.strip();
    assertThatThrownBy(() -> PythonRegex.of("target_modules", typed))
        .isInstanceOf(UsageException.class)
        .hasMessage("target_modules \"" + typed + "\" is not a regular expression: " + why.strip());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "(([a-z_.0-9]+)+)+!",
        "(a|a?)+\\1!",
        "(.*)*(.*)*(.*)*!",
        "(?=((a+)+)\\2!)a.*",
        "(\\w+\\.?)*\\1!"
      })
  void whatBacktracksWithoutEndIsGivenUp(String expression) {
    String path = "a".repeat(60) + ".query";
    Assertions.assertTimeoutPreemptively(
        Duration.ofSeconds(20), // each takes some 10 ms; without a bound none ever ends
        () ->
            assertThatThrownBy(() -> matches(expression, path))
                .isInstanceOf(UsageException.class)
                .hasMessage(
                    "target_modules \"%s\" takes too long to match \"%s\": write it without"
                        + " repetitions inside repetitions, such as (a+)+",
                    expression, path));
  }

  @Test
  void manyBracketsAreRefused() {
    String open = "(".repeat(100_000);
    String expression = open + "a" + ")".repeat(100_000);
    assertThatThrownBy(() -> PythonRegex.of("target_modules", expression))
        .hasMessage(
            "target_modules \"%s...\" is not a regular expression: Stack overflow during pattern"
                + " compilation",
            open.substring(0, 200));
  }

  /** As tools write it that adapt parts of models of text and pictures. */
  @Test
  void aLongExpressionInUseIsFarFromTheLimit() {
    String expression =
        "(?:.*?(?:language|text).*?(?:self_attn|attention|attn|mlp|feed_forward|ffn|dense).*?"
            + "(?:k_proj|v_proj|q_proj|out_proj|fc1|fc2|up_proj|down_proj|gate_proj|o_proj).*?)|"
            + "(?:\\bmodel\\.layers\\.[\\d]{1,}\\.(?:self_attn|attention|attn|mlp|feed_forward|ffn|"
            + "dense)\\.(?:(?:k_proj|v_proj|q_proj|out_proj|fc1|fc2|up_proj|down_proj)))";
    assertThat(matches(expression, "model.layers.11.self_attn.k_proj")).isTrue();
    assertThat(
            matches(expression, "model.vision_tower.encoder.layers.11.self_attn.layer_norm1.bias"))
        .isFalse();
  }
}
