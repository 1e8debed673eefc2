package dev.lorikeet.data;

import java.util.List;

/** Turns examples into what a model reads, and their labels into class ids or targets. */
public interface ExampleEncoder {

  /**
   * Encodes examples, in their order.
   *
   * @throws dev.lorikeet.torch.LorikeetException when an example is none for the model's task
   */
  List<EncodedExample> encode(List<Example> examples);

  /** What was cut off the examples encoded so far, as they were too long. */
  default Truncated truncated() {
    return Truncated.NOTHING;
  }

  /** How many of the examples encoded so far had nothing to learn and were left out. */
  default int silent() {
    return 0;
  }
}
