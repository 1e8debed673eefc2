package dev.lorikeet.tasks;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.Task;
import dev.lorikeet.tasks.answers.ClassAnswers;
import dev.lorikeet.tasks.answers.LabelSetAnswers;
import dev.lorikeet.tasks.answers.NumberAnswers;
import dev.lorikeet.tasks.answers.TagAnswers;
import dev.lorikeet.tasks.answers.TokenAnswers;
import dev.lorikeet.tasks.objectives.BinaryCrossEntropy;
import dev.lorikeet.tasks.objectives.CrossEntropy;
import dev.lorikeet.tasks.objectives.SquaredError;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.Answers;
import dev.lorikeet.training.Objective;
import dev.lorikeet.training.RegularizationConfig;
import dev.lorikeet.training.ScoringConfig;
import dev.lorikeet.training.TrainingTask;
import java.util.List;
import java.util.stream.IntStream;

/** The tasks of models' heads. */
public final class Tasks {
  private Tasks() {}

  /** What a model learns by its head. */
  public static TrainingTask of(Model model) {
    return new OfHead(model);
  }

  private record OfHead(Model model) implements TrainingTask {
    @Override
    public Objective objective(RegularizationConfig settings, List<EncodedExample> examples) {
      Task task = model.task();
      if (task == Task.CAUSAL_LM) {
        return CrossEntropy.ofNextTokens(model, settings);
      }
      if (task != null && task.isLanguageModel()) {
        return CrossEntropy.ofTokens(model, settings);
      }
      return switch (problemType()) {
        case SINGLE_LABEL -> CrossEntropy.ofClasses(model, settings, examples);
        case MULTI_LABEL -> new BinaryCrossEntropy(model, settings);
        case REGRESSION -> new SquaredError(model, settings);
      };
    }

    private ProblemType problemType() {
      return model.task() == Task.SEQUENCE_CLASSIFICATION
          ? model.config().problemType()
          : ProblemType.SINGLE_LABEL;
    }

    @Override
    public Answers answers(ScoringConfig config) {
      mustSuit(config);
      Task task = model.task();
      if (task != null && task.isLanguageModel()) {
        return new TokenAnswers();
      }
      List<String> names = names();
      if (task == Task.TOKEN_CLASSIFICATION) {
        return new TagAnswers(names, config.entityScheme());
      }
      return switch (problemType()) {
        case SINGLE_LABEL -> new ClassAnswers(names);
        case MULTI_LABEL -> new LabelSetAnswers(names, config.threshold());
        case REGRESSION -> new NumberAnswers();
      };
    }

    private void mustSuit(ScoringConfig config) {
      if (config.entityScheme() != null && model.task() != Task.TOKEN_CLASSIFICATION) {
        throw new UsageException(
            "entity_scheme is "
                + config.entityScheme()
                + ", and entities are scored for "
                + Task.TOKEN_CLASSIFICATION.id()
                + " only: leave it out");
      }
      if (config.threshold() != ScoringConfig.DEFAULT.threshold()
          && problemType() != ProblemType.MULTI_LABEL) {
        throw new UsageException(
            "threshold is "
                + config.threshold()
                + ", and the model does not answer with several labels a text: leave it out");
      }
    }

    /** The names of a model's classes, transformers' for those without. */
    private List<String> names() {
      List<String> names = model.config().labels();
      return names.isEmpty()
          ? IntStream.range(0, model.config().labelCount()).mapToObj(id -> "LABEL_" + id).toList()
          : names;
    }
  }
}
