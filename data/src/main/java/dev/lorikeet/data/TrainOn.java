package dev.lorikeet.data;

import dev.lorikeet.torch.UsageException;

/** Which tokens of a chat, or of a prompt with its completion, a causal language model learns. */
public enum TrainOn {
  /** What the assistant says, with the token that ends its turn; of a prompt the completion. */
  ASSISTANT("assistant"),
  /** Everything. */
  ALL("all");

  private final String id;

  TrainOn(String id) {
    this.id = id;
  }

  /** The name that users type. */
  public String id() {
    return id;
  }

  /**
   * What users call {@code id}.
   *
   * @throws UsageException when there is no such thing
   */
  public static TrainOn of(String id) {
    for (TrainOn value : values()) {
      if (value.id.equals(id)) {
        return value;
      }
    }
    throw new UsageException("unknown train_on \"" + id + "\": use assistant or all");
  }
}
