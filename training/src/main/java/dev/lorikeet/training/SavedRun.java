package dev.lorikeet.training;

import dev.lorikeet.torch.Tensor;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * What of a run a checkpoint holds.
 *
 * @param ofMethod what an adapter method remembers
 * @param identity what the run is known by, which is costly to tell
 */
record SavedRun(
    RunState state,
    List<Trainable> trainables,
    WeightAverage average,
    Map<String, Tensor> ofMethod,
    Optimizer optimizer,
    BestParameters best,
    Supplier<Map<String, String>> identity) {

  /** By name; a parameter that freezes or thaws gets another tensor. */
  Map<String, Tensor> parameters() {
    Map<String, Tensor> parameters = new LinkedHashMap<>();
    trainables.forEach(t -> parameters.put(t.name(), t.parameter().original()));
    for (int i = 0; i < average.averages().size(); i++) {
      parameters.put(trainables.get(i).name() + "/average", average.averages().get(i));
    }
    parameters.putAll(ofMethod);
    return parameters;
  }

  /** Sets everything to what the run's part of a checkpoint says. */
  void read(RunCheckpoint checkpoint) {
    checkpoint.readInto(state);
    checkpoint.readParameters(parameters());
    checkpoint.readOptimizer(optimizer.state());
    best.load(checkpoint);
  }
}
