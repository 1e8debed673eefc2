package dev.lorikeet.adapters;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.models.Checkpoint;
import dev.lorikeet.models.JsonFile;
import dev.lorikeet.torch.LorikeetException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The base that an adapter was trained on, as {@code lorikeet.json} beside it says under {@code
 * base}. PEFT's own files have no place for it: its older versions refuse keys that they do not
 * know.
 *
 * @param path where it lay
 * @param sha256 of config.json and all its weights; empty where that is not known
 * @param fingerprint {@link Checkpoint#fingerprint}; empty where that is not known
 */
public record KnownBase(String path, String sha256, String fingerprint) {
  /** The file that says it. */
  public static final String FILE = "lorikeet.json";

  private static final String KEY = "base";

  /** A checkpoint as a base; every byte of it is read. */
  public static KnownBase of(Checkpoint checkpoint) {
    return new KnownBase(
        checkpoint.folder().toString(), checkpoint.sha256(), checkpoint.fingerprint());
  }

  /** What a folder says, which is nothing where another program wrote it. */
  static KnownBase read(Path folder) {
    Path file = folder.resolve(FILE);
    JsonNode json = Files.exists(file) ? JsonFile.read(file).path(KEY) : MissingNode.getInstance();
    return new KnownBase(text(json, "path"), text(json, "sha256"), text(json, "fingerprint"));
  }

  private static String text(JsonNode json, String key) {
    return json.path(key).asText("");
  }

  /** Writes what {@link #read} reads. */
  public void write(ObjectNode json) {
    json.putObject(KEY).put("path", path).put("sha256", sha256).put("fingerprint", fingerprint);
  }

  /**
   * Checks that a checkpoint has the weights that the adapter was made for, if they are known.
   *
   * @param adapter for the message
   */
  void mustBe(Checkpoint checkpoint, Path adapter) {
    if (fingerprint.isEmpty()) {
      return;
    }
    String found = checkpoint.fingerprint();
    if (!found.equals(fingerprint)) {
      throw new LorikeetException(
          adapter
              + " was trained on other weights than those of "
              + checkpoint.folder()
              + ": on "
              + path
              + ", fingerprint "
              + brief(fingerprint)
              + ", and these have "
              + brief(found)
              + ": give that base, or --any-base to use this one all the same");
    }
  }

  private static String brief(String hash) {
    return hash.substring(0, Math.min(12, hash.length()));
  }
}
