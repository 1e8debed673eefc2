package dev.lorikeet.data;

import dev.lorikeet.models.Encoding;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.Task;
import dev.lorikeet.models.TextTokenizer;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Printable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Turns examples into token ids and their labels into class ids or targets, as a task asks.
 *
 * <p>In token classification the first token of a word carries the word's label; the others, and
 * special tokens, are ignored (Devlin et al. 2019, arXiv:1810.04805, §5.3).
 */
public final class Encoder implements ExampleEncoder {
  /** How many texts go to the tokenizer at once. */
  private static final int CHUNK = 4096;

  private static final long[] NO_CLASSES = {};
  private static final float[] NO_TARGETS = {};

  private final TextTokenizer tokenizer;
  private final @Nullable Labels labels;
  private final Task task;
  private final ProblemType problemType;
  private final int maxLength;
  private final @Nullable LanguageModelEncoder languageModel;
  private Truncated truncated = Truncated.NOTHING;
  private int silent;

  /**
   * An encoder.
   *
   * @param labels the labels that have ids; null where none is needed: regression, masked language
   *     models, unlabelled examples
   * @param problemType what the labels of sequence classification are
   * @param maxLength in tokens, special ones included; what is longer is cut
   */
  public Encoder(
      TextTokenizer tokenizer,
      @Nullable Labels labels,
      Task task,
      ProblemType problemType,
      int maxLength) {
    this(tokenizer, labels, task, problemType, maxLength, TrainOn.ASSISTANT);
  }

  /**
   * An encoder that a causal language model may also have.
   *
   * @param labels the labels that have ids; null where none is needed
   * @param problemType what the labels of sequence classification are
   * @param maxLength in tokens, special ones included; what is longer is cut
   * @param trainOn which tokens of chats and of prompts with completions a language model learns
   */
  public Encoder(
      TextTokenizer tokenizer,
      @Nullable Labels labels,
      Task task,
      ProblemType problemType,
      int maxLength,
      TrainOn trainOn) {
    languageModel =
        task == Task.CAUSAL_LM || task == Task.SEQ_2_SEQ_LM
            ? new LanguageModelEncoder(tokenizer, maxLength, trainOn)
            : null;
    this.tokenizer = tokenizer;
    this.labels = labels;
    this.task = task;
    this.problemType = problemType;
    this.maxLength = maxLength;
  }

  @Override
  public Truncated truncated() {
    return truncated;
  }

  /**
   * How many of the examples encoded so far had no token to learn and were left out: the maximal
   * length cut off what the assistant says, or it says nothing.
   */
  @Override
  public int silent() {
    return silent;
  }

  /**
   * Encodes examples, in their order. For a causal language model those without a token to learn
   * are left out.
   *
   * @throws LorikeetException when a label is unknown, or, in regression, no number, or when an
   *     example has several where the task takes one
   * @throws LorikeetException when a text has no tokens, unless it is words that are answered one
   *     by one
   * @throws LorikeetException when the chat template refuses a chat, or no example has a token to
   *     learn
   * @throws dev.lorikeet.torch.UsageException when the maximal length has no room for a text
   */
  @Override
  public List<EncodedExample> encode(List<Example> examples) {
    if (languageModel != null) {
      return written(languageModel, examples);
    }
    List<EncodedExample> encoded = new ArrayList<>(examples.size());
    for (int start = 0; start < examples.size(); start += CHUNK) {
      List<Example> chunk = examples.subList(start, Math.min(start + CHUNK, examples.size()));
      List<Encoding> encodings = tokenize(chunk, maxLength);
      countTruncated(chunk, encodings);
      for (int i = 0; i < chunk.size(); i++) {
        encoded.add(encode(chunk.get(i), encodings.get(i)));
      }
    }
    return encoded;
  }

  private List<EncodedExample> written(LanguageModelEncoder encoder, List<Example> examples) {
    if (task == Task.SEQ_2_SEQ_LM) {
      List<LanguageModelEncoder.Cut> rows = examples.stream().map(encoder::translation).toList();
      rows.forEach(row -> truncated = truncated.plus(row.truncated()));
      return rows.stream().map(LanguageModelEncoder.Cut::example).toList();
    }
    List<EncodedExample> encoded = new ArrayList<>(examples.size());
    for (int i = 0; i < examples.size(); i++) {
      LanguageModelEncoder.Full full = causal(encoder, examples.get(i), i);
      EncodedExample example = encoder.cut(full);
      truncated = truncated.plus(encoder.cutOff(full));
      if (LanguageModelEncoder.teaches(example)) {
        encoded.add(example);
      }
    }
    silent += examples.size() - encoded.size();
    if (encoded.isEmpty() && !examples.isEmpty()) {
      throw new LorikeetException(
          "none of the "
              + examples.size()
              + " examples has a token to learn in its first "
              + maxLength
              + ": raise max_length, or look whether the assistant says anything");
    }
    return encoded;
  }

  private static LanguageModelEncoder.Full causal(
      LanguageModelEncoder encoder, Example example, int place) {
    try {
      return encoder.causal(example);
    } catch (LorikeetException e) {
      throw new LorikeetException("example " + (place + 1) + ": " + e.getMessage(), e);
    }
  }

