package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lorikeet.cli.EmbeddedDefaults;
import dev.lorikeet.compare.FineTuning;
import dev.lorikeet.compare.FineTuningConfig;
import dev.lorikeet.compare.TextModel;
import dev.lorikeet.data.Example;
import dev.lorikeet.lora.LoraConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The README's example of library use: compiled, run, and the same in both places. */
class ReadmeLibraryTest {
  private static final Path SOURCE = Path.of("java/dev/lorikeet/endtoend/ReadmeLibraryTest.java");

  @BeforeAll
  static void importModel() {
    assertThat(Embedded.MODEL).as("the model that the example asks for").isDirectory();
  }

  @Test
  void exampleTrainsScoresSavesAndExports() throws IOException {
    // README:begin
    Path base = EmbeddedDefaults.miniLm(); // or the folder of any BERT checkpoint
    Path output = Files.createTempDirectory("topics");
    List<Example> examples =
        List.of(
            Example.of("a small bird with a red breast", "animal"),
            Example.of("a wild cat that hunts at night", "animal"),
            Example.of("a flat bread baked with cheese", "food"),
            Example.of("a sweet yellow fruit", "food"));
    FineTuningConfig config = FineTuningConfig.DEFAULT.withLora(LoraConfig.of(8, 16));
    try (TextModel model = new FineTuning(base, config).train(examples, List.of())) {
      System.out.println(model.evaluate(examples).metrics());
      System.out.println(model.predict(List.of(Example.of("a long thin fish"))).get(0).labels());
      model.save(output.resolve("adapter")); // a PEFT folder
      model.exportOnnx(output.resolve("onnx"), examples, 1e-4); // if ONNX Runtime agrees
    }
    // README:end
    assertThat(output.resolve("adapter/adapter_model.safetensors")).isNotEmptyFile();
    assertThat(output.resolve("onnx/model.onnx")).isNotEmptyFile();
    delete(output);
  }

  private static void delete(Path folder) throws IOException {
    try (var paths = Files.walk(folder)) {
      for (Path path : paths.sorted(java.util.Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }

  @Test
  void readmeHasTheVeryLines() throws IOException {
    for (String page : List.of("README.md", "docs/library.md")) {
      String text = Files.readString(Embedded.ROOT.resolve(page));
      assertThat(between(text, "```java\n", "```")).as(page).isEqualTo(example());
    }
  }

  private static String example() throws IOException {
    String source = Files.readString(SOURCE);
    String lines = between(source, "    // README:begin\n", "    // README:end\n");
    return lines.stripTrailing().stripIndent() + "\n";
  }

  private static String between(String text, String begin, String end) {
    int start = text.indexOf(begin) + begin.length();
    assertThat(text).contains(begin);
    return text.substring(start, text.indexOf(end, start));
  }
}
