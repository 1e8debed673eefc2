package dev.lorikeet.cli;

import dev.lorikeet.data.Example;
import java.util.List;

/** Asks a model, and tells its answers. */
interface Answering {
  /** The answers, in the order of the examples. */
  List<Answer> of(List<Example> examples);

  /**
   * Checks that an example can be answered.
   *
   * @throws dev.lorikeet.torch.LorikeetException when it cannot
   */
  default void mustAnswer(Example example) {}
}
