package dev.lorikeet.training;

import dev.lorikeet.adapters.TrainingPart;
import dev.lorikeet.models.Model;

/**
 * The hooks of a run, and why they stand in this order. They are made in it, too, before anything
 * that was saved of the run is read: what they copy is what the run began with.
 */
final class RunHooks {
  private RunHooks() {}

  /**
   * The hooks that a run's settings ask for, and those that were added to its trainer.
   *
   * @param alone whether the run has the model to itself, and is saved by itself
   * @throws dev.lorikeet.torch.UsageException when a setting does not suit the model or the run
   * @throws dev.lorikeet.torch.LorikeetException when every learning rate is 0
   */
  static HookChain of(Trainer trainer, TrainingRun run, boolean alone) {
    HookChain hooks = new HookChain();
    try {
      add(hooks, trainer, run, alone);
      return hooks;
    } catch (RuntimeException e) {
      hooks.close();
      throw e;
    }
  }

  private static void add(HookChain hooks, Trainer trainer, TrainingRun run, boolean alone) {
    Model model = trainer.model;
    TrainingConfig config = trainer.config;
    RegularizationConfig regularization = config.regularization();
    TrainingListener listener = trainer.listener;
    TrainingPart method = trainer.part;
    RunState state = run.state();

    // Before a step's gradients are made: what they are made for.
    hooks.add(trainer.freezing);

    // Before anything reads the gradients: those of the loss, not of the scaled loss.
    hooks.add(
        new StepGuard(
            model, trainer.trainables, config.nonFinite(), run.lossScale(), state, listener));

    // Before gradients are judged and weights averaged: the method's term, and what it takes away.
    if (method != null) {
      hooks.add(new MethodHook(method, state));
    }

    // Before the check below, so that a run that fails it has told of its last steps.
    hooks.add(new StepLog(config.logging(), run.groups(), run.totalSteps(), state, listener));

    // Before average and best take the place of what was trained.
    hooks.add(MovementCheck.before(run.groups(), config.optimizer(), run::effectiveSteps));

    // After the log and before all that takes time or may fail: a run's start, each step.
    hooks.add(new ListenerHook(run.groups(), run.totalSteps(), state, listener));

    // What changes the model's passes, or keeps what they give: only of a model of one's own.
    if (alone && regularization.neftuneNoiseAlpha() > 0) {
      hooks.add(Neftune.on(model, regularization.neftuneNoiseAlpha()));
    }
    if (alone && regularization.mixout() > 0) {
      hooks.add(Mixout.on(model, trainer.trainables, regularization.mixout()));
    }
    if (alone) {
      hooks.add(new FeatureKeeping(trainer, state));
    }

    // Before the evaluation, which is of the average; and before the best, which is one of those.
    WeightAverage average =
        WeightAverage.of(trainer.trainables, regularization.averaging(), config.epochs(), state);
    if (!regularization.averaging().equals(AveragingConfig.NONE)) {
      hooks.add(average);
    }
    if (!trainer.evaluationData.isEmpty() || config.evaluation().needsData() != null) {
      hooks.add(
          new RunEvaluation(
              trainer.evaluator,
              trainer.evaluationData,
              config.evaluation(),
              average,
              run.best(),
              state,
              listener));
    }
    hooks.add(run.best());

    // After the evaluation, by which it goes.
    if (config.schedule().schedule() == Schedule.REDUCE_LR_ON_PLATEAU) {
      hooks.add(new PlateauHook(state.plateau, config.schedule()));
    }

    // After all that the settings ask for: users' own, which see what came of it.
    trainer.hooks.forEach(hooks::add);

    // Last: what is saved is as the next step finds it.
    boolean saves = config.checkpoint().saveStrategy() != IntervalStrategy.NO;
    if (alone && (saves || trainer.checkpoints != null)) {
      hooks.add(new Saving(trainer.checkpoints, config.checkpoint(), run));
    }
  }
}
