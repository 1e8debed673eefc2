package dev.lorikeet.cli;

import java.nio.file.Path;

/** The embedded default model, for scripts. */
public final class EmbeddedDefaults {
  private EmbeddedDefaults() {}

  /**
   * The folder of all-MiniLM-L6-v2 (Apache-2.0) as a Hugging Face checkpoint, in Lorikeet's cache;
   * converted from the ONNX file that Maven brings when it is not there yet.
   */
  public static Path miniLm() {
    return MiniLm.cached(message -> {});
  }
}
