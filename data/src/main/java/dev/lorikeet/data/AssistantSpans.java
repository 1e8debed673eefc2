package dev.lorikeet.data;

import dev.lorikeet.models.ChatTemplate;
import dev.lorikeet.models.Message;
import dev.lorikeet.models.jinja.Jinja.Rendered;
import dev.lorikeet.models.jinja.Jinja.Span;
import dev.lorikeet.torch.LorikeetException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Finds what the assistant says in a rendered chat, up to and with the token that ends its turn.
 *
 * <p>A template that marks it by {@code {% generation %}} is taken at its word. For others the chat
 * is rendered up to the assistant's header and up to its answer: where both are beginnings of the
 * whole, the answer lies between them. Some templates write the past otherwise than the present
 * (they drop earlier thoughts, or move the system prompt): there the answer is where the text
 * changes when the message does, and its end is what the template writes behind it.
 */
final class AssistantSpans {
  /** A character of the private use area, which no text should have. */
  private static final String MARK = "\uE0A7";

  private final ChatTemplate template;
  private final Collection<String> specialTokens;

  /**
   * @param specialTokens the tokens that may end a turn; white space behind the last of them is not
   *     the assistant's
   */
  AssistantSpans(ChatTemplate template, Collection<String> specialTokens) {
    this.template = template;
    this.specialTokens = specialTokens;
  }

  /**
   * The spans, in the order of the text.
   *
   * @throws LorikeetException when the template refuses the chat, or an answer cannot be found
   */
  List<Span> of(Example.Chat chat, Rendered whole) {
    if (template.marksAnswers()) {
      int from = chat.given() == 0 ? 0 : textTo(chat.messages(), chat.given(), true).length();
      return whole.generated().stream().filter(span -> span.start() >= from).toList();
    }
    List<Span> spans = new ArrayList<>();
    for (int turn = chat.given(); turn < chat.messages().size(); turn++) {
      if (chat.messages().get(turn).isAssistant()) {
        Span span = between(chat.messages(), turn, whole.text());
        spans.add(span != null ? span : changing(chat.messages(), turn, whole.text()));
      }
    }
    return spans;
  }

  private String textTo(List<Message> messages, int end, boolean prompt) {
    return template.render(messages.subList(0, end), prompt).text();
  }

  private @Nullable String tryTextTo(List<Message> messages, int end, boolean prompt) {
    try {
      return textTo(messages, end, prompt);
    } catch (LorikeetException e) {
      return null; // a template may refuse a chat that breaks off here
    }
  }

  /** What a turn adds to the chat before it; null where that is no beginning of the whole. */
  private @Nullable Span between(List<Message> messages, int turn, String whole) {
    String before = tryTextTo(messages, turn, true);
    String after = before == null ? null : tryTextTo(messages, turn + 1, false);
    if (before == null
        || after == null
        || !whole.startsWith(after)
        || !after.startsWith(before)
        || after.length() == before.length()) {
      return null;
    }
    return new Span(before.length(), before.length() + end(after.substring(before.length()), true));
  }

  /** The part of the whole that changes with the message, and the end of turn behind it. */
  private Span changing(List<Message> messages, int turn, String whole) {
    if (!messages.get(turn).content().isTextual()) {
      throw new LorikeetException(
          "cannot tell which tokens of message "
              + (turn + 1)
              + " are the assistant's: the template has no {% generation %}; train on all");
    }
    List<Message> marked = new ArrayList<>(messages);
    marked.set(turn, messages.get(turn).withContent(MARK));
    String other = textTo(marked, marked.size(), false);
    int start = common(whole, other, false);
    int behind =
        Math.min(common(whole, other, true), Math.min(whole.length(), other.length()) - start);
    int stop = whole.length() - behind;
    String alone = tryTextTo(marked, turn + 1, false);
    String tail = alone == null ? "" : alone.substring(alone.lastIndexOf(MARK) + 1);
    String shared = tail.substring(0, common(tail, whole.substring(stop), false));
    return new Span(start, stop + end(shared, shared.equals(tail)));
  }

  /** The length of what two texts begin with, or end with, in common. */
  private static int common(String a, String b, boolean atEnd) {
    int length = Math.min(a.length(), b.length());
    for (int i = 0; i < length; i++) {
      char x = a.charAt(atEnd ? a.length() - 1 - i : i);
      char y = b.charAt(atEnd ? b.length() - 1 - i : i);
      if (x != y) {
        return i;
      }
    }
    return length;
  }

  /**
   * Where a turn ends in a text: behind the last special token if white space alone follows it, or
   * if the text breaks off; else at the text's end.
   */
  private int end(String text, boolean complete) {
    int end = 0;
    for (String token : specialTokens) {
      int at = text.lastIndexOf(token);
      end = at < 0 ? end : Math.max(end, at + token.length());
    }
    if (!complete) {
      return end;
    }
    return end > 0 && text.substring(end).isBlank() ? end : text.length();
  }
}
