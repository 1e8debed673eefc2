package dev.lorikeet.fuzz;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Damage of texts that people write, by their words and lines: left out, repeated, exchanged, and
 * put in from a list of those that mean something there.
 */
final class TextDamage implements Mutation {
  private static final Pattern WORDS = Pattern.compile("\\w+|[^\\S\\n]+|\\n|[^\\w\\s]");
  private static final int MOST_CHANGES = 4;
  private static final int LONGEST_RUN = 12;
  private static final int LONGEST_REPEAT = 1 << 18;

  private static final String[] JINJA = {
    "{%",
    "%}",
    "{{",
    "}}",
    "{#",
    "#}",
    "-%}",
    "{%-",
    "for",
    "in",
    "if",
    "else",
    "elif",
    "endif",
    "endfor",
    "endmacro",
    "macro m(x)",
    "m(m)",
    "set",
    "set x = x + x",
    "range(100000)",
    "range(2147483647)",
    "range(0, 5, 0)",
    "[1] * 2000000000",
    "'x' * 2000000000",
    "3 ** 2000000000",
    "2147483648",
    "-1",
    "9223372036854775807",
    "9223372036854775808",
    "1e400",
    "1/0",
    "1 // 0",
    "1 % 0",
    "namespace()",
    "loop.index",
    "loop(x)",
    "recursive",
    "messages",
    "message['role']",
    "none",
    "None",
    "true",
    "|",
    "tojson",
    "length",
    "trim",
    "join",
    "items()",
    "split('')",
    "replace('', 'xx')",
    "raise_exception('\u001b[2J')",
    "raise_exception",
    "is defined",
    "is mapping",
    "not",
    "and",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "~",
    "+",
    "*",
    "==",
    ".",
    ",",
    ":",
    "[::-1]",
    "[::0]",
    "[0:9999999999]",
    "''",
    "\"",
    "\\",
    "strftime_now('%Y')",
    "strftime_now('%')",
    "generation",
    "endgeneration",
    "{{ '%c' % 1114112 }}",
    "|indent(2000000000)",
    "|batch(0)",
    "|default(m)",
    "self",
    "include 'x'",
    "extends 'x'",
    "import 'x' as y",
    "call",
    "filter",
    "block b",
    "raw",
    "\u0000"
  };

  /** What is well formed, and should end soon all the same. */
  private static final String[] JINJA_STATEMENTS = {
    "{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}",
    "{% macro m(x) %}{{ m(x) }}{% endmacro %}{{ m(1) }}",
    "{% set x = namespace(s='ab') %}{% for i in range(60) %}{% set x.s = x.s + x.s %}{% endfor %}{{ x.s }}",
    "{{ [1] * 2000000000 }}",
    "{{ 'ab' * 2000000000 }}",
    "{{ 3 ** 2000000000 }}",
    "{{ 3 ** 3 ** 3 ** 3 ** 3 }}",
    "{{ 'x' | indent(2000000000) }}",
    "{{ 'x' | center(2000000000) }}",
    "{{ '%2000000000d' % 1 }}",
    "{{ range(0, 9223372036854775807) | list | length }}",
    "{{ messages | tojson(indent=2000000000) }}",
    "{{ 9223372036854775807 + 1 }}{{ -9223372036854775808 // -1 }}",
    "{{ messages[9223372036854775808] }}{{ messages[0:99999999999:0] }}",
    "{{ 1 / 0 }}{{ 1 % 0 }}{{ 1e308 * 10 }}{{ (0.0).x.y }}",
    "{{ 'a'.replace('', 'b' * 100000) }}",
    "{% set ns = namespace() %}{% set ns.ns = ns %}{{ ns }}",
    "{{ messages | map(attribute='role') | join('\u001b[2J') }}",
    "{{ raise_exception('\u001b[2J' * 5000) }}",
    "{{ not_there.role }}{{ none + 1 }}{{ {} < [] }}",
    "{{ messages | sort(attribute='content') | first | dictsort }}",
    "{{ strftime_now('%Q') }}{{ 'x'.format(1, 2) }}{{ '{99}'.format(1) }}",
    "{{ " + "(".repeat(5_000) + ")".repeat(5_000) + " }}",
    "{{ " + "not ".repeat(5_000) + "x }}",
    "{{ " + "[".repeat(5_000) + "]".repeat(5_000) + " }}",
    "{% if x %}".repeat(3_000) + "{% endif %}".repeat(3_000),
    "{% for m in messages recursive %}{{ loop(messages) }}{% endfor %}",
    "{{ 'x' | " + "upper | ".repeat(5_000) + "lower }}"
  };

