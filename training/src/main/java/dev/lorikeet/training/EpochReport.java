package dev.lorikeet.training;

import org.jspecify.annotations.Nullable;

/**
 * An epoch's results.
 *
 * @param epoch from 1
 * @param trainLoss the mean loss over the epoch's labels, with dropout on
 * @param evaluation on the evaluation data at its end; null where there was none
 * @param seconds the training time up to here, evaluation not counted
 */
public record EpochReport(
    int epoch, double trainLoss, @Nullable Evaluation evaluation, double seconds) {}
