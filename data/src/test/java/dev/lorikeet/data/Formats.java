package dev.lorikeet.data;

import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.ProblemType;

/** The formats of rows that models with a kind of head learn from. */
public final class Formats {
  private Formats() {}

  public static RowFormat of(HeadType head, ProblemType type) {
    String id = head.id();
    return switch (head.reads()) {
      case TOKENS -> new WordFormat(id);
      case MASKED_TOKENS -> TextFormat.unlabelled(id);
      case TOKENS_BEFORE -> new DocumentFormat(id);
      case DECODER -> new TargetFormat(id);
      case TEXT ->
          head.equals(HeadType.IMAGE_CLASSIFICATION)
              ? new ImageFormat(id, type)
              : TextFormat.labelled(id, type);
    };
  }
}
