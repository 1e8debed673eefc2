package dev.lorikeet.training;

import dev.lorikeet.data.EncodedExample;
import java.util.List;

/** What a model learns, and what is scored of it: the part of a task that training needs. */
public interface TrainingTask {
  /**
   * The loss as settings have it.
   *
   * @param examples whose classes are counted where weights are to be balanced
   * @throws dev.lorikeet.torch.UsageException when a setting is not for this task's labels
   */
  Objective objective(RegularizationConfig settings, List<EncodedExample> examples);

  /** The plain loss, by which models are compared. */
  default Objective objective() {
    return objective(RegularizationConfig.NONE, List.of());
  }

  /**
   * Collects what a model answers, to score it.
   *
   * @throws dev.lorikeet.torch.UsageException when a setting is not for this task
   */
  Answers answers(ScoringConfig config);
}
