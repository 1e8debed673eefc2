package dev.lorikeet.compare;

import java.util.List;

/**
 * A model's answer to one text.
 *
 * @param labels the answers: one class; for several labels those above one half, perhaps none; a
 *     number's text for regression; one class a word for tokens; one word a mask
 * @param scores each answer's probability; for regression the number
 * @param logits what the head said, [C], or [T × C] row-major for tokens; empty for a masked LM
 */
@SuppressWarnings("ArrayRecordComponent") // predictions are never compared
public record Prediction(List<String> labels, List<Double> scores, float[] logits) {}
