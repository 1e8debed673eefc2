package dev.lorikeet.torch;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class PrintableTest {
  @Test
  void controlCharactersAreEscaped() {
    assertThat(Printable.line("a\u001b[2Jb\0c\u007fd\u009be")) // ESC and CSI, in both their forms
        .isEqualTo("a\\u001b[2Jb\\u0000c\\u007fd\\u009be");
  }

  @Test
  void lineBreaksOfAllKindsAreEscapedInALine() {
    assertThat(Printable.line("a\nb\r\nc\td\u0085e\u2028f\u2029g"))
        .isEqualTo("a\\nb\\r\\nc\\td\\u0085e\\u2028f\\u2029g");
  }

  @Test
  void marksOfDirectionAndInvisibleCharactersAreEscaped() {
    assertThat(Printable.line("\u202egnp.\u2066x\u2069\u200e\u200f\u061c\u200b\ufeff\u00ad"))
        .isEqualTo("\\u202egnp.\\u2066x\\u2069\\u200e\\u200f\\u061c\\u200b\\ufeff\\u00ad");
    assertThat(Printable.line("half of a pair: \ud83d")).isEqualTo("half of a pair: \\ud83d");
  }

  @Test
  void whatPeopleReadIsLeft() {
    String text = "Grüße, 日本語, שלום, می\u200cخواهم, 👩\u200d🚀, C:\\new\\table";
    assertThat(Printable.line(text)).isSameAs(text);
  }

  @Test
  void linesKeepTheirBreaksAndTabs() {
    assertThat(Printable.lines("a\r\n\tb\rc\u001b\n")).isEqualTo("a\n\tb\\rc\\u001b\n");
  }

  @Test
  void theMiddleOfALongMessageIsLeftOut() {
    String message = "begin " + "😀".repeat(2_000) + " end";
    assertThat(Printable.message(message))
        .startsWith("begin 😀")
        .endsWith("😀 end")
        .contains("😀 ... (3,")
        .contains(" characters left out) ... 😀")
        .hasSizeLessThan(1_000);
    assertThat(Printable.message("x".repeat(1_000))).isEqualTo("x".repeat(1_000));
  }

  @Test
  void valuesOfAFormatAreLines() {
    assertThat(Printable.format("%s: %,d%n", "a\nb", 1_000))
        .isEqualTo("a\\nb: 1,000%n".formatted());
  }
}
