package dev.lorikeet.models;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Continues texts, or answers them: tokens in and out of text, stop sequences, and the text as it
 * grows.
 */
public final class TextGenerator {
  private final Generator generator;
  private final TextTokenizer tokenizer;
  private final GenerationConfig config;

  /**
   * A generator of texts.
   *
   * @throws dev.lorikeet.torch.UsageException when the model writes no texts
   */
  public TextGenerator(Model model, TextTokenizer tokenizer, GenerationConfig config) {
    this.generator = new Generator(model, config);
    this.tokenizer = tokenizer;
    this.config = config;
  }

  /** Hears a text grow. */
  @FunctionalInterface
  public interface Listener {
    /** A row's answer goes on with {@code piece}, which will not change any more. */
    void text(int row, String piece);
  }

  /** Why an answer ended. */
  public enum Ending {
    /** A token that ends answers, or a stop sequence. */
    STOP,
    /** {@code max_new_tokens}. */
    LENGTH
  }

  /**
   * An answer.
   *
   * @param text without the prompt and what ended it
   * @param tokens how many tokens it took, that which ended it not counted
   */
  public record Answer(String text, int tokens, Ending ending) {}

  /**
   * The texts after each prompt.
   *
   * @param prompts token ids, such as {@link TextTokenizer#encode} gives
   */
  public List<Answer> generate(List<int[]> prompts, Listener listener) {
    List<Stream> streams = new ArrayList<>();
    for (int row = 0; row < prompts.size(); row++) {
      streams.add(new Stream(row, listener));
    }
    List<int[]> answers =
        generator.generate(prompts, (row, token) -> streams.get(row).goesOnAfter(token));
    List<Answer> texts = new ArrayList<>();
    for (int row = 0; row < prompts.size(); row++) {
      texts.add(streams.get(row).end(answers.get(row)));
    }
    return texts;
  }

  /**
   * The text of one row. A token may be part of a character, and a piece of text may be the start
   * of a stop sequence: both are held back until the next tokens show what they are.
   */
  private final class Stream {
    private static final char INCOMPLETE = '\uFFFD';

    private final int row;
    private final Listener listener;
    private final StringBuilder text = new StringBuilder();
    private int[] tokens = {};

    /** Tokens before this are text already; those from {@code context} on are decoded with it. */
    private int decoded;

    private int context;
    private int told;
    private int stoppedAt = -1;

    Stream(int row, Listener listener) {
      this.row = row;
      this.listener = listener;
    }

    boolean goesOnAfter(int token) {
      tokens = Arrays.copyOf(tokens, tokens.length + 1);
      tokens[tokens.length - 1] = token;
      String whole = decode(context, tokens.length);
      if (!whole.isEmpty() && whole.charAt(whole.length() - 1) == INCOMPLETE) {
        return true;
      }
      text.append(whole.substring(Math.min(whole.length(), decode(context, decoded).length())));
      context = decoded;
      decoded = tokens.length;
      stoppedAt = firstStop();
      tell(stoppedAt >= 0 ? stoppedAt : text.length() - longestStartOfAStop());
      return stoppedAt < 0;
    }

    /** A decoder may treat the first token of a text differently, so some stand before the new. */
    private String decode(int from, int to) {
      return tokenizer.decode(Arrays.copyOfRange(tokens, from, to));
    }

    private int firstStop() {
      return config.stop().stream()
          .mapToInt(stop -> text.indexOf(stop, Math.max(0, told - stop.length())))
          .filter(place -> place >= 0)
          .min()
          .orElse(-1);
    }

    /** How many characters at the end could begin a stop sequence. */
    private int longestStartOfAStop() {
      int longest = 0;
      for (String stop : config.stop()) {
        for (int length = Math.min(stop.length() - 1, text.length()); length > longest; length--) {
          if (text.substring(text.length() - length).equals(stop.substring(0, length))) {
            longest = length;
          }
        }
      }
      return longest;
    }

    private void tell(int end) {
      if (end > told) {
        listener.text(row, text.substring(told, end));
        told = end;
      }
    }

    Answer end(int[] answer) {
      if (stoppedAt < 0) {
        String whole = decode(context, tokens.length);
        text.append(whole.substring(Math.min(whole.length(), decode(context, decoded).length())));
      }
      int end = stoppedAt < 0 ? text.length() : stoppedAt;
      tell(end);
      boolean full = stoppedAt < 0 && answer.length == config.maxNewTokens();
      return new Answer(text.substring(0, end), answer.length, full ? Ending.LENGTH : Ending.STOP);
    }
  }
}
