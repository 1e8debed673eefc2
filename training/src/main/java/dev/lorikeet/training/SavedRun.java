package dev.lorikeet.training;

import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Tensor;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * What of a run a checkpoint holds.
 *
 * @param identity what the run is known by, which is costly to tell
 */
record SavedRun(
    RunState state,
    List<Trainable> trainables,
    Hook hooks,
    Optimizer optimizer,
    BestParameters best,
    Supplier<Map<String, String>> identity) {

  /**
   * By name; a parameter that freezes or thaws gets another tensor.
   *
   * @throws LorikeetException when two have the same name
   */
  Map<String, Tensor> parameters() {
    Map<String, Tensor> parameters = new LinkedHashMap<>();
    trainables.forEach(t -> parameters.put(t.name(), t.parameter().original()));
    hooks
        .state()
        .forEach(
            (name, tensor) -> {
              if (parameters.put(name, tensor) != null) {
                throw new LorikeetException(
                    "a hook saves a tensor under the name \""
                        + name
                        + "\", which is a parameter's: give it another");
              }
            });
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
