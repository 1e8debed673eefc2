package dev.lorikeet.data;

import dev.lorikeet.models.ChatTemplate;
import dev.lorikeet.models.Encoding;
import dev.lorikeet.models.TextTokenizer;
import dev.lorikeet.models.TextTokenizer.Written;
import dev.lorikeet.models.jinja.Jinja.Rendered;
import dev.lorikeet.models.jinja.Jinja.Span;
import dev.lorikeet.torch.LorikeetException;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Turns rows into the tokens and labels of language models that write. The labels are the tokens
 * themselves, not shifted; the first one, which nothing predicts, never counts.
 *
 * <p>A text is a document: it gets the special tokens that its tokenizer gives a text, and at the
 * end the end-of-text token. So does a prompt with its completion. A chat gets what its template
 * writes, and nothing more.
 */
final class LanguageModelEncoder {
  private static final float[] NO_TARGETS = {};

  private final TextTokenizer tokenizer;
  private final int maxLength;
  private final TrainOn trainOn;
  private final @Nullable ChatTemplate template;

  LanguageModelEncoder(TextTokenizer tokenizer, int maxLength, TrainOn trainOn) {
    this.tokenizer = tokenizer;
    this.maxLength = maxLength;
    this.trainOn = trainOn;
    this.template = tokenizer.chatTemplate();
  }

  /** An example whose tokens are perhaps too many. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Full(int[] ids, long[] labels) {}

  /** A row of a causal language model, whole. */
  Full causal(Example example) {
    Full full = example.chat() == null ? text(example) : chat(example.chat());
    if (full.labels().length > 0) {
      full.labels()[0] = EncodedExample.IGNORED;
    }
    return full;
  }

  /** The first {@code maxLength} tokens. */
  EncodedExample cut(Full full) {
    int length = Math.min(maxLength, full.ids().length);
    return new EncodedExample(
        Arrays.copyOf(full.ids(), length),
        new int[length],
        Arrays.copyOf(full.labels(), length),
        NO_TARGETS);
  }

  /** What {@link #cut} leaves out. */
  Truncated cutOff(Full full) {
    int learned =
        (int)
            Arrays.stream(full.labels())
                .skip(maxLength)
                .filter(label -> label != EncodedExample.IGNORED)
                .count();
    return new Truncated(full.ids().length > maxLength ? 1 : 0, learned);
  }

  /** Whether some of the labels count. */
  static boolean teaches(EncodedExample example) {
    return Arrays.stream(example.classes()).anyMatch(label -> label != EncodedExample.IGNORED);
  }

  private Full text(Example example) {
    String completion = example.textPair();
    String text = completion == null ? example.text() : example.text() + completion;
    Written written = tokenizer.write(text, true);
    int learnedFrom =
        completion == null || trainOn == TrainOn.ALL
            ? 0
            : example.text().codePointCount(0, example.text().length());
    long[] labels = new long[written.ids().length];
    for (int i = 0; i < labels.length; i++) {
      labels[i] =
          written.ends()[i] > learnedFrom || learnedFrom == 0
              ? written.ids()[i]
              : EncodedExample.IGNORED;
    }
    return ended(written.ids(), labels);
  }

  /** With the end-of-text token, unless it is there. */
  private Full ended(int[] ids, long[] labels) {
    Integer end = tokenizer.eosTokenId();
    if (end == null) {
      return new Full(ids, labels);
    }
    boolean there = ids.length > 0 && ids[ids.length - 1] == end;
    int[] endedIds = there ? ids : Arrays.copyOf(ids, ids.length + 1);
    long[] endedLabels = there ? labels : Arrays.copyOf(labels, labels.length + 1);
    endedIds[endedIds.length - 1] = end;
    endedLabels[endedLabels.length - 1] = end;
    return new Full(endedIds, endedLabels);
  }

  private Full chat(Example.Chat chat) {
    if (template == null) {
      throw new LorikeetException(
          "the tokenizer has no chat template: put one into the model's folder"
              + " (chat_template.jinja), or train on texts");
    }
    Rendered rendered = template.render(chat.messages(), false);
    Written written = tokenizer.write(rendered.text(), false);
    if (trainOn == TrainOn.ALL) {
      return new Full(written.ids(), Arrays.stream(written.ids()).asLongStream().toArray());
    }
    List<Span> spans = new AssistantSpans(template, tokenizer.specialTokens()).of(chat, rendered);
    long[] labels = new long[written.ids().length];
    Arrays.fill(labels, EncodedExample.IGNORED);
    spans.forEach(span -> learn(span, rendered.text(), written, labels));
    return new Full(written.ids(), labels);
  }

  /** Labels the tokens that lie in a span, if only in part. */
  private static void learn(Span span, String text, Written written, long[] labels) {
    int start = text.codePointCount(0, span.start());
    int end = text.codePointCount(0, span.end());
    for (int i = 0; i < labels.length; i++) {
      if (written.ends()[i] > start && written.starts()[i] < end) {
        labels[i] = written.ids()[i];
      }
    }
  }

  /** A row as the model reads it, and what was cut off. */
  record Cut(EncodedExample example, Truncated truncated) {}

  /** A row of an encoder-decoder: the text, and the target as labels; each cut by itself. */
  Cut translation(Example example) {
    Encoding text = tokenizer.encode(example.text(), null, maxLength);
    String target = Objects.requireNonNull(example.textPair(), "a target");
    int[] ids = tokenizer.encode(target, null, maxLength).ids();
    long[] labels = Arrays.stream(ids).asLongStream().toArray();
    Full answer = ids.length < maxLength ? ended(ids, labels) : new Full(ids, labels);
    int lostLabels = beyond(target, ids.length);
    boolean cut = lostLabels > 0 || beyond(example.text(), text.length()) > 0;
    return new Cut(
        new EncodedExample(text.ids(), text.typeIds(), answer.labels(), NO_TARGETS),
        new Truncated(cut ? 1 : 0, lostLabels));
  }

  /** How many tokens a text has beyond those that were kept of it. */
  private int beyond(String text, int kept) {
    return kept < maxLength
        ? 0
        : tokenizer.encode(text, null, Integer.MAX_VALUE).length() - maxLength;
  }
}
