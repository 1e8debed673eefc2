package dev.lorikeet.training;

import dev.lorikeet.torch.LorikeetException;
import java.nio.file.Path;

/** A run ended before its time because it was asked to, and can go on from a checkpoint. */
public final class RunInterrupted extends LorikeetException {
  private static final long serialVersionUID = 1;

  RunInterrupted(long step, long totalSteps, Path checkpoint) {
    super("stopped after step " + step + " of " + totalSteps + ", saved in " + checkpoint);
  }
}
