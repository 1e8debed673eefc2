package dev.lorikeet.training;

import java.util.Map;

/**
 * The numbers of some optimizer steps, as they are logged.
 *
 * @param step the steps done
 * @param epoch how far the run is in epochs, from 0
 * @param loss the mean training loss over the labels since the last report
 * @param learningRates of the last of these steps, by parameter group
 * @param gradientNorm of the last of these steps, over all parameters together, before clipping
 * @param tokensPerSecond since the last report, padding and evaluation not counted
 * @param seconds the training time up to here, evaluation not counted
 */
public record StepReport(
    long step,
    double epoch,
    double loss,
    Map<String, Double> learningRates,
    double gradientNorm,
    double tokensPerSecond,
    double seconds) {}
