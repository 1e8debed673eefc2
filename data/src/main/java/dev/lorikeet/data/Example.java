package dev.lorikeet.data;

import dev.lorikeet.models.Message;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One row of a data set, as read: the text, or the image, and what is said of it.
 *
 * @param text the text, which has the words in their order where there are words, or the name of
 *     the image
 * @param textPair the second text of a pair; null when texts are single
 * @param words the words that labels stand beside; empty unless the task is token classification
 * @param labels the labels as written: one for a single-label task; one for regression, the
 *     number's text; any number for a multi-label task; one a word for token classification; none
 *     when the row is unlabelled
 * @param chat what is said in turns; null where there is a text
 * @param image the file of a picture; null where there is a text
 */
public record Example(
    String text,
    @Nullable String textPair,
    List<String> words,
    List<String> labels,
    @Nullable Chat chat,
    @Nullable Path image) {

  /**
   * A conversation.
   *
   * @param messages at least one
   * @param given how many of the first are given: what the assistant says in them is not learned
   */
  public record Chat(List<Message> messages, int given) {
    public Chat {
      messages = List.copyOf(messages);
    }
  }

  /**
   * Copies the lists.
   *
   * @throws IllegalArgumentException when there are words and labels, but not as many
   */
  public Example {
    words = List.copyOf(words);
    labels = List.copyOf(labels);
    if (!words.isEmpty() && !labels.isEmpty() && words.size() != labels.size()) {
      throw new IllegalArgumentException(
          "as many labels as words are needed: " + labels.size() + ", " + words.size());
    }
  }

  /** A row that is a text. */
  public Example(String text, @Nullable String textPair, List<String> words, List<String> labels) {
    this(text, textPair, words, labels, null, null);
  }

  /** A conversation whose assistant a language model learns to be. */
  public static Example ofChat(List<Message> messages) {
    return ofChat(new Chat(messages, 0));
  }

  static Example ofChat(Chat chat) {
    return new Example("", null, List.of(), List.of(), chat, null);
  }

  /** A single text, labelled or, without labels, not. */
  public static Example of(String text, String... labels) {
    return new Example(text, null, List.of(), List.of(labels));
  }

  /** A picture, labelled or, without labels, not. */
  public static Example ofImage(Path file, String... labels) {
    return new Example(file.toString(), null, List.of(), List.of(labels), null, file);
  }

  /** The same without its labels. */
  public Example unlabelled() {
    return withLabels(List.of());
  }

  /** The same with other labels. */
  Example withLabels(List<String> others) {
    return new Example(text, textPair, words, others, chat, image);
  }

  /** A pair of texts, labelled or, without labels, not. */
  public static Example ofPair(String text, String textPair, String... labels) {
    return new Example(text, textPair, List.of(), List.of(labels));
  }

  /** Words with one label each, or with none at all. */
  public static Example ofWords(List<String> words, List<String> labels) {
    return new Example(String.join(" ", words), null, words, labels);
  }
}
