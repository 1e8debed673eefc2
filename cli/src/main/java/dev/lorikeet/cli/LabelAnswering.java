package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.compare.LabelProbabilities;
import dev.lorikeet.compare.LabelScore;
import dev.lorikeet.compare.Prediction;
import dev.lorikeet.compare.TextModel;
import dev.lorikeet.compare.WordPrediction;
import dev.lorikeet.data.Example;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.torch.Printable;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Tells labels with their probabilities, of texts, images and words, or numbers. */
final class LabelAnswering implements Answering {
  private final TextModel model;
  private final ProblemType type;
  private final @Nullable Integer topK;
  private final double threshold;

  /**
   * Answers of a model.
   *
   * @param topK how many labels are told; null for all, of words for the likeliest alone
   * @param threshold of several labels those above it hold
   */
  LabelAnswering(TextModel model, ProblemType type, @Nullable Integer topK, double threshold) {
    this.model = model;
    this.type = type;
    this.topK = topK;
    this.threshold = threshold;
  }

  @Override
  public List<Answer> of(List<Example> examples) {
    List<Prediction> predictions = model.predict(examples);
    return IntStream.range(0, examples.size())
        .mapToObj(
            i ->
                new Answer(
                    json(examples.get(i), predictions.get(i)),
                    text(examples.get(i), predictions.get(i))))
        .toList();
  }

  /** The labels that hold: the likeliest, or of several those above the threshold. */
  private List<LabelScore> chosen(LabelProbabilities all) {
    return type == ProblemType.MULTI_LABEL ? all.above(threshold) : all.top(1);
  }

  // ---- as JSON ----

  private ObjectNode json(Example example, Prediction prediction) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    if (example.image() != null) {
      json.put("image", example.image().toString());
    }
    LabelProbabilities all = prediction.probabilities();
    if (all != null && type == ProblemType.MULTI_LABEL) {
      ArrayNode labels = json.putArray("label");
      ArrayNode scores = json.putArray("score");
      for (LabelScore held : chosen(all)) {
        labels.add(held.label());
        scores.add(held.score());
      }
    } else if (all == null && model.task().answersWords()) {
      prediction.labels().forEach(json.putArray("label")::add);
      prediction.scores().forEach(json.putArray("score")::add);
      ArrayNode words = json.putArray("words");
      prediction.words().forEach(word -> words.add(json(example.text(), word)));
    } else {
      json.put("label", prediction.labels().get(0)).put("score", prediction.scores().get(0));
    }
    if (all != null) {
      json.set("probabilities", json(all.top(topK == null ? all.size() : topK)));
    }
    ArrayNode logits = json.putArray("logits");
    for (float logit : prediction.logits()) {
      logits.add(logit);
    }
    return json;
  }

  /** Places count code points, as Python and transformers do. */
  private ObjectNode json(String text, WordPrediction word) {
    LabelScore best = word.best();
    ObjectNode json =
        JsonNodeFactory.instance
            .objectNode()
            .put("index", word.index())
            .put("word", word.word())
            .put("start", text.codePointCount(0, word.start()))
            .put("end", text.codePointCount(0, word.end()))
            .put("label", best == null ? null : best.label())
            .put("score", best == null ? null : best.score());
    if (word.probabilities() != null && topK != null) {
      json.set("probabilities", json(word.probabilities().top(topK)));
    }
    if (word.problem() != null) {
      json.put("error", word.problem());
    }
    return json;
  }

  private static ObjectNode json(List<LabelScore> scores) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    scores.forEach(each -> json.put(each.label(), each.score()));
    return json;
  }

  // ---- for people ----

  private String text(Example example, Prediction prediction) {
    StringBuilder text = new StringBuilder(asked(example));
    LabelProbabilities all = prediction.probabilities();
    if (all != null) {
      List<LabelScore> told = topK == null ? chosen(all) : all.top(topK);
      told.forEach(each -> text.append(line(each)));
      return told.isEmpty() ? text + "\n  no label is above " + threshold : text.toString();
    }
    for (WordPrediction word : prediction.words()) {
      text.append(text(word));
    }
    if (prediction.words().isEmpty()) {
      text.append(Printable.format("%n  %s", prediction.labels().get(0)));
    }
    return text.toString();
  }

  private String text(WordPrediction word) {
    LabelProbabilities all = word.probabilities();
    if (all == null) {
      return Printable.format("%n  %s: %s", word.word(), word.problem());
    }
    StringBuilder text = new StringBuilder();
    for (LabelScore each : all.top(topK == null ? 1 : topK)) {
      text.append(line(each)).append("  ").append(Printable.line(word.word()));
    }
    return text.toString();
  }

  private static String line(LabelScore score) {
    return Printable.format("%n  %.4f  %s", score.score(), score.label());
  }

  /** What was asked, as people typed it. */
  static String asked(Example example) {
    return example.textPair() == null
        ? example.text()
        : example.text() + " | " + example.textPair();
  }
}
