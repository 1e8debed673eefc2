package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.compare.TextModel;
import dev.lorikeet.data.Truncated;

/** Says what was cut off texts that are too long for the model, or for {@code --max-length}. */
final class Truncation {
  private Truncation() {}

  /**
   * Tells, once, what of all texts that a model was given was cut off.
   *
   * @param texts how many there were
   */
  static void tell(TextModel model, int texts, Console console) {
    if (model.truncated().texts() > 0) {
      console.say(model.truncated().sentence(texts, "texts", model.maxLength()));
    }
  }

  /**
   * Adds {@code truncated_texts} and {@code truncated_labels}.
   *
   * @param prefix of the keys
   */
  static void put(ObjectNode json, String prefix, Truncated truncated) {
    json.put(prefix + "truncated_texts", truncated.texts());
    json.put(prefix + "truncated_labels", truncated.labels());
  }
}
