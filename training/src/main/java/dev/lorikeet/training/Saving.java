package dev.lorikeet.training;

import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Saves a run when its settings say so or it is asked to stop, and lets it go on from there. */
final class Saving {
  /** Settings that say how long a run is. */
  private static final Set<String> LENGTHS = Set.of("training.epochs", "training.max_steps");

  private final @Nullable Checkpoints checkpoints;
  private final CheckpointConfig config;
  private final Supplier<Map<String, String>> ownIdentity;
  private final RunState state;
  private final List<Trainable> trainables;
  private final WeightAverage average;
  private final Map<String, Tensor> ofMethod;
  private final Optimizer optimizer;
  private final BestParameters best;
  private @Nullable Map<String, String> identity;
  private long savedStep = -1;

  /**
   * Saving of one run.
   *
   * @param checkpoints null where there is no place for them
   * @param ownIdentity what the run is known by
   * @param ofMethod what an adapter method remembers
   */
  Saving(
      @Nullable Checkpoints checkpoints,
      CheckpointConfig config,
      Supplier<Map<String, String>> ownIdentity,
      RunState state,
      List<Trainable> trainables,
      WeightAverage average,
      Map<String, Tensor> ofMethod,
      Optimizer optimizer,
      BestParameters best) {
    if (checkpoints == null && config.saveStrategy() != IntervalStrategy.NO) {
      throw new UsageException(
          "save_strategy is "
              + config.saveStrategy().id()
              + ", and this run has no folder for checkpoints: set it to no");
    }
    this.checkpoints = checkpoints;
    this.config = config;
    this.ownIdentity = ownIdentity;
    this.state = state;
    this.optimizer = optimizer;
    this.best = best;
    this.trainables = trainables;
    this.average = average;
    this.ofMethod = ofMethod;
  }

  /**
   * Sets everything to what the newest checkpoint says, if the run is to go on from one.
   *
   * @throws UsageException when that is a checkpoint of another run, naming the first difference
   */
  void resume() {
    if (checkpoints == null) {
      return;
    }
    RunCheckpoint checkpoint = checkpoints.newest();
    if (checkpoint == null) {
      return;
    }
    mustBeSame(checkpoint.identity(), identity(), checkpoints);
    checkpoint.readInto(state);
    checkpoint.readParameters(parameters());
    checkpoint.readOptimizer(optimizer.state());
    best.load(checkpoint);
    savedStep = state.step;
  }

  private static void mustBeSame(
      Map<String, String> saved, Map<String, String> present, Checkpoints checkpoints) {
    Map<String, String> all = new LinkedHashMap<>(saved);
    all.putAll(present);
    for (String key : all.keySet()) {
      String before = saved.getOrDefault(key, "not there");
      String now = present.getOrDefault(key, "not there");
      if (!before.equals(now)) {
        throw new UsageException(
            checkpoints.folder()
                + " is of another run: "
                + key
                + " is "
                + now
                + " and was "
                + before
                + "; go on with what it was, or delete the folder to begin anew"
                + (LENGTHS.contains(key) ? "; --adapter trains its result for longer" : ""));
      }
    }
  }

  /**
   * Saves the run if it is time for that or it is asked to stop.
   *
   * @param epochEnded whether the last step has ended an epoch, or the run
   * @param over whether it was the last
   * @throws RunInterrupted when it is asked to stop, after it has been saved
   */
  void afterStep(long totalSteps, boolean epochEnded, boolean over) {
    if (checkpoints == null) {
      return;
    }
    IntervalStrategy strategy = config.saveStrategy();
    boolean stop = !over && checkpoints.stopIsRequested();
    boolean due =
        strategy != IntervalStrategy.NO
            && (over || strategy.isDue(config.saveSteps(), state.step, totalSteps, epochEnded));
    if (due || stop) {
      save(checkpoints);
    }
    if (stop) {
      throw new RunInterrupted(state.step, totalSteps, checkpoints.at(state.step));
    }
  }

  private void save(Checkpoints to) {
    if (savedStep == state.step) {
      return;
    }
    Path folder = to.at(state.step);
    if (Files.exists(folder)) {
      RunCheckpoint.delete(folder); // a damaged one, else the run had gone on from it
    }
    RunCheckpoint.write(folder, identity(), state, parameters(), optimizer.state(), best.copies());
    savedStep = state.step;
    to.keep(config.saveTotalLimit());
  }

  /** By name; a parameter that freezes or thaws gets another tensor. */
  private Map<String, Tensor> parameters() {
    Map<String, Tensor> parameters = new LinkedHashMap<>();
    trainables.forEach(t -> parameters.put(t.name(), t.parameter().original()));
    for (int i = 0; i < average.averages().size(); i++) {
      parameters.put(trainables.get(i).name() + "/average", average.averages().get(i));
    }
    parameters.putAll(ofMethod);
    return parameters;
  }

  private Map<String, String> identity() {
    Map<String, String> known = identity;
    if (known == null) {
      known = new LinkedHashMap<>(checkpoints == null ? Map.of() : checkpoints.identity());
      known.putAll(ownIdentity.get());
      identity = known;
    }
    return known;
  }
}
