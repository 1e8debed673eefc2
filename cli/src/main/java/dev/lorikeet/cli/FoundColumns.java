package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lorikeet.data.DataReader;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A data set's columns, and which of them a task reads by the names that are usual for it.
 *
 * @param names of the columns; none of a folder of pictures
 */
record FoundColumns(String source, List<String> names) {
  /** The names that are usual for what a column has. */
  private static final Map<String, List<String>> USUAL =
      Map.of(
          "text", List.of("text", "sentence", "sentence1", "premise", "content", "review", "input"),
          "second text", List.of("text_pair", "sentence2", "hypothesis"),
          "label", List.of("label", "labels", "class", "category", "topic", "score"),
          "words", List.of("words", "tokens"),
          "tags", List.of("tags", "ner_tags", "labels", "label"),
          "chat", List.of("messages", "conversations"),
          "prompt", List.of("prompt", "instruction", "question"),
          "completion", List.of("completion", "response", "answer", "output"),
          "target", List.of("target", "summary", "translation"),
          "image", List.of("image", "file_name"));

  /**
   * A kind of rows that a task reads.
   *
   * @param columns what they have, by the keys of a recipe's section {@code data}
   * @param isChosen whether such rows are taken to be for the task
   */
  private record Kind(String task, Map<String, String> columns, boolean isChosen) {
    static Kind of(String task, boolean isChosen, String... columns) {
      Map<String, String> byKey = new LinkedHashMap<>();
      for (String column : columns) {
        byKey.put(column.replaceFirst("=.*", ""), column.replaceFirst(".*=", ""));
      }
      return new Kind(task, byKey, isChosen);
    }
  }

  /** The kinds of rows, those that say more first. */
  private static final List<Kind> KINDS =
      List.of(
          Kind.of("image-classification", true, "image=image", "label=label"),
          Kind.of("causal-lm", true, "messages=chat"),
          Kind.of("causal-lm", true, "prompt=prompt", "completion=completion"),
          Kind.of("seq2seq-lm", true, "text=text", "target=target"),
          Kind.of("token-classification", true, "text=words", "label=tags"),
          Kind.of(
              "sequence-classification", true, "text=text", "text_pair=second text", "label=label"),
          Kind.of("sequence-classification", true, "text=text", "label=label"),
          Kind.of("token-classification", false, "text=text", "label=tags"),
          Kind.of("causal-lm", false, "text=text"),
          Kind.of("masked-lm", false, "text=text"));

  private static final Pattern TAGGED_WORDS =
      Pattern.compile("conll:.*|.*\\.(conllu?|bio|iob2?)(\\.gz|\\.zst)?");

  /**
   * Looks at a data set.
   *
   * @throws UsageException when it is standard input, which can be read once only
   */
  static FoundColumns of(String source) {
    if (source.equals("-") || source.endsWith(":-")) {
      throw new UsageException("--data - is standard input, which is read once: give a file");
    }
    return new FoundColumns(source, isOfPictures(source) ? List.of() : DataReader.columns(source));
  }

  private static boolean isOfPictures(String source) {
    try (Stream<Path> files =
        Files.isDirectory(Path.of(source)) ? Files.list(Path.of(source)) : Stream.empty()) {
      return files.anyMatch(Files::isDirectory);
    } catch (InvalidPathException e) {
      return false; // a query
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private @Nullable String find(String column) {
    return Objects.requireNonNull(USUAL.get(column)).stream()
        .filter(names::contains)
        .findFirst()
        .orElse(null);
  }

  private boolean have(Kind kind, JsonNode named) {
    return kind.columns.entrySet().stream()
        .allMatch(column -> named.hasNonNull(column.getKey()) || find(column.getValue()) != null);
  }

  /**
   * The task that the rows are for.
   *
   * @param named the columns that the user names, by the keys of a recipe
   * @param ofModel the task of the model's own head, which texts alone are for; null for none
   */
  String task(JsonNode named, @Nullable String ofModel) {
    if (names.isEmpty()) {
      return "image-classification";
    } else if (TAGGED_WORDS.matcher(source).matches()) {
      return "token-classification";
    }
    return KINDS.stream()
        .filter(kind -> kind.isChosen && have(kind, named))
        .map(Kind::task)
        .findFirst()
        .orElse(ofModel == null ? "masked-lm" : ofModel);
  }

  /**
   * The columns that a task reads, by the keys of a recipe.
   *
   * @param named those that the user names
   * @throws UsageException when one cannot be told by its name
   */
  Map<String, String> keys(String task, JsonNode named) {
    Map<String, String> keys = new LinkedHashMap<>();
    if (names.isEmpty()) {
      return keys;
    }
    List<Kind> kinds = KINDS.stream().filter(kind -> kind.task.equals(task)).toList();
    Kind found =
        kinds.stream()
            .filter(kind -> have(kind, named))
            .findFirst()
            .orElseThrow(() -> unknown(task, kinds));
    found.columns.forEach(
        (key, column) -> {
          if (!named.hasNonNull(key)) {
            keys.put(key, Objects.requireNonNull(find(column)));
          }
        });
    return keys;
  }

  private UsageException unknown(String task, List<Kind> kinds) {
    String needed =
        kinds.stream()
            .filter(kind -> !kind.columns.containsKey("text_pair"))
            .map(kind -> String.join(" and ", kind.columns.values()))
            .collect(Collectors.joining(", or "));
    String flags =
        kinds.get(kinds.size() - 1).columns.keySet().stream()
            .map(key -> " --set data." + key + "=COLUMN")
            .collect(Collectors.joining());
    return new UsageException(
        (source + ": which columns have the " + needed + " of " + task + "? There are ")
            + (String.join(", ", names) + "; name them:" + flags));
  }
}
