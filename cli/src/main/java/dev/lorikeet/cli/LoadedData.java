package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.data.DataReader;
import dev.lorikeet.data.DataReader.DataSet;
import dev.lorikeet.data.EvalSplit;
import dev.lorikeet.data.Example;
import dev.lorikeet.data.Labels;
import dev.lorikeet.models.FileHash;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Printable;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A run's examples, read, and what to keep of where they came from.
 *
 * @param labels all labels in the order of their ids, where the data say them; else empty
 */
record LoadedData(List<Example> train, List<Example> eval, List<String> labels, ObjectNode json) {

  /**
   * Reads both data sets; rows that were skipped are told.
   *
   * @param model the checkpoint's folder, whose config.json may name the labels of vectors
   * @param learned the labels that the model tells apart already; null where the training data say
   * @throws LorikeetException at a label that training does not know, naming file and line
   */
  static LoadedData read(Recipe recipe, Path model, @Nullable Labels learned, Console console) {
    Reading reading = new Reading(recipe, console, JsonNodeFactory.instance.objectNode());
    DataSet train = named(reading.set(recipe.data().train(), "train"), model);
    mustBeClasses(recipe, train);
    if (learned != null) {
      mustKnow(learned, train.examples(), recipe.data().train(), recipe);
    }
    Double fraction = recipe.data().evalFraction();
    if (fraction != null) {
      return split(recipe, train, fraction, reading.json);
    }
    String evalSource = recipe.data().eval();
    List<Example> eval =
        evalSource == null ? List.of() : like(train, reading.set(evalSource, "eval")).examples();
    if (evalSource != null && hasClasses(recipe)) {
      mustKnow(learned == null ? labels(train) : learned, eval, evalSource, recipe);
    }
    return new LoadedData(train.examples(), eval, train.labels(), reading.json);
  }

  private static Labels labels(DataSet train) {
    return train.labels().isEmpty()
        ? Labels.discover(train.examples())
        : new Labels(train.labels());
  }

  private static void mustKnow(Labels known, List<Example> examples, String source, Recipe recipe) {
    if (hasClasses(recipe)) {
      UnseenLabels.check(
          examples,
          known,
          source,
          recipe.data().columns(),
          recipe.config().task(),
          recipe.config().problemType());
    }
  }

  private static boolean hasClasses(Recipe recipe) {
    return recipe.config().task().hasClasses(recipe.config().problemType());
  }

  private static LoadedData split(Recipe recipe, DataSet set, double fraction, ObjectNode json) {
    boolean byLabel = recipe.config().task().hasOneClass(recipe.config().problemType());
    EvalSplit split =
        EvalSplit.of(set.examples(), fraction, byLabel, recipe.config().training().seed());
    ((ObjectNode) json.path("train")).put("examples", split.train().size());
    json.putObject("eval")
        .put("source", recipe.data().train())
        .put("fraction", fraction)
        .put("examples", split.held().size());
    return new LoadedData(split.train(), split.held(), set.labels(), json);
  }

  /** The vectors of the one get the names of the other's. */
  private static DataSet like(DataSet train, DataSet eval) {
    return train.labels().isEmpty() ? eval : eval.named(train.labels());
  }

  /** With the names that config.json has for the places of vectors, where it has as many. */
  private static DataSet named(DataSet set, Path model) {
    if (!set.vectors()) {
      return set;
    }
    List<String> names = ModelConfig.read(model).labels();
    return names.size() == set.labels().size() ? set.named(names) : set;
  }

  private static void mustBeClasses(Recipe recipe, DataSet train) {
    String column = recipe.data().columns().label();
    if (recipe.config().task().hasProblemTypes()
        && recipe.config().task().hasOneClass(recipe.config().problemType())
        && !recipe.data().saysProblemType()
        && column != null) {
      Labels.mustBeClasses(recipe.data().train(), column, train.examples());
    }
  }

  /** Reads sources, and writes down what they are. */
  private record Reading(Recipe recipe, Console console, ObjectNode json) {
    DataSet set(String source, String role) {
      DataSet set =
          DataReader.read(
              source,
              recipe.data().columns(),
              recipe.config().task().rows(recipe.config().problemType()),
              recipe.data().onBadRow());
      tellSkipped(set, source, console);
      ObjectNode entry = json.putObject(role).put("source", source);
      Path file = DataReader.file(source);
      if (file != null) {
        entry.put("sha256", FileHash.sha256(file));
      }
      entry.put("examples", set.examples().size()).put("skipped", set.skipped());
      return set;
    }
  }

  static void tellSkipped(DataSet set, String source, Console console) {
    tellSkipped(set.skipped(), set.reports(), source, console);
  }

  /** Tells how many rows were skipped, and what is wrong with the first of them. */
  static void tellSkipped(int skipped, List<String> reports, String source, Console console) {
    if (skipped > 0) {
      console.say(source + ": skipped " + skipped + " malformed rows, the first of them:");
      reports.forEach(report -> console.say("  " + Printable.message(report)));
    }
  }
}
