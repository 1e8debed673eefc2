package dev.lorikeet.training;

import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * Keeps the trainable parameters of the epoch with the best score; the copies live in the run's
 * scope.
 */
final class BestParameters {
  private final List<Trainable> trainables;
  private final boolean keepBest;
  private final List<Tensor> copies = new ArrayList<>();
  private double score = Double.NaN;
  private int epoch;
  private int lastEpoch;

  BestParameters(List<Trainable> trainables, boolean keepBest) {
    this.trainables = trainables;
    this.keepBest = keepBest;
  }

  /** Takes a copy of the parameters if the epoch scored better than all before it. */
  void offer(EpochReport report) {
    lastEpoch = report.epoch();
    double newScore =
        !keepBest || report.evaluation() == null ? report.epoch() : report.evaluation().score();
    if (epoch == 0 || newScore > score || (Double.isNaN(score) && !Double.isNaN(newScore))) {
      score = newScore;
      epoch = report.epoch();
      if (keepBest) {
        copy();
      }
    }
  }

  private void copy() {
    if (copies.isEmpty()) {
      trainables.forEach(trainable -> copies.add(trainable.parameter().original().detach().copy()));
      return;
    }
    for (int i = 0; i < copies.size(); i++) {
      copies.get(i).setInPlace(trainables.get(i).parameter().original());
    }
  }

  /** Gives the parameters their best values back. */
  void restore() {
    if (epoch == lastEpoch) {
      return;
    }
    try (Scope scope = Scope.open()) {
      for (int i = 0; i < copies.size(); i++) {
        trainables.get(i).parameter().original().setInPlace(copies.get(i));
      }
    }
  }

  int epoch() {
    return epoch;
  }
}
