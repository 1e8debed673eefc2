package dev.lorikeet.data;

import dev.lorikeet.models.Encoding;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.TextTokenizer;
import dev.lorikeet.torch.LorikeetException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Texts, or pairs of texts, with a class, several classes, or a number each. */
public final class SequenceEncoder extends TextEncoder {
  private final @Nullable Labels labels;
  private final ProblemType problemType;

  /**
   * An encoder.
   *
   * @param labels those that have ids; null for numbers, and for examples without labels
   * @param maxLength in tokens, special ones included; what is longer is cut
   */
  public SequenceEncoder(
      TextTokenizer tokenizer, @Nullable Labels labels, ProblemType problemType, int maxLength) {
    super(tokenizer, maxLength);
    this.labels = labels;
    this.problemType = problemType;
  }

  @Override
  protected EncodedExample encode(Example example, Encoding encoding) {
    mustHaveTokens(example, encoding);
    return switch (problemType) {
      case SINGLE_LABEL -> encoded(encoding, classOf(example), NO_TARGETS);
      case MULTI_LABEL -> encoded(encoding, NO_CLASSES, classesOf(example));
      case REGRESSION -> encoded(encoding, NO_CLASSES, numberOf(example));
    };
  }

  private long[] classOf(Example example) {
    return example.labels().isEmpty()
        ? NO_CLASSES
        : new long[] {Labels.given(labels).id(onlyLabel(example))};
  }

  private float[] classesOf(Example example) {
    return labels == null ? NO_TARGETS : multiHot(labels, example.labels());
  }

  private float[] numberOf(Example example) {
    return example.labels().isEmpty() ? NO_TARGETS : new float[] {number(onlyLabel(example))};
  }

  private String onlyLabel(Example example) {
    if (example.labels().size() > 1) {
      throw new LorikeetException(
          "an example has "
              + example.labels().size()
              + " labels, but "
              + problemType.id()
              + " takes one: for several, use "
              + ProblemType.MULTI_LABEL.id());
    }
    return example.labels().get(0);
  }

  private static float[] multiHot(Labels labels, List<String> held) {
    float[] targets = new float[labels.size()];
    held.forEach(label -> targets[labels.id(label)] = 1);
    return targets;
  }

  private static float number(String label) {
    if (!Cells.isNumber(label)) {
      throw new LorikeetException(
          "label \""
              + label
              + "\" is not a number: regression takes numbers that float32 can hold");
    }
    return Float.parseFloat(label.strip());
  }
}
