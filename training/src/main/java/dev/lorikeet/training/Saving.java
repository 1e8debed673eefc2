package dev.lorikeet.training;

import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Saves a run, or several that step together, when their settings say so or they are asked to stop,
 * and lets them go on from there.
 */
final class Saving implements Hook {
  /** The name of a run that is alone. */
  private static final String ALONE = "";

  /** Settings that say how long a run is. */
  private static final Set<String> LENGTHS = Set.of("training.epochs", "training.max_steps");

  private final @Nullable Checkpoints checkpoints;
  private final CheckpointConfig config;
  private final Map<String, TrainingRun> runs;
  private @Nullable Map<String, String> identity;
  private long savedStep = -1;

  /** Saving of one run. */
  Saving(@Nullable Checkpoints checkpoints, CheckpointConfig config, TrainingRun run) {
    this(checkpoints, config, Map.of(ALONE, run));
  }

  /**
   * Saving of runs by name, in one checkpoint.
   *
   * @param checkpoints null where there is no place for them
   * @param config of all of them
   */
  Saving(
      @Nullable Checkpoints checkpoints, CheckpointConfig config, Map<String, TrainingRun> runs) {
    if (checkpoints == null && config.saveStrategy() != IntervalStrategy.NO) {
      throw new UsageException(
          "save_strategy is "
              + config.saveStrategy().id()
              + ", and this run has no folder for checkpoints: set it to no");
    }
    this.checkpoints = checkpoints;
    this.config = config;
    this.runs = runs;
  }

  /**
   * Sets everything to what the newest checkpoint says, if the run is to go on from one.
   *
   * @throws UsageException when that is a checkpoint of another run, naming the first difference
   * @throws dev.lorikeet.torch.LorikeetException when two tensors would be saved under one name
   */
  @Override
  public void resume() {
    if (checkpoints == null) {
      return;
    }
    runs.values().forEach(run -> run.saved().parameters()); // names that clash are found now
    RunCheckpoint checkpoint = checkpoints.newest();
    if (checkpoint == null) {
      return;
    }
    mustBeSame(checkpoint.identity(), identity(), checkpoints);
    runs.forEach(
        (name, run) -> run.saved().read(name.equals(ALONE) ? checkpoint : checkpoint.of(name)));
    savedStep = step();
  }

  /** The steps done, by the run that has done most. */
  private long step() {
    return most(run -> run.state().step);
  }

  private long most(ToLongFunction<TrainingRun> count) {
    return runs.values().stream().mapToLong(count).max().orElseThrow();
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

  /** Saves a run that is alone if it is time, or it is asked to stop. */
  @Override
  public void settled(FinishedStep step) {
    settle(isDue(step, isOver()));
  }

  /**
   * Whether it is time to save after a step of a run.
   *
   * @param over whether that was its last, planned or not
   */
  boolean isDue(FinishedStep step, boolean over) {
    return config.isDue(step.step(), step.totalSteps(), step.endsEpoch(), over);
  }

  private boolean isOver() {
    return runs.values().stream().allMatch(TrainingRun::isOver);
  }

  /**
   * Saves the runs if it is time or they are asked to stop.
   *
   * @throws RunInterrupted when they are asked to stop, after they have been saved
   */
  void settle(boolean due) {
    if (checkpoints == null) {
      return;
    }
    boolean stop = !isOver() && checkpoints.stopIsRequested();
    if (due || stop) {
      save(checkpoints);
    }
    if (stop) {
      throw new RunInterrupted(step(), most(TrainingRun::totalSteps), checkpoints.at(step()));
    }
  }

  private void save(Checkpoints to) {
    if (savedStep == step()) {
      return;
    }
    Path folder = to.at(step());
    if (Files.exists(folder)) {
      RunCheckpoint.delete(folder); // a damaged one, else the run had gone on from it
    }
    RunCheckpoint.write(
        folder,
        identity(),
        states(),
        all(SavedRun::parameters),
        all(run -> run.optimizer().state()),
        all(run -> run.best().copies()));
    savedStep = step();
    to.keep(config.saveTotalLimit());
  }

  /** The state of a run that is alone, or of all by name. */
  private Object states() {
    Map<String, RunState> states = new LinkedHashMap<>();
    runs.forEach((name, run) -> states.put(name, run.state()));
    return states.containsKey(ALONE) ? states.get(ALONE) : states;
  }

  private Map<String, Tensor> all(Function<SavedRun, Map<String, Tensor>> part) {
    Map<String, Tensor> all = new LinkedHashMap<>();
    runs.forEach(
        (name, run) ->
            part.apply(run.saved()).forEach((key, t) -> all.put(RunCheckpoint.key(name, key), t)));
    return all;
  }

  private Map<String, String> identity() {
    Map<String, String> known = identity;
    if (known == null) {
      known = new LinkedHashMap<>(checkpoints == null ? Map.of() : checkpoints.identity());
      for (Map.Entry<String, TrainingRun> run : runs.entrySet()) {
        Map<String, String> own = run.getValue().saved().identity().get();
        for (Map.Entry<String, String> entry : own.entrySet()) {
          known.put(RunCheckpoint.key(run.getKey(), entry.getKey()), entry.getValue());
        }
      }
      identity = known;
    }
    return known;
  }
}
