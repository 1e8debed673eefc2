package dev.lorikeet.training;

import dev.lorikeet.models.settings.Bounds;
import dev.lorikeet.models.settings.Setting;
import dev.lorikeet.torch.UsageException;

/**
 * What of the trainable parameters is frozen, for good or at first. Gradual unfreezing is that of
 * Howard and Ruder 2018, arXiv:1801.06146, §3.3: the head alone trains at first, the embeddings
 * last.
 */
@Setting.Group("Rates and freezing")
public record FreezeConfig(
    @Setting("The first so many layers stay as they are.") @Setting.Range(atLeast = 0)
        int freezeLayers,
    @Setting("The embeddings stay as they are.") boolean freezeEmbeddings,
    @Setting("LoRA's A stays as it is drawn (LoRA-FA, arXiv:2308.03303).") boolean loraFa,
    @Setting("Gradual unfreezing: a layer more every N epochs, from the head down.")
        @Setting.Range(atLeast = 0)
        int unfreezeEpochs,
    @Setting("The same, every N steps.") @Setting.Range(atLeast = 0) int unfreezeSteps) {
  /** Everything trains from the first step. */
  public static final FreezeConfig NONE = new FreezeConfig(0, false, false, 0, 0);

  public FreezeConfig {
    Bounds.check(
        FreezeConfig.class, freezeLayers, freezeEmbeddings, loraFa, unfreezeEpochs, unfreezeSteps);
    if (unfreezeEpochs > 0 && unfreezeSteps > 0) {
      throw new UsageException(
          "unfreeze_epochs is "
              + unfreezeEpochs
              + " and unfreeze_steps "
              + unfreezeSteps
              + ": give one of them");
    }
  }

  /** The steps from one layer's thaw to the next; 0 where everything trains at once. */
  long unfreezeEvery(long stepsPerEpoch) {
    return unfreezeEpochs > 0 ? unfreezeEpochs * stepsPerEpoch : unfreezeSteps;
  }
}
