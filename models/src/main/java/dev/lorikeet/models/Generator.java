package dev.lorikeet.models;

import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Continues token sequences with a causal language model, or answers them with an encoder-decoder.
 */
public final class Generator {
  private final Model model;
  private final GenerationConfig config;

  /**
   * A generator.
   *
   * @throws UsageException when the model writes no texts
   */
  public Generator(Model model, GenerationConfig config) {
    HeadType type = model.headType();
    if (!HeadType.CAUSAL_LM.equals(type) && !HeadType.SEQ_2_SEQ_LM.equals(type)) {
      throw new UsageException(
          "the model's task is "
              + (type == null ? "none" : type.id())
              + ": only "
              + HeadType.CAUSAL_LM.id()
              + " and "
              + HeadType.SEQ_2_SEQ_LM.id()
              + " write texts");
    }
    this.model = model;
    this.config = config;
  }

  /** Hears of every token as it is chosen. */
  @FunctionalInterface
  public interface Listener {
    /**
     * A row has a new token.
     *
     * @return whether the row shall go on
     */
    boolean chosen(int row, int token);
  }

  /**
   * The tokens after each prompt, without it and without the token that ended it. The model's
   * weights and adapters stay the same from the first token to the last ({@link Model#share}).
   *
   * @param prompts at least one, none empty
   * @throws UsageException when a prompt is empty, or longer than what the model reads
   */
  public List<int[]> generate(List<int[]> prompts, Listener listener) {
    mustFit(prompts);
    boolean wasTraining = model.mode().isTraining();
    model.training(false);
    try (Model.Lease passes = model.share();
        Scope scope = Scope.open();
        GradMode off = GradMode.inference();
        KeyValueCache cache = config.useCache() ? new KeyValueCache() : null) {
      List<Row> texts = rows(prompts);
      if (!model.isEncoderDecoder()) {
        write(texts, rows -> decoderInput(rows, cache), listener);
        return texts.stream().map(Row::answer).toList();
      }
      ModelInput read = input(texts, longest(texts));
      ModelInput text = read.withEncoderStates(model.encode(read));
      int[] start = {DecoderInput.start(model.config())};
      List<Row> answers = rows(prompts.stream().map(prompt -> start).toList());
      write(answers, rows -> answerInput(text, rows, cache), listener);
      return answers.stream().map(Row::answer).toList();
    } finally {
      model.training(wasTraining);
    }
  }

  private List<Row> rows(List<int[]> starts) {
    List<Row> rows = new ArrayList<>();
    for (int[] start : starts) {
      rows.add(new Row(start, new TokenSampler(config, rows.size())));
    }
    return rows;
  }

  /** Appends tokens to the rows until all have ended. */
  private void write(List<Row> rows, Function<List<Row>, ModelInput> input, Listener listener) {
    for (int i = 0; i < config.maxNewTokens() && rows.stream().anyMatch(Row::goesOn); i++) {
      try (Scope scope = Scope.open()) {
        choose(rows, model.logits(input.apply(rows)), listener);
      }
    }
  }

  private void mustFit(List<int[]> prompts) {
    for (int[] prompt : prompts) {
      if (prompt.length == 0) {
        throw new UsageException("the prompt has no tokens: write something to continue");
      }
      int most = model.config().mostTokens();
      if (prompt.length > most) {
        throw new UsageException(
            "the prompt has " + prompt.length + " tokens, the model reads at most " + most);
      }
      // T5 keeps n_positions too, and has no table of positions.
      int positions =
          model.isEncoderDecoder()
              ? Integer.MAX_VALUE
              : model.config().integer("n_positions", Integer.MAX_VALUE);
      if ((long) prompt.length + config.maxNewTokens() > positions) {
        throw new UsageException(
            "the prompt has "
                + prompt.length
                + " tokens and max_new_tokens is "
                + config.maxNewTokens()
                + ", the model has "
                + positions
                + " positions: use fewer");
      }
    }
  }

  /** The prompts at first; with a cache one token a row afterwards. */
  private static ModelInput decoderInput(List<Row> rows, @Nullable KeyValueCache cache) {
    int read = cache == null || cache.length() == 0 ? longest(rows) : 1;
    ModelInput input = input(rows, read).withLogitsToKeep(1);
    return cache == null ? input : input.withCache(cache);
  }

