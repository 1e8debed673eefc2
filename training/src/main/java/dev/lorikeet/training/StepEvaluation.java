package dev.lorikeet.training;

/**
 * An evaluation during a run.
 *
 * @param step the steps done before it
 * @param epoch the epoch then, from 1
 * @param epochsDone how far the run was in epochs, from 0
 * @param endsEpoch whether the epoch ended with the step
 */
public record StepEvaluation(
    long step, int epoch, double epochsDone, boolean endsEpoch, Evaluation evaluation) {}
