package dev.lorikeet.training;

import dev.lorikeet.data.Batch;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.OutOfMemory;
import java.util.function.Consumer;

/**
 * How many positions go through a model at once; fewer where they turn out not to fit in memory.
 */
final class PartLimit {
  private final Consumer<String> remarks;
  private int maxTokens;

  /**
   * A limit.
   *
   * @param maxTokens at most so many positions a part, but at least one row
   * @param remarks hears when a part did not fit in memory
   */
  PartLimit(int maxTokens, Consumer<String> remarks) {
    this.maxTokens = maxTokens;
    this.remarks = remarks;
  }

  int maxTokens() {
    return maxTokens;
  }

  /**
   * Lowers the limit to half of a part that was too large.
   *
   * @throws LorikeetException when that was one row
   */
  void halve(Batch tooLarge, OutOfMemory failure) {
    int rows = tooLarge.indices().length;
    if (rows == 1) {
      throw new LorikeetException(
          "one example of "
              + tooLarge.length()
              + " tokens does not fit in memory: lower max_length, or use a smaller model or"
              + " precision: bfloat16 ("
              + failure.getMessage()
              + ")",
          failure);
    }
    maxTokens = rows / 2 * (tooLarge.rows() * tooLarge.length() / rows);
    remarks.accept(
        rows
            + " examples of "
            + tooLarge.length()
            + " tokens do not fit in memory: going on with at most "
            + maxTokens
            + " tokens at once (max_tokens_per_pass), and the same batches");
  }
}
