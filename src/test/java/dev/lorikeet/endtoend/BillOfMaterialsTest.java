package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The CycloneDX bill of materials that Maven makes of all rooms. */
class BillOfMaterialsTest {
  private static final Path CLASS_PATH = Embedded.ROOT.resolve("cli/target/dependencies.classpath");
  private static final Path BILL = Embedded.ROOT.resolve("target/bom.json");

  /** Maven makes none offline, as licenses are looked up in the projects' descriptions. */
  @BeforeAll
  static void isMade() {
    assumeThat(BILL).exists();
  }

  @Test
  void billNamesEveryJarOfTheCommandLine() throws IOException {
    Set<String> billed = new TreeSet<>();
    for (JsonNode component : new ObjectMapper().readTree(BILL.toFile()).path("components")) {
      String jar = component.path("name").asText() + "-" + component.path("version").asText();
      assertThat(component.path("purl").asText()).as(jar).startsWith("pkg:maven/");
      billed.add(jar);
    }
    Set<String> used = new TreeSet<>();
    Stream.of(Files.readString(CLASS_PATH).strip().split(File.pathSeparator))
        .map(jar -> Path.of(jar).getFileName().toString())
        .map(jar -> jar.replaceFirst("(-(linux|osx|win)-[a-z0-9_]+)?\\.jar$", ""))
        .forEach(used::add);
    assertThat(billed).containsAll(used);
    assertThat(used).anyMatch(jar -> jar.startsWith("pytorch-native-cpu-"));
  }
}