  /** The answers so far beside the text; with a cache their last tokens only. */
  private static ModelInput answerInput(
      ModelInput text, List<Row> rows, @Nullable KeyValueCache cache) {
    int read = cache == null ? longest(rows) : 1;
    ModelInput input = text.withDecoderInputIds(ids(rows, read)).withLogitsToKeep(1);
    return cache == null ? input : input.withCache(cache);
  }

  private static int longest(List<Row> rows) {
    return rows.stream().mapToInt(Row::length).max().orElseThrow();
  }

  /** The last {@code read} tokens of each row; where rows differ, with what is padding. */
  private static ModelInput input(List<Row> rows, int read) {
    Tensor mask = mask(rows, longest(rows));
    ModelInput input = new ModelInput(ids(rows, read), mask, null);
    return mask == null ? input : input.withPositionIds(positions(rows, read));
  }

  /** The last {@code read} tokens of each row, padded on the left. */
  private static Tensor ids(List<Row> rows, int read) {
    long[] ids = rows.stream().flatMapToLong(row -> Arrays.stream(row.last(read))).toArray();
    return Tensor.of(ids, rows.size(), read);
  }

  /** [B, all], or null when all rows are equally long. */
  private static @Nullable Tensor mask(List<Row> rows, int all) {
    if (rows.stream().allMatch(row -> row.length() == all)) {
      return null;
    }
    long[] mask = new long[rows.size() * all];
    for (int row = 0; row < rows.size(); row++) {
      Arrays.fill(mask, (row + 1) * all - rows.get(row).length(), (row + 1) * all, 1);
    }
    return Tensor.of(mask, rows.size(), all);
  }

  /** The places of the last {@code read} tokens in their texts; padding is given the first. */
  private static Tensor positions(List<Row> rows, int read) {
    long[] positions = new long[rows.size() * read];
    for (int i = 0; i < positions.length; i++) {
      positions[i] = Math.max(0, rows.get(i / read).length() - read + i % read);
    }
    return Tensor.of(positions, rows.size(), read);
  }

  /** Appends a token to each row by the logits [B, 1, V]. */
  private void choose(List<Row> rows, Tensor logits, Listener listener) {
    Tensor last = logits.select(1, 0).to(DType.FLOAT32);
    long[] likeliest = config.isPlainGreedy() ? last.argmax(-1).toLongs() : new long[0];
    for (int i = 0; i < rows.size(); i++) {
      Row row = rows.get(i);
      if (!row.goesOn()) {
        row.add(row.token(row.length() - 1)); // anything: nobody reads it
        continue;
      }
      int token =
          config.isPlainGreedy()
              ? Math.toIntExact(likeliest[i])
              : row.sampler.next(last.select(0, i).toFloats(), row.seen);
      row.add(token);
      if (config.eosTokenIds().contains(token)) {
        row.end(1);
      } else if (!listener.chosen(i, token)) {
        row.end(0);
      }
    }
  }

  /** A text that grows. */
  private static final class Row {
    private final int prompt;
    private final TokenSampler sampler;
    private final Set<Integer> seen = new LinkedHashSet<>();
    private int[] tokens;
    private int length;
    private int end = -1;

    Row(int[] prompt, TokenSampler sampler) {
      this.prompt = prompt.length;
      this.sampler = sampler;
      this.tokens = prompt.clone();
      this.length = prompt.length;
      IntStream.of(prompt).forEach(seen::add);
    }

    int length() {
      return length;
    }

    int token(int index) {
      return tokens[index];
    }

    boolean goesOn() {
      return end < 0;
    }

    void add(int token) {
      if (length == tokens.length) {
        tokens = Arrays.copyOf(tokens, 2 * length + 16);
      }
      tokens[length++] = token;
      seen.add(token);
    }

    /** Ends the answer before its last {@code dropped} tokens. */
    void end(int dropped) {
      end = length - dropped;
    }

    int[] answer() {
      return Arrays.copyOfRange(tokens, prompt, end < 0 ? length : end);
    }

    /** The last {@code count} tokens, with zeros before them where there are fewer. */
    long[] last(int count) {
      long[] last = new long[count];
      for (int i = Math.max(0, count - length); i < count; i++) {
        last[i] = tokens[length - count + i];
      }
      return last;
    }
  }
}
