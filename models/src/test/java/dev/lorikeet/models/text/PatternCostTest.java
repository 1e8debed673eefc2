package dev.lorikeet.models.text;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.torch.LorikeetException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PatternCostTest {
  /** GPT-2, GPT-4 (cl100k), Llama 3 and Qwen, Llama 4 and GPT-4o (o200k), DeepSeek, CLIP, T5. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"
            + " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
        "[^\\r\\n\\p{L}\\p{N}]?((?=[\\p{L}])([^a-z]))*((?=[\\p{L}])([^A-Z]))+"
            + "(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*",
        "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*"
            + "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        "[\\r\\n]|\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿ]+|\\s?[!-/:-~！-／：-～‘-‟　-。]+|\\s+$|[一-龥ࠀ-一가-퟿]+",
        "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+",
        " {2,}",
        "\\s{2,}|[\\n\\r\\t]",
        " ?[^(\\s|[.,!?…。，、।۔،])]+",
        "",
        "(?<word>\\w+) ",
        "a{2}b{1,}c?",
      })
  void patternsOfWellKnownTokenizersAreAccepted(String pattern) {
    assertThatCode(() -> PatternCost.check(pattern)).doesNotThrowAnyException();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "(a+)+b; repeats a group that repeats or chooses",
        "(?:a|a)*b; repeats a group that repeats or chooses",
        "((a?)b?){2,}c; repeats a group that repeats or chooses",
        "(a*){30}; repeats a group that repeats or chooses",
        "a*a*b; has something that must match behind two loops",
        "a*(?:b|a*c)d; has something that must match behind two loops",
        "\\s*\\s*$; has something that must match behind two loops",
        "a{2}+; repeats a repetition",
        "a**; repeats a repetition",
        "(a)\\1; refers back to a group",
        "(?<x>a)\\k<x>; refers back to a group",
        "(?<x>a\\g<x>?); refers back to a group",
        "(?~ab); has a condition, an absence operator or a callout",
        "a{1,2000}; repeats something more than 1000 times",
      })
  void patternsThatCanTakeForEverAreRefused(String pattern, String why) {
    assertThatThrownBy(() -> PatternCost.check(pattern))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "the pattern \"" + pattern + "\" " + why + ", which can take for ever on a long text");
  }
}
