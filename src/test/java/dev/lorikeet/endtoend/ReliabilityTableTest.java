package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The tests that docs/reliability.md names are there. */
class ReliabilityTableTest {
  private static final Path PAGE = Embedded.ROOT.resolve("docs/reliability.md");

  /** {@code SomeTest}, {@code SomeTest#method}, or {@code #method} of the class named before. */
  private static final Pattern TEST = Pattern.compile("`([A-Z]\\w+(?:Test|Run))?(?:#(\\w+))?`");

  @Test
  void everyTestThatThePageNamesIsThere() throws IOException {
    List<Path> sources = sources();
    List<String> missing = new ArrayList<>();
    int named = 0;
    for (String line : Files.readAllLines(PAGE)) {
      if (!line.startsWith("| ")) {
        continue;
      }
      String cell = line.substring(line.lastIndexOf('|', line.length() - 2));
      String source = "";
      for (Matcher test = TEST.matcher(cell); test.find(); named++) {
        source = test.group(1) == null ? source : source(sources, test.group(1));
        String method = test.group(2);
        if (source.isEmpty() || (method != null && !source.contains(method + "("))) {
          missing.add(test.group());
        }
      }
    }
    assertThat(missing).isEmpty();
    assertThat(named).isGreaterThan(80);
  }

  /** The text of a test class; empty where there is none. */
  private static String source(List<Path> sources, String name) throws IOException {
    for (Path path : sources) {
      if (path.endsWith(name + ".java")) {
        return Files.readString(path);
      }
    }
    return "";
  }

  private static List<Path> sources() throws IOException {
    try (Stream<Path> paths = Files.walk(Embedded.ROOT)) {
      return paths
          .filter(path -> path.toString().endsWith(".java") && !path.toString().contains("target"))
          .toList();
    }
  }
}
