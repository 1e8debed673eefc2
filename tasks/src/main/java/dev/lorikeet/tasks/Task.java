package dev.lorikeet.tasks;

import dev.lorikeet.data.DataReader.Columns;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.data.ExampleEncoder;
import dev.lorikeet.data.RowFormat;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.TextTokenizer;
import dev.lorikeet.training.Answers;
import dev.lorikeet.training.Objective;
import dev.lorikeet.training.RegularizationConfig;
import dev.lorikeet.training.ScoringConfig;
import java.util.List;
import java.util.Map;

/**
 * What a model learns to do: the columns it reads, its head, its objective, what is scored of it. A
 * task is a file, and a line in {@code META-INF/services/dev.lorikeet.models.HeadType$Provider}; it
 * has no state, so any number of threads may share it.
 */
public interface Task extends HeadType.Provider {
  /** The name that users type. */
  default String id() {
    return headType().id();
  }

  /** Other names that users may type. */
  default List<String> aliases() {
    return List.of();
  }

  // ---- data ----

  /**
   * The columns that a data set has for it.
   *
   * @throws dev.lorikeet.torch.UsageException when it has no use for one that was named, or one is
   *     missing beside another
   */
  Columns columns(NamedColumns named);

  /** The names of columns under the keys by which {@link #columns} reads them, without labels. */
  Map<String, String> keys(Columns columns);

  /**
   * What a row of a data set holds, and what is made of it.
   *
   * @param type what labels are, where the task has problem types
   */
  RowFormat rows(ProblemType type);

  /**
   * What makes a model's input of examples of texts.
   *
   * @throws UnsupportedOperationException when it reads images
   */
  ExampleEncoder encoder(TextTokenizer tokenizer, EncoderSettings settings);

  /** Whether what it reads are images, and not texts. */
  default boolean readsImages() {
    return false;
  }

  /** Whether texts may come in pairs. */
  default boolean takesPairs() {
    return true;
  }

  /** Whether documents may lie one after the other in a row. */
  default boolean packs() {
    return false;
  }

  /** Whether the model may find the ends of texts by a padding token that it has not by itself. */
  default boolean takesPadToken() {
    return false;
  }

  // ---- labels ----

  /** Whether its labels stand beside the texts, and are not tokens of these. */
  default boolean hasLabels() {
    return !headType().isLanguageModel();
  }

  /** Whether its labels may be one class, several, or a number, as {@code problem_type} says. */
  default boolean hasProblemTypes() {
    return false;
  }

  /** Whether its labels are names of classes. */
  default boolean hasClasses(ProblemType type) {
    return hasLabels();
  }

  /** Whether each example has one class, so that data can be split evenly by it. */
  default boolean hasOneClass(ProblemType type) {
    return false;
  }

  // ---- learning ----

  /**
   * The loss as settings have it.
   *
   * @param examples whose classes are counted where weights are to be balanced
   * @throws dev.lorikeet.torch.UsageException when a setting is not for its labels
   */
  Objective objective(Model model, RegularizationConfig settings, List<EncodedExample> examples);

  /** Whether tokens are hidden for the model to find. */
  default boolean hidesTokens() {
    return false;
  }

  /** Whether chats are learned, and of them what {@code train_on} says. */
  default boolean learnsChats() {
    return false;
  }

  // ---- answers ----

  /**
   * Collects what a model answers, to score it.
   *
   * @throws dev.lorikeet.torch.UsageException when a setting is not for it
   */
  Answers answers(Model model, ScoringConfig config);

  /** Whether it answers with texts. */
  default boolean writes() {
    return false;
  }

  /** Whether it answers each word of a text. */
  default boolean answersWords() {
    return false;
  }
}
