package dev.lorikeet.data;

import dev.lorikeet.models.ImageProcessor;
import dev.lorikeet.torch.LorikeetException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Turns labelled pictures into class ids; the pictures themselves are read batch by batch. */
public final class ImageEncoder implements ExampleEncoder {
  private static final int[] NO_TOKENS = {};
  private static final long[] NO_CLASSES = {};
  private static final float[] NO_TARGETS = {};

  private final ImageProcessor processor;
  private final int tokens;
  private final @Nullable Labels labels;

  /**
   * An encoder.
   *
   * @param tokens what the model makes of a picture: patches, and what stands before them
   * @param labels the labels that have ids; null where the examples have none
   */
  public ImageEncoder(ImageProcessor processor, int tokens, @Nullable Labels labels) {
    this.processor = processor;
    this.tokens = tokens;
    this.labels = labels;
  }

  /**
   * Encodes examples, in their order.
   *
   * @throws LorikeetException when a label is unknown, or an example has several
   * @throws IllegalArgumentException when an example has no image
   */
  @Override
  public List<EncodedExample> encode(List<Example> examples) {
    return examples.stream().map(this::encode).toList();
  }

  private EncodedExample encode(Example example) {
    if (example.image() == null) {
      throw new IllegalArgumentException("an example without image: make it by Example.ofImage");
    }
    ImageFile image = new ImageFile(example.image(), processor, tokens);
    return new EncodedExample(NO_TOKENS, NO_TOKENS, classes(example), NO_TARGETS, image, NO_TOKENS);
  }

  private long[] classes(Example example) {
    if (example.labels().size() > 1) {
      throw new LorikeetException(
          example.text() + " has " + example.labels().size() + " labels: a picture takes one");
    }
    if (example.labels().isEmpty()) {
      return NO_CLASSES;
    }
    if (labels == null) {
      throw new IllegalStateException("the examples have labels, but the encoder was given none");
    }
    return new long[] {labels.id(example.labels().get(0))};
  }
}
