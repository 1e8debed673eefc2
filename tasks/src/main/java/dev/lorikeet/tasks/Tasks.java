package dev.lorikeet.tasks;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.Model;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.Answers;
import dev.lorikeet.training.Objective;
import dev.lorikeet.training.RegularizationConfig;
import dev.lorikeet.training.ScoringConfig;
import dev.lorikeet.training.TrainingTask;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.Collectors;

/** The tasks that there are: those below, and what else the class path has as a service. */
public final class Tasks {
  /** A class, any number of classes, or a number for a text or a pair of texts. */
  public static final Task SEQUENCE_CLASSIFICATION = new SequenceClassification();

  /** A class for each word. */
  public static final Task TOKEN_CLASSIFICATION = new TokenClassification();

  /** Hidden tokens. */
  public static final Task MASKED_LM = new MaskedLanguageModel();

  /** The next token. */
  public static final Task CAUSAL_LM = new CausalLanguageModel();

  /** The next token of a text's answer. */
  public static final Task SEQ_2_SEQ_LM = new SequenceToSequence();

  /** A class for a picture. */
  public static final Task IMAGE_CLASSIFICATION = new ImageClassification();

  /** What is learned unless somebody says otherwise. */
  public static final Task DEFAULT = SEQUENCE_CLASSIFICATION;

  private static final List<Task> ALL = found();

  private Tasks() {}

  private static List<Task> found() {
    List<Task> tasks =
        new ArrayList<>(
            List.of(
                SEQUENCE_CLASSIFICATION,
                TOKEN_CLASSIFICATION,
                MASKED_LM,
                CAUSAL_LM,
                SEQ_2_SEQ_LM,
                IMAGE_CLASSIFICATION));
    ServiceLoader.load(HeadType.Provider.class, Tasks.class.getClassLoader()).stream()
        .map(ServiceLoader.Provider::get)
        .filter(Task.class::isInstance)
        .map(Task.class::cast)
        .forEach(tasks::add);
    return Collections.unmodifiableList(tasks);
  }

  /** All tasks. */
  public static List<Task> all() {
    return ALL;
  }

  /**
   * The task that users call {@code id}.
   *
   * @throws UsageException when there is none, listing those there are
   */
  public static Task named(String id) {
    return ALL.stream()
        .filter(task -> task.id().equals(id) || task.aliases().contains(id))
        .findFirst()
        .orElseThrow(
            () ->
                new UsageException(
                    "unknown task \""
                        + id
                        + "\": use "
                        + ALL.stream().map(Task::id).collect(Collectors.joining(", "))));
  }

  /** The task of a kind of head. */
  public static Task of(HeadType head) {
    return ALL.stream()
        .filter(task -> task.headType().equals(head))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("no task has the head " + head.id()));
  }

  /**
   * What a model learns by its head.
   *
   * @throws UsageException when the model has none
   */
  public static TrainingTask of(Model model) {
    HeadType head = model.headType();
    if (head == null) {
      throw new UsageException("the model has no head: choose a task");
    }
    return new OfModel(model, of(head));
  }

  private record OfModel(Model model, Task task) implements TrainingTask {
    @Override
    public Objective objective(RegularizationConfig settings, List<EncodedExample> examples) {
      return task.objective(model, settings, examples);
    }

    @Override
    public Answers answers(ScoringConfig config) {
      return task.answers(model, config);
    }
  }
}
