package dev.lorikeet.tasks;

import dev.lorikeet.models.Model;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.ScoringConfig;
import java.util.List;
import java.util.stream.IntStream;

/** What tasks that score classes share. */
final class Scoring {
  private Scoring() {}

  /** Refuses a way of spelling entities where there are none. */
  static void mustHaveNoScheme(ScoringConfig config) {
    if (config.entityScheme() != null) {
      throw new UsageException(
          "entity_scheme is "
              + config.entityScheme()
              + ", and entities are scored for "
              + Tasks.TOKEN_CLASSIFICATION.id()
              + " only: leave it out");
    }
  }

  /** Refuses a threshold where a text has not any number of labels. */
  static void mustHaveNoThreshold(ScoringConfig config, ProblemType type) {
    if (config.threshold() != ScoringConfig.DEFAULT.threshold()
        && type != ProblemType.MULTI_LABEL) {
      throw new UsageException(
          "threshold is "
              + config.threshold()
              + ", and the model does not answer with several labels a text: leave it out");
    }
  }

  /** Refuses both. */
  static void mustBePlain(ScoringConfig config) {
    mustHaveNoScheme(config);
    mustHaveNoThreshold(config, ProblemType.SINGLE_LABEL);
  }

  /** The names of a model's classes, transformers' for those without. */
  static List<String> names(Model model) {
    List<String> names = model.config().labels();
    return names.isEmpty()
        ? IntStream.range(0, model.config().labelCount()).mapToObj(id -> "LABEL_" + id).toList()
        : names;
  }
}
