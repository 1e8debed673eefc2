package dev.lorikeet.compare;

/**
 * A label and what a model holds of it.
 *
 * @param score its probability
 */
public record LabelScore(String label, double score) {}