  private List<Encoding> tokenize(List<Example> examples, int maximum) {
    if (examples.isEmpty()) {
      return List.of();
    }
    if (task == Task.TOKEN_CLASSIFICATION) {
      return examples.stream().map(e -> tokenizer.encodeWords(words(e), maximum)).toList();
    }
    List<String> texts = examples.stream().map(Encoder::text).toList();
    List<String> pairs = examples.stream().map(Example::textPair).filter(Objects::nonNull).toList();
    if (!pairs.isEmpty() && pairs.size() != texts.size()) {
      throw new IllegalArgumentException("single texts and pairs in one data set");
    }
    return tokenizer.encodeAll(texts, pairs.isEmpty() ? null : pairs, maximum);
  }

  private static String text(Example example) {
    if (example.image() != null) {
      throw new IllegalArgumentException("an image for a model that reads texts: " + example);
    }
    return example.text();
  }

  private static List<String> words(Example example) {
    if (example.words().isEmpty()) {
      throw new IllegalArgumentException("an example without words: make it by Example.ofWords");
    }
    return example.words();
  }

  /** A text that fills the length may just fit: without a limit it shows. */
  private void countTruncated(List<Example> examples, List<Encoding> encodings) {
    List<Integer> full =
        IntStream.range(0, examples.size())
            .filter(i -> encodings.get(i).length() == maxLength)
            .boxed()
            .toList();
    List<Encoding> whole = tokenize(full.stream().map(examples::get).toList(), Integer.MAX_VALUE);
    for (int i = 0; i < whole.size(); i++) {
      if (whole.get(i).length() > maxLength) {
        int cut =
            task == Task.TOKEN_CLASSIFICATION && !examples.get(full.get(i)).labels().isEmpty()
                ? words(whole.get(i)) - words(encodings.get(full.get(i)))
                : 0;
        truncated = truncated.plus(new Truncated(1, cut));
      }
    }
  }

  private static int words(Encoding encoding) {
    return (int) Arrays.stream(encoding.wordIds()).filter(word -> word >= 0).distinct().count();
  }

  private EncodedExample encode(Example example, Encoding encoding) {
    if (encoding.length() == 0 && task != Task.TOKEN_CLASSIFICATION) {
      throw new LorikeetException(
          "\""
              + Printable.message(example.text())
              + "\" has no tokens: the tokenizer makes none of it");
    }
    return new EncodedExample(
        encoding.ids(),
        encoding.typeIds(),
        classes(example, encoding),
        targets(example),
        encoding.wordIds());
  }

  private long[] classes(Example example, Encoding encoding) {
    return switch (task) {
      case TOKEN_CLASSIFICATION -> tokenClasses(example, encoding.wordIds());
      case MASKED_LM -> ignored(encoding.length());
      default -> throw new IllegalStateException("no labels for " + task);
      case SEQUENCE_CLASSIFICATION ->
          problemType != ProblemType.SINGLE_LABEL || example.labels().isEmpty()
              ? NO_CLASSES
              : new long[] {labels().id(onlyLabel(example))};
    };
  }

  private long[] tokenClasses(Example example, int[] wordIds) {
    long[] classes = ignored(wordIds.length);
    int word = -1;
    for (int i = 0; i < wordIds.length && !example.labels().isEmpty(); i++) {
      if (wordIds[i] >= 0 && wordIds[i] != word) {
        word = wordIds[i];
        classes[i] = labels().id(example.labels().get(word));
      }
    }
    return classes;
  }

  private static long[] ignored(int tokens) {
    long[] classes = new long[tokens];
    Arrays.fill(classes, EncodedExample.IGNORED);
    return classes;
  }

  private float[] targets(Example example) {
    if (task != Task.SEQUENCE_CLASSIFICATION || problemType == ProblemType.SINGLE_LABEL) {
      return NO_TARGETS;
    }
    if (problemType == ProblemType.MULTI_LABEL) {
      return labels == null ? NO_TARGETS : multiHot(labels, example.labels());
    }
    return example.labels().isEmpty() ? NO_TARGETS : new float[] {number(onlyLabel(example))};
  }

  private String onlyLabel(Example example) {
    if (example.labels().size() > 1) {
      throw new LorikeetException(
          "an example has "
              + example.labels().size()
              + " labels, but "
              + problemType.id()
              + " takes one: for several, use "
              + ProblemType.MULTI_LABEL.id());
    }
    return example.labels().get(0);
  }

  private static float[] multiHot(Labels labels, List<String> held) {
    float[] targets = new float[labels.size()];
    held.forEach(label -> targets[labels.id(label)] = 1);
    return targets;
  }

  private static float number(String label) {
    if (!RowParser.isNumber(label)) {
      throw new LorikeetException(
          "label \""
              + label
              + "\" is not a number: regression takes numbers that float32 can hold");
    }
    return Float.parseFloat(label.strip());
  }

  private Labels labels() {
    if (labels == null) {
      throw new IllegalStateException("the examples have labels, but the encoder was given none");
    }
    return labels;
  }
}
