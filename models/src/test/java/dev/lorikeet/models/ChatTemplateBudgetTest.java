package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.torch.LorikeetException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Templates that would occupy the process for ever, fill its memory or its stack. */
class ChatTemplateBudgetTest {
  /** Far beyond the second that it takes on an idle machine; without a bound it is hours. */
  private static final Duration SOON = Duration.ofMinutes(2);

  private static String render(String template) {
    return ChatTemplate.of(template, Map.of())
        .render(List.of(Message.of("user", "hi")), false)
        .text();
  }

  private static void assertRefused(String template, String why) {
    Assertions.assertTimeoutPreemptively(
        SOON,
        () ->
            assertThatThrownBy(() -> render(template))
                .isInstanceOf(LorikeetException.class)
                .hasMessageStartingWith("chat_template: ")
                .hasMessageEndingWith(why)
                .message()
                .doesNotContain("\n"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      value = {
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %};"
            + " it takes more than 1000000 steps",
        "{{ [1] * 2000000000 }}; it takes more than 1000000 steps",
        "{% set x = [[1], [1]] * 200000 %}{{ (x + x + x) | length }};"
            + " it takes more than 1000000 steps",
        "{{ 'a' * 2000000000 }}; it makes a text of more than 10000000 characters",
        "{{ 'a' * 99999999999 }}; it makes a text of more than 10000000 characters",
        "{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}"
            + "{% endfor %}; it makes a text of more than 10000000 characters",
        "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}"
            + "{% endfor %}{{ ns.x }}; it takes more than 1000000 steps",
        "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}"
            + "{% endfor %}{{ ns.x | tojson }}; it takes more than 1000000 steps",
        "{% for i in range(100000) %}{{ 'a' * 9999 }}{% endfor %};"
            + " it makes a text of more than 10000000 characters",
        "{{ ('a' * 99999) | replace('a', 'b' * 99999) }};"
            + " it makes a text of more than 10000000 characters",
        "{{ ('a' * 99999).replace('', 'b' * 99999) }};"
            + " it makes a text of more than 10000000 characters",
        "{{ 'a' | indent(2000000000, true) }}; it makes a text of more than 10000000 characters",
        "{{ [1] | tojson(indent=2000000000) }}; it makes a text of more than 10000000 characters",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}; it calls itself more than 100 deep",
        "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %};"
            + " it calls itself more than 100 deep",
        "{{ 3 ** 2000000000 }}; 3 ** 2000000000 is out of range",
        "{{ 9223372036854775807 + 1 }}; 9223372036854775807 + 1 is out of range",
        "{{ 9223372036854775808 }}; number 9223372036854775808 is out of range",
        "{{ '%2000000000d' % 1 }}; a format of width 2000000000 is out of range",
        "{{ range(0, 9223372036854775807) | length }};"
            + " range takes a step that is not 0, and has 100000 at most",
      })
  void boundsOfTemplatesAreTheTemplatesErrors(String template, String why) {
    assertRefused(template, why);
  }

  @ParameterizedTest
  @CsvSource({"(, )", "[, ]", "not, ''", "{1:, }"})
  void deepNestingIsTheTemplatesError(String open, String close) {
    String template =
        "{{ " + (open + " ").repeat(20_000) + "1" + (close + " ").repeat(20_000) + " }}";
    assertRefused(template, "it is nested too deep");
  }

  @Test
  void longChatsAreWithinTheBounds() {
    String template =
        "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}"
            + "{{ m.role + ': ' + (m.content | trim) }}{% endfor %}{{ ns.n }}";
    List<Message> messages =
        IntStream.range(0, 5_000).mapToObj(i -> Message.of("user", "word ".repeat(200))).toList();
    String text = ChatTemplate.of(template, Map.of()).render(messages, false).text();
    assertThat(text).endsWith("word5000").hasSizeGreaterThan(4_000_000);
  }

  @Test
  void numbersWithinTheBoundsStayPythons() {
    assertThat(render("{{ 2 ** 62 }} {{ (-1) ** 99 }} {{ 0 ** 0 }} {{ 7 // -2 }} {{ -3 * 5 }}"))
        .isEqualTo("4611686018427387904 -1 1 -4 -15");
    assertThat(render("{{ 'ab' * 3 }} {{ [1, 2] * 2 }} {{ 'a' * -1 }} {{ [] * 5 }}"))
        .isEqualTo("ababab [1, 2, 1, 2]  []");
    assertThat(render("{{ {'a': 1, 'b': [2]} }} {{ range(5, 0, -2) | list }}"))
        .isEqualTo("{'a': 1, 'b': [2]} [5, 3, 1]");
  }
}
