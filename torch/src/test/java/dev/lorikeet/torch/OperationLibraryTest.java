package dev.lorikeet.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("numeric")
class OperationLibraryTest {
  @Test
  void everyMethodOfTheLibraryIsCalledFromJavaOrAnother() {
    String callers =
        Stream.of(
                "Tensor.class",
                "Ops.class",
                "Updates.class",
                "MatrixKernel.class",
                "Torch.class",
                "ThreadGenerator.class")
            .map(OperationLibraryTest::resource)
            .collect(Collectors.joining());
    String library = resource("ops.py");
    List<String> methods =
        Pattern.compile("(?m)^def (\\w+)\\(self")
            .matcher(library)
            .results()
            .map((MatchResult match) -> match.group(1))
            .toList();
    assertThat(methods).hasSizeGreaterThan(60).doesNotHaveDuplicates();
    // A class file holds a string literal as its length, in two bytes, and its text.
    assertThat(methods)
        .allMatch(
            method ->
                callers.contains((char) method.length() + method)
                    || library.contains("self." + method + "("));
  }

  @Test
  void theEngineKnowsItsVersion() {
    assertThat(Torch.version()).matches("\\d+\\.\\d+\\.\\d+.*");
  }

  @Test
  void theEngineKnowsWhichKernelsItUses() {
    String asked = System.getenv("ATEN_CPU_CAPABILITY");
    if (asked == null) {
      assertThat(Torch.cpuCapability()).matches("[A-Z][A-Z0-9 ]+");
    } else if (asked.equals("default")) {
      assertThat(Torch.cpuCapability()).isIn("NO AVX", "DEFAULT"); // x86-64's name, and others'
    } else {
      assertThat(Torch.cpuCapability()).isEqualTo(asked.toUpperCase(Locale.ROOT));
    }
  }

  @Test
  void threadsAreAtLeastOne() {
    int before = Torch.threads();
    try {
      Torch.threads(1);
      assertThat(Torch.threads()).isEqualTo(1);
      assertThatThrownBy(() -> Torch.threads(0))
          .isInstanceOf(UsageException.class)
          .hasMessage("threads is 0: use at least 1");
    } finally {
      Torch.threads(before);
    }
  }

  private static String resource(String name) {
    try (InputStream in = Torch.class.getResourceAsStream(name)) {
      return new String(in.readAllBytes(), StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
