package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.adapters.AdapterMethods;
import dev.lorikeet.models.FileHash;
import dev.lorikeet.torch.UsageException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.StringJoiner;

/**
 * An adapter that a run goes on from: its weights are the start, its method and shape stay, and
 * what else its run knew (base, task, columns, length) holds where the user says nothing else.
 */
record TrainedAdapter(AdapterFolder adapter, JsonNode settings) {
  private static final List<String> READ =
      List.of("text", "text_pair", "messages", "prompt", "completion", "target", "image");

  static TrainedAdapter open(String typed, PrintWriter messages) {
    Path folder = Folders.adapter(typed, messages);
    TrainedAdapter opened =
        new TrainedAdapter(AdapterFolder.open(folder), Bases.record(folder).path("settings"));
    opened.mustTrainOn();
    return opened;
  }

  Path folder() {
    return adapter.folder();
  }

  private String method() {
    return AdapterMethods.ofType(adapter.config().peftType()).orElseThrow().id();
  }

  private void mustTrainOn() {
    JsonNode json = adapter.json();
    String reason =
        method().equals("adalora")
            ? "its ranks were shared out at the end of its run"
            : method().equals("ptuning") || json.path("prefix_projection").asBoolean()
                ? "the network that made its vectors was not saved"
                : null;
    if (reason != null) {
      throw new UsageException(
          folder() + " is of method " + method() + ", which cannot be trained on: " + reason);
    }
  }

  /**
   * Fills in what a recipe does not say.
   *
   * @throws UsageException when it says that method, shape or task be others
   */
  void complete(ObjectNode recipe, PrintWriter messages) {
    mustAgree("method", recipe.path("method"), method());
    recipe.put("method", method());
    JsonNode shape = adapter.json();
    recipe
        .path("adapter")
        .properties()
        .forEach(
            e -> mustAgree("adapter." + e.getKey(), e.getValue(), text(shape.path(e.getKey()))));
    recipe.remove("adapter");
    for (String key : List.of("task", "problem_type", "pad_token")) {
      if (settings.has(key)) {
        mustAgree(key, recipe.path(key), settings.path(key).asText());
        recipe.set(key, settings.path(key));
      }
    }
    if (!recipe.hasNonNull("model")) {
      recipe.put("model", Bases.of(folder(), messages).toString());
    }
    completeData(recipe.withObjectProperty("data"));
  }

  private void completeData(ObjectNode data) {
    JsonNode known = settings.path("data");
    boolean isAnyRead = READ.stream().anyMatch(data::hasNonNull);
    known
        .properties()
        .forEach(
            entry -> {
              String key = entry.getKey();
              boolean other = key.equals("train") || key.equals("eval") || key.equals("on_bad_row");
              if (!other && !data.hasNonNull(key) && !(isAnyRead && READ.contains(key))) {
                data.set(key, entry.getValue());
              }
            });
  }

  private void mustAgree(String key, JsonNode asked, String held) {
    if (!asked.isMissingNode() && !asked.isNull() && !text(asked).equals(held)) {
      throw new UsageException(
          (key + " is " + text(asked) + ", and the adapter that is trained on, " + folder())
              + (", has " + (held.isEmpty() ? "none" : held) + ": leave it out"));
    }
  }

  /** As users type it. */
  private static String text(JsonNode value) {
    if (value.isArray()) {
      StringJoiner joined = new StringJoiner(",");
      value.forEach(element -> joined.add(element.asText()));
      return joined.toString();
    }
    if (value.isNumber() && value.doubleValue() == Math.rint(value.doubleValue())) {
      return String.format(Locale.ROOT, "%.0f", value.doubleValue());
    }
    return value.isObject() ? value.toString() : value.asText();
  }

  /** The recipe with the adapter's own settings. */
  Recipe in(Recipe recipe) {
    return recipe.withConfig(recipe.config().withAdapter(adapter.config()));
  }

  /** Tells what the run is, beside the one before it. */
  String told(Recipe recipe) {
    int before = settings.path("training").path("epochs").asInt();
    int epochs = recipe.config().training().epochs();
    return "going on from "
        + folder()
        + (before > 0 ? ", which was trained for " + count(before) : "")
        + ": a new run of "
        + count(epochs)
        + (before > 0 ? " more" : "")
        + " from its weights; optimizer and schedule begin anew";
  }

  private static String count(int epochs) {
    return epochs == 1 ? "1 epoch" : epochs + " epochs";
  }

  /** What {@code lorikeet.json} says of where a run began. */
  void write(ObjectNode record) {
    record
        .putObject("start")
        .put("path", folder().toString())
        .put("sha256", FileHash.sha256(folder().resolve(AdapterFolder.WEIGHTS)));
  }
}