  private static final String[] YAML = {
    ":",
    ": ",
    "-",
    "- ",
    "\t",
    "  ",
    "\n",
    "{",
    "}",
    "[",
    "]",
    ",",
    "&a",
    "*a",
    "<<: *a",
    "!!",
    "!!int",
    "!!python/x",
    "!!java.net.URL",
    "|",
    ">",
    "'",
    "\"",
    "#",
    "null",
    "~",
    "true",
    "yes",
    "NaN",
    ".nan",
    ".inf",
    "-.inf",
    "1e400",
    "0",
    "-1",
    "1.5",
    "2147483648",
    "9223372036854775808",
    "1e-320",
    "---",
    "...",
    "%YAML 9.9",
    "@x",
    "`",
    "? x",
    "\u001b[2J",
    "\u0000",
    "lora",
    "adalora",
    "ia3",
    "vera",
    "oft",
    "prompt",
    "ptuning",
    "prefix",
    "full",
    "probe",
    "scratch",
    "bfloat16",
    "all-linear",
    "(a+)+$",
    "../..",
    "''",
    "epochs: 1e9",
    "max_steps: -1",
    "regression",
    "token-classification",
    "causal-lm",
    "masked-lm",
    "seq2seq-lm",
    "image-classification",
    "r: 0",
    "x0",
    "x-1",
    "rank_pattern: {a: 1}",
    "modules_to_save: [x]",
    "report_to: mlflow",
    "packing: true",
    "init_lora_weights: pissa"
  };

  private static final String[] DATA = {
    ",",
    ";",
    "\t",
    "\"",
    "\"\"",
    "'",
    "\n",
    "\r\n",
    "\r",
    "\u0000",
    "\ufeff",
    "\ufffd",
    "{",
    "}",
    "[",
    "]",
    ":",
    "null",
    "NaN",
    "1e400",
    "-1",
    "0",
    "1.5",
    "9223372036854775808",
    "true",
    "[[]]",
    "{\"a\": 1}",
    "[0, 1]",
    "\u001b[2J",
    "\u202e",
    "\\",
    "\\u0000",
    "\\ud800",
    "text",
    "label",
    "\"text\"",
    "\"label\"",
    "\"text\": \"\"",
    "\ud83d\ude00",
    "e\u0301",
    "\u200b",
    "x0001"
  };

  private final String[] words;

  private TextDamage(String[] words) {
    this.words = words;
  }

  /** Words of templates, or whole statements put in, of which some have no end. */
  static Mutation jinja() {
    TextDamage words = new TextDamage(JINJA);
    return (original, random) ->
        random.nextInt(3) == 0 ? words.apply(original, random) : withStatement(original, random);
  }

  private static byte[] withStatement(byte[] original, Random random) {
    String text = new String(original, StandardCharsets.UTF_8);
    List<Integer> places = new ArrayList<>(List.of(0, text.length()));
    Matcher matcher = Pattern.compile("[%}]\\}(?=\\{[{%])|\\n").matcher(text);
    while (matcher.find()) {
      places.add(matcher.end());
    }
    int at = places.get(random.nextInt(places.size()));
    String statement = JINJA_STATEMENTS[random.nextInt(JINJA_STATEMENTS.length)];
    if (random.nextBoolean()) { // numbers of the template itself
      String number =
          new String[] {"0", "-1", "2147483648", "9223372036854775808", "1e400"}[random.nextInt(5)];
      text = text.replaceFirst("\\b\\d+\\b", number);
      at = Math.min(at, text.length());
    }
    return (text.substring(0, at) + statement + text.substring(at))
        .getBytes(StandardCharsets.UTF_8);
  }

  static TextDamage yaml() {
    return new TextDamage(YAML);
  }

  static TextDamage data() {
    return new TextDamage(DATA);
  }

  @Override
  public byte[] apply(byte[] original, Random random) {
    return damaged(new String(original, StandardCharsets.UTF_8), random)
        .getBytes(StandardCharsets.UTF_8);
  }

  String damaged(String text, Random random) {
    List<String> parts = new ArrayList<>();
    Matcher matcher = WORDS.matcher(text);
    while (matcher.find()) {
      parts.add(matcher.group());
    }
    int changes = 1 + random.nextInt(MOST_CHANGES);
    for (int i = 0; i < changes; i++) {
      change(parts, random);
    }
    return String.join("", parts);
  }

  private void change(List<String> parts, Random random) {
    int at = random.nextInt(parts.size() + 1);
    String word = words[random.nextInt(words.length)];
    List<String> run =
        new ArrayList<>(
            parts.subList(at, Math.min(parts.size(), at + 1 + random.nextInt(LONGEST_RUN))));
    switch (random.nextInt(9)) {
      case 0, 1 -> parts.add(at, word);
      case 2, 3 -> parts.addAll(at, Arrays.asList(" ", word, " "));
      case 4 -> parts.subList(at, at + run.size()).clear();
      case 5 -> parts.addAll(random.nextInt(parts.size() + 1), run);
      case 6 -> parts.add(at, repeated(String.join("", run), 1 << random.nextInt(12)));
      default -> {
        if (at < parts.size()) {
          parts.set(at, word);
        }
      }
    }
  }

  /** So often, or as often as leaves a file that is read within seconds. */
  private static String repeated(String text, int times) {
    return text.repeat(Math.max(1, Math.min(times, LONGEST_REPEAT / Math.max(1, text.length()))));
  }
}
