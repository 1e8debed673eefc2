package dev.lorikeet.training;

import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.LongPredicate;

/**
 * Keeps the trainable parameters of the step with the best score; the copies live in the run's
 * scope.
 */
final class BestParameters implements Hook {
  private final List<Trainable> trainables;
  private final boolean keepBest;
  private final RunState state;
  private final LongPredicate mayBeKept;
  private final Map<String, Tensor> copies = new LinkedHashMap<>();

  /**
   * None yet.
   *
   * @param keepBest whether they are wanted, or those of the last step
   * @param state knows the best score and its step
   * @param mayBeKept whether the parameters after so many steps may be the best
   */
  BestParameters(
      List<Trainable> trainables, boolean keepBest, RunState state, LongPredicate mayBeKept) {
    this.trainables = trainables;
    this.keepBest = keepBest;
    this.state = state;
    this.mayBeKept = mayBeKept;
  }

  /** Takes a copy of the parameters if the present step scored better than all before it. */
  void offer(double score) {
    boolean better =
        state.bestStep == 0
            || score > state.bestScore
            || (Double.isNaN(state.bestScore) && !Double.isNaN(score));
    if (better && mayBeKept.test(state.step)) {
      state.bestScore = score;
      state.bestStep = state.step;
      state.bestEpoch = state.epoch;
      if (keepBest) {
        copy();
      }
    }
  }

  private void copy() {
    for (Trainable trainable : trainables) {
      Tensor parameter = trainable.parameter().original();
      Tensor copy = copies.get(trainable.name());
      if (copy == null) {
        copies.put(trainable.name(), parameter.detach().copy());
      } else {
        copy.setInPlace(parameter);
      }
    }
  }

  /** Gives the parameters their best values back. */
  @Override
  public void end() {
    if (step() == state.step) {
      return;
    }
    try (Scope scope = Scope.open()) {
      for (Trainable trainable : trainables) {
        Tensor copy = Objects.requireNonNull(copies.get(trainable.name()));
        trainable.parameter().original().setInPlace(copy);
      }
    }
  }

  /** The step whose parameters are kept. */
  long step() {
    return keepBest && state.bestStep > 0 ? state.bestStep : state.step;
  }

  /** The epoch whose parameters are kept. */
  int epoch() {
    return keepBest && state.bestStep > 0 ? state.bestEpoch : state.epochs.size();
  }

  /** The best parameters by name; none where no evaluation has been kept. */
  Map<String, Tensor> copies() {
    return copies;
  }

  /** Takes over the best parameters of a checkpoint, whose state has been read. */
  void load(RunCheckpoint checkpoint) {
    if (keepBest && state.bestStep > 0) {
      copy();
      checkpoint.readBest(copies);
    }
  }
}
