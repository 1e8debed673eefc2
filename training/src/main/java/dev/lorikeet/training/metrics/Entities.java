package dev.lorikeet.training.metrics;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Entities of several words, found in tags such as B-PER and I-PER and scored whole: one counts as
 * found only when its type and both its ends are right (Tjong Kim Sang and De Meulder 2003, <a
 * href="https://aclanthology.org/W03-0419">CoNLL-2003</a>). What is counted is what seqeval 1.2.2
 * counts.
 */
public final class Entities {
  private Entities() {}

  /**
   * Some words that are one thing together.
   *
   * @param start its first word
   * @param end the word behind its last
   */
  public record Entity(String type, int start, int end) {}

  /**
   * The entities of one text, as conlleval and seqeval's default mode read tags of all schemes: an
   * I that follows nothing of its type begins an entity, too.
   */
  public static List<Entity> of(List<String> tags) {
    List<Entity> entities = new ArrayList<>();
    Tag previous = Tag.OUTSIDE;
    int start = 0;
    for (int i = 0; i <= tags.size(); i++) {
      Tag tag = i < tags.size() ? Tag.of(tags.get(i)) : Tag.OUTSIDE;
      if (ends(previous, tag)) {
        entities.add(new Entity(previous.type(), start, i));
      }
      if (starts(previous, tag)) {
        start = i;
      }
      previous = tag;
    }
    return entities;
  }

  private static boolean ends(Tag previous, Tag tag) {
    return switch (previous.prefix()) {
      case 'O', '.' -> false;
      case 'E', 'S' -> true;
      case 'B', 'I' -> "BSO".indexOf(tag.prefix()) >= 0 || !previous.type().equals(tag.type());
      default -> !previous.type().equals(tag.type());
    };
  }

  private static boolean starts(Tag previous, Tag tag) {
    return switch (tag.prefix()) {
      case 'O', '.' -> false;
      case 'B', 'S' -> true;
      case 'I', 'E' -> "ESO".indexOf(previous.prefix()) >= 0 || !previous.type().equals(tag.type());
      default -> !previous.type().equals(tag.type());
    };
  }

  /** The entities of one text that are spelt as a scheme asks. */
  public static List<Entity> of(List<String> tags, TagScheme scheme) {
    List<Entity> entities = new ArrayList<>();
    List<Tag> parsed = tags.stream().map(Tag::of).toList();
    for (int start = 0; start < parsed.size(); start++) {
      Tag first = parsed.get(start);
      int end = first.prefix() == 'B' ? end(parsed, start) : start + 1;
      boolean isOne = end - start == 1 && scheme.isSingle(first);
      if (isOne || (end - start > 1 && scheme.isEnd(parsed.get(end - 1)))) {
        entities.add(new Entity(first.type(), start, end));
      }
    }
    return entities;
  }

  /** Behind the words that go on with what begins at a B: any I, and what comes after them. */
  private static int end(List<Tag> tags, int start) {
    int end = start + 1;
    while (end < tags.size()
        && tags.get(end).type().equals(tags.get(start).type())
        && "IEL".indexOf(tags.get(end).prefix()) >= 0) {
      end++;
      if (tags.get(end - 1).prefix() != 'I') {
        return end;
      }
    }
    return end;
  }

  /**
   * The scores of each type of entities that occurs, in the order of the types' names.
   *
   * @param labels the true tags of each text
   * @param predictions the answered tags of each text
   * @param scheme how entities must be spelt; null for {@link #of(List)}
   */
  public static ClassificationReport score(
      List<List<String>> labels, List<List<String>> predictions, @Nullable TagScheme scheme) {
    Set<Found> labelled = all(labels, scheme);
    Set<Found> answered = all(predictions, scheme);
    Set<String> types = new TreeSet<>();
    labelled.forEach(found -> types.add(found.entity().type()));
    answered.forEach(found -> types.add(found.entity().type()));
    Set<Found> both = new HashSet<>(labelled);
    both.retainAll(answered);
    return ClassificationReport.of(
        types.stream()
            .map(
                type ->
                    new ClassCounts(
                        type, count(both, type), count(labelled, type), count(answered, type)))
            .toList());
  }

  private record Found(int text, Entity entity) {}

  private static Set<Found> all(List<List<String>> texts, @Nullable TagScheme scheme) {
    Set<Found> all = new HashSet<>();
    for (int i = 0; i < texts.size(); i++) {
      int text = i;
      List<Entity> entities = scheme == null ? of(texts.get(i)) : of(texts.get(i), scheme);
      entities.forEach(entity -> all.add(new Found(text, entity)));
    }
    return all;
  }

  private static long count(Set<Found> all, String type) {
    return all.stream().filter(found -> found.entity().type().equals(type)).count();
  }
}
