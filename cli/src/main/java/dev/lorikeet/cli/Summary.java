package dev.lorikeet.cli;

import dev.lorikeet.compare.Comparison;
import dev.lorikeet.compare.FineTuning;
import dev.lorikeet.compare.FineTuningConfig;
import dev.lorikeet.compare.Regime;
import dev.lorikeet.compare.TextModel;
import dev.lorikeet.training.Evaluation;
import dev.lorikeet.training.TrainingConfig;
import dev.lorikeet.training.TrainingResult;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Set;

/** What people are told of a run before it begins and at its end. */
final class Summary {
  private Summary() {}

  /** The settings that people look at first; lorikeet.json has all of them. */
  static String settings(Recipe recipe) {
    FineTuningConfig config = recipe.config();
    TrainingConfig training = config.training();
    StringBuilder told = new StringBuilder(config.method());
    if (config.regime() == Regime.ADAPTER && config.adapter().json().has("r")) {
      told.append(" of rank ").append(config.adapter().json().path("r").asText());
    }
    told.append(" on ").append(recipe.model()).append(", ").append(config.task().id());
    told.append(String.format(Locale.ROOT, ", lr %s, ", training.lr()));
    told.append(
        training.maxSteps() > 0
            ? "at most " + training.maxSteps() + " steps"
            : training.epochs() + (training.epochs() == 1 ? " epoch" : " epochs"));
    return told.append(" of batches of ")
        .append(training.batchSize())
        .append(", texts of at most ")
        .append(config.maxLength())
        .append(" tokens, ")
        .append(config.precision().name().toLowerCase(Locale.ROOT))
        .append(" on ")
        .append(config.device().name())
        .append(" with ")
        .append(recipe.threads())
        .append(recipe.threads() == 1 ? " thread" : " threads")
        .append(", seed ")
        .append(training.seed())
        .toString();
  }

  /** What came out. */
  static String text(FineTuning tuning, TextModel tuned, Path output) {
    TrainingResult result = tuning.result();
    return new Comparison().add("", result).table()
        + kept(result)
        + created(tuned.model().newModules())
        + "written to "
        + output;
  }

  private static String kept(TrainingResult result) {
    Evaluation evaluation = result.evaluation();
    if (evaluation == null) {
      return "kept: the last step's weights, which were not evaluated\n";
    }
    boolean isLoss = evaluation.main().equals("loss");
    return String.format(
        Locale.ROOT,
        "kept: the weights after step %,d of %,d (epoch %d), %s %.4f%n",
        result.bestStep(),
        result.steps(),
        result.bestEpoch(),
        evaluation.main(),
        isLoss ? evaluation.loss() : evaluation.score());
  }

  private static String created(Set<String> modules) {
    return modules.isEmpty()
        ? ""
        : "new, since the checkpoint has no weights for them: " + String.join(", ", modules) + "\n";
  }
}
