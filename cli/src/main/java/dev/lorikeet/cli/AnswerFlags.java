package dev.lorikeet.cli;

import dev.lorikeet.compare.TextModel;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.torch.UsageException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The flags that say how much of an answer is told. */
final class AnswerFlags {
  private static final int CANDIDATES = 5;
  private static final double HALF = 0.5;

  @Option(
      names = "--top-k",
      paramLabel = "N",
      description =
          "How many labels are told, the likeliest first: all, unless given; of masked language"
              + " models, candidates for a mask: 5.")
  private @Nullable Integer topK;

  @Option(
      names = "--threshold",
      paramLabel = "P",
      description = "For several labels: those above this probability are answered; 0.5.")
  private @Nullable Double threshold;

  /**
   * How a model's answers are told.
   *
   * @throws UsageException when a flag is not for its task
   */
  Answering on(TextModel model) {
    boolean sequence = model.task().hasProblemTypes();
    ProblemType type = sequence ? model.model().config().problemType() : ProblemType.SINGLE_LABEL;
    if (topK != null && topK < 1) {
      throw new UsageException("--top-k is " + topK + ": use at least 1");
    }
    if (topK != null && type == ProblemType.REGRESSION) {
      throw new UsageException("--top-k is for labels, and this model answers with a number");
    }
    if (threshold != null && type != ProblemType.MULTI_LABEL) {
      throw new UsageException(
          "--threshold is for several labels a text, this is " + description(model, type));
    }
    if (threshold != null && !(threshold >= 0 && threshold <= 1)) {
      throw new UsageException("--threshold is " + threshold + ": use a probability, 0 to 1");
    }
    if (model.task().hidesTokens()) {
      return new MaskAnswering(model, topK == null ? CANDIDATES : topK);
    }
    return new LabelAnswering(model, type, topK, threshold == null ? HALF : threshold);
  }

  private static String description(TextModel model, ProblemType type) {
    return model.task().hasProblemTypes() ? type.id() : model.task().id();
  }
}
