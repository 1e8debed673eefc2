package dev.lorikeet.compare;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A model's answer to one text.
 *
 * @param labels the answers: one class; for several labels those above one half, perhaps none; a
 *     number's text for regression; one class a word for tokens, null for a word without an answer;
 *     one word a mask
 * @param scores each answer's probability, null where there is no answer; for regression the number
 * @param logits what the head said, [C], or [T × C] row-major for tokens; empty for a masked LM
 * @param probabilities of all labels; null for regression, tokens and masked LMs
 * @param words for tokens the answer to each word of the text, in their order; else empty
 */
@SuppressWarnings("ArrayRecordComponent") // predictions are never compared
public record Prediction(
    List<@Nullable String> labels,
    List<@Nullable Double> scores,
    float[] logits,
    @Nullable LabelProbabilities probabilities,
    List<WordPrediction> words) {

  /** An answer without probabilities of labels. */
  Prediction(List<@Nullable String> labels, List<@Nullable Double> scores, float[] logits) {
    this(labels, scores, logits, null, List.of());
  }

  /** The labels that were chosen of all. */
  static Prediction of(List<LabelScore> chosen, float[] logits, LabelProbabilities probabilities) {
    return new Prediction(
        chosen.stream().map(LabelScore::label).toList(),
        chosen.stream().map(LabelScore::score).toList(),
        logits,
        probabilities,
        List.of());
  }
}
