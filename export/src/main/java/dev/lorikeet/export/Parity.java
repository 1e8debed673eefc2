package dev.lorikeet.export;

/**
 * How far an exported model is from the trained one.
 *
 * @param largestDifference the largest absolute difference of two logits, padding left out;
 *     infinite where either is NaN or infinite
 * @param changedLabels how many labels came out different ({@link LabelRule})
 * @param rows how many sequences were compared
 */
public record Parity(double largestDifference, long changedLabels, long rows) {}
