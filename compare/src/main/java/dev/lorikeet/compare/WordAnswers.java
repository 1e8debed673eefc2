package dev.lorikeet.compare;

import dev.lorikeet.data.Example;
import dev.lorikeet.data.Words;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/** Answers to the words of a text, of the logits of each word's first token. */
final class WordAnswers {
  private static final String NO_TOKEN = "the tokenizer makes no token of it";
  private static final String CUT_OFF = "cut off by max_length ";

  private final List<String> labels;
  private final int maxLength;

  /**
   * Answers.
   *
   * @param labels of all classes
   * @param maxLength the texts were cut to this many tokens
   */
  WordAnswers(List<String> labels, int maxLength) {
    this.labels = labels;
    this.maxLength = maxLength;
  }

  /**
   * The answer to each word of an example.
   *
   * @param logits [T × C], row-major
   * @param wordIds the word of each token, −1 of special ones
   * @param whole the word of each token of the text when nothing is cut off
   */
  Prediction of(Example example, float[] logits, int[] wordIds, Supplier<int[]> whole) {
    List<String> words = example.words();
    int[] tokens = firstTokens(wordIds, words.size());
    int[] starts = Words.starts(example.text(), words);
    boolean isCut = wordIds.length >= maxLength && contains(tokens, -1);
    int[] uncut = isCut ? firstTokens(whole.get(), words.size()) : tokens;
    List<WordPrediction> answers = new ArrayList<>();
    for (int i = 0; i < words.size(); i++) {
      boolean isAnswered = tokens[i] >= 0;
      answers.add(
          new WordPrediction(
              i,
              words.get(i),
              starts[i],
              starts[i] + words.get(i).length(),
              isAnswered
                  ? LabelProbabilities.softmax(logits, tokens[i] * labels.size(), labels)
                  : null,
              isAnswered ? null : uncut[i] >= 0 ? CUT_OFF + maxLength : NO_TOKEN));
    }
    List<LabelScore> best = answers.stream().map(WordPrediction::best).toList();
    return new Prediction(
        best.stream().map(score -> score == null ? null : score.label()).toList(),
        best.stream().map(score -> score == null ? null : score.score()).toList(),
        logits,
        null,
        answers);
  }

  /** The first token of each word; −1 of a word that has none. */
  private static int[] firstTokens(int[] wordIds, int words) {
    int[] first = new int[words];
    Arrays.fill(first, -1);
    for (int token = wordIds.length - 1; token >= 0; token--) {
      if (wordIds[token] >= 0) {
        first[wordIds[token]] = token;
      }
    }
    return first;
  }

  private static boolean contains(int[] values, int value) {
    return IntStream.of(values).anyMatch(each -> each == value);
  }
}
