package dev.lorikeet.compare;

import dev.lorikeet.adapters.Adapters;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.data.Example;
import dev.lorikeet.data.Labels;
import dev.lorikeet.data.Words;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.Predictor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How a {@link TextModel} answers by scores: logits in parts that fit in memory, and what they say.
 */
final class TextAnswers {
  /** How many logits are kept at once, 128 MiB: a masked LM has a vocabulary of them a token. */
  private static final long LOGITS_AT_ONCE = 1L << 25;

  private final TextModel text;
  private final Model model;
  private final @Nullable Labels labels;

  TextAnswers(TextModel text) {
    this.text = text;
    this.model = text.model();
    this.labels = text.labels();
  }

  /** See {@link TextModel#predict(List)}. */
  List<Prediction> predict(List<Example> examples) {
    return answers(examples, this::prediction);
  }

  /** See {@link TextModel#predict(List, List)}. */
  List<Prediction> predict(List<Example> examples, List<@Nullable String> rows) {
    Adapters chosen = text.adapters();
    if (chosen == null || rows.size() != examples.size()) {
      throw new UsageException(
          chosen == null
              ? "the model was not opened with several adapters: name them when opening it"
              : (rows.size() + " names of adapters for " + examples.size())
                  + " texts: give one a text");
    }
    try (Model.Lease alone = model.exclusive()) {
      return answers(
          examples,
          this::prediction,
          (input, indices) ->
              chosen.logits(input, Arrays.stream(indices).mapToObj(rows::get).toList()));
    }
  }

  /** See {@link TextModel#fillMasks}. */
  List<List<MaskFill>> fillMasks(List<Example> examples, int topK) {
    if (!text.task().hidesTokens()) {
      throw new UsageException(
          "only masked language models fill masks, and this head is for " + text.task().id());
    }
    if (topK < 1) {
      throw new UsageException("top-k is " + topK + ": use at least 1");
    }
    return answers(
        examples,
        (example, encoded, logits) ->
            MaskFill.of(example, encoded, logits, topK, text.tokenizer(), text.maxLength()));
  }

  /** Makes an answer of a text's logits. */
  private interface Answer<T> {
    T of(Example example, EncodedExample encoded, float[] logits);
  }

  private <T> List<T> answers(List<Example> examples, Answer<T> answer) {
    return answers(examples, answer, (input, indices) -> model.logits(input));
  }

  private <T> List<T> answers(List<Example> examples, Answer<T> answer, Predictor.Forward forward) {
    try (Model.Lease asItIs = model.share()) {
      return answersInParts(examples, answer, forward);
    }
  }

  private <T> List<T> answersInParts(
      List<Example> examples, Answer<T> answer, Predictor.Forward forward) {
    List<Example> unlabelled = examples.stream().map(this::asked).toList();
    List<EncodedExample> encoded = text.encode(unlabelled);
    int step = textsAtOnce(encoded);
    int rows = Math.min(TextModel.BATCH, step);
    int padTokenId = text.padTokenId();
    List<T> answers = new ArrayList<>();
    for (int start = 0; start < encoded.size(); start += step) {
      int end = Math.min(start + step, encoded.size());
      int first = start;
      Predictor.Forward ofPart = (input, indices) -> forward.logits(input, after(first, indices));
      float[][] logits =
          new Predictor(model, ofPart, rows, padTokenId).logits(encoded.subList(start, end));
      for (int i = start; i < end; i++) {
        answers.add(answer.of(unlabelled.get(i), encoded.get(i), logits[i - start]));
      }
    }
    return answers;
  }

  /** How many texts' logits may be kept at once. */
  int textsAtOnce(List<EncodedExample> encoded) {
    long longest = encoded.stream().mapToInt(EncodedExample::length).max().orElse(1);
    int width =
        text.task().hidesTokens()
            ? model.config().integer("vocab_size")
            : model.config().labelCount();
    return (int)
        Math.max(1, Math.min(encoded.size(), LOGITS_AT_ONCE / (Math.max(1, longest) * width)));
  }

  private Example asked(Example example) {
    if (!text.task().answersWords() || !example.words().isEmpty()) {
      return example.unlabelled();
    }
    List<String> words = Words.of(example.text());
    if (words.isEmpty()) {
      throw new UsageException("\"" + example.text() + "\" has no words to answer");
    }
    return new Example(example.text(), null, words, List.of());
  }

  private static int[] after(int start, int[] indices) {
    return Arrays.stream(indices).map(index -> start + index).toArray();
  }

  // ---- what logits say ----

  private Prediction prediction(Example example, EncodedExample encoded, float[] logits) {
    List<String> names = labels == null ? List.of() : labels.names();
    if (text.task().hidesTokens()) {
      return words(MaskFill.of(example, encoded, logits, 1, text.tokenizer(), text.maxLength()));
    }
    if (text.task().answersWords()) {
      return new WordAnswers(names, text.maxLength())
          .of(example, logits, encoded.wordIds(), () -> wordIds(example));
    }
    return switch (problemType()) {
      case SINGLE_LABEL -> Predictions.single(logits, names);
      case MULTI_LABEL -> Predictions.several(logits, names);
      case REGRESSION -> Predictions.number(logits);
    };
  }

  private ProblemType problemType() {
    return text.task().hasProblemTypes() ? model.config().problemType() : ProblemType.SINGLE_LABEL;
  }

  /** The word of each token when nothing is cut off. */
  private int[] wordIds(Example example) {
    return text.tokenizer().encodeWords(example.words(), Integer.MAX_VALUE).wordIds();
  }

  private static Prediction words(List<MaskFill> fills) {
    List<MaskFill.Candidate> best = fills.stream().map(fill -> fill.candidates().get(0)).toList();
    return new Prediction(
        best.stream().map(MaskFill.Candidate::token).toList(),
        best.stream().map(MaskFill.Candidate::score).toList(),
        new float[0]);
  }
}
