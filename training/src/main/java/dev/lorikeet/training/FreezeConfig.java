package dev.lorikeet.training;

import dev.lorikeet.torch.UsageException;

/**
 * What of the trainable parameters is frozen, for good or at first.
 *
 * @param freezeLayers the first so many layers stay as they are
 * @param freezeEmbeddings whether the embeddings stay as they are
 * @param loraFa whether LoRA's A stays as it was drawn (LoRA-FA, Zhang et al. 2023,
 *     arXiv:2308.03303)
 * @param unfreezeEpochs gradual unfreezing (Howard and Ruder 2018, arXiv:1801.06146, §3.3): the
 *     head alone trains at first, and one more layer every so many epochs, from the top, the
 *     embeddings last; 0 for all at once
 * @param unfreezeSteps the same, every so many steps
 */
public record FreezeConfig(
    int freezeLayers,
    boolean freezeEmbeddings,
    boolean loraFa,
    int unfreezeEpochs,
    int unfreezeSteps) {
  /** Everything trains from the first step. */
  public static final FreezeConfig NONE = new FreezeConfig(0, false, false, 0, 0);

  public FreezeConfig {
    atLeast0("freeze_layers", freezeLayers);
    atLeast0("unfreeze_epochs", unfreezeEpochs);
    atLeast0("unfreeze_steps", unfreezeSteps);
    if (unfreezeEpochs > 0 && unfreezeSteps > 0) {
      throw new UsageException(
          "unfreeze_epochs is "
              + unfreezeEpochs
              + " and unfreeze_steps "
              + unfreezeSteps
              + ": give one of them");
    }
  }

  private static void atLeast0(String key, int value) {
    if (value < 0) {
      throw new UsageException(key + " is " + value + ": it must be at least 0");
    }
  }

  /** The steps from one layer's thaw to the next; 0 where everything trains at once. */
  long unfreezeEvery(long stepsPerEpoch) {
    return unfreezeEpochs > 0 ? unfreezeEpochs * stepsPerEpoch : unfreezeSteps;
  }
}
