package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.compare.TextModel;
import dev.lorikeet.data.Example;
import dev.lorikeet.data.ExampleRows;
import dev.lorikeet.models.OutputFolder;
import dev.lorikeet.tasks.Task;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Answers texts or images: a line of JSON each, in their order, or words for those typed. */
@Command(
    name = "predict",
    description = {
      "Answer texts, or images, with a trained model.",
      "Each row of a file or folder is answered with a line of JSON, in their order: its line, label,"
          + " score, probabilities and logits; for token classification every word with its place"
          + " in the text; for masked language models the candidates for each mask."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class PredictCommand implements Callable<Integer> {
  @Mixin private Console console;
  @Mixin private ModelFlags model;
  @Mixin private DataFlags columns;
  @Mixin private OverwriteFlag overwrite;
  @Mixin private AnswerFlags answerFlags;

  @Parameters(
      arity = "0..*",
      paramLabel = "TEXT",
      description = "Texts to answer, or images, instead of --data.")
  private List<String> texts = List.of();

  @Option(
      names = "--pair",
      arity = "2",
      paramLabel = "TEXT",
      description = "Two texts to answer together, instead of --data; may be repeated.")
  private List<String> pairs = List.of();

  @Option(names = "--data", paramLabel = "FILE", description = "The texts, or images.")
  private @Nullable String data;

  @Option(
      names = {"--keep", "--id"},
      split = ",",
      paramLabel = "COLUMN",
      description = "With --data: columns to pass through, as \"input\" of each answer.")
  private List<String> kept = List.of();

  @Option(
      names = "--adapter-column",
      paramLabel = "COLUMN",
      description = {
        "With --data: the column that names the adapter by which a row is answered; where it is"
            + " empty, the base answers.",
        "Give --adapter NAME=ADAPTER for each; without NAME it is called as its folder."
      })
  private @Nullable String adapterColumn;

  @Option(
      names = "--output",
      paramLabel = "FILE",
      description = "Where the answers go; unless given, standard output.")
  private @Nullable Path output;

  @Override
  public Integer call() {
    mustHaveOneSource();
    if (output != null) {
      OutputFolder.checkFile(output, overwrite.isGiven());
    }
    try (TextModel open = open()) {
      open.mustPredict();
      Answering answering = answerFlags.on(open);
      if (output == null) {
        int answers = answer(open, answering, this::print);
        console.endOfLines();
        Truncation.tell(open, answers, console);
        return 0;
      }
      ObjectNode results = JsonNodeFactory.instance.objectNode();
      OutputFolder.writeFile(
          output,
          stream ->
              results.put(
                  "predictions", answer(open, answering, a -> writeLine(stream, a.json()))));
      results.put("output", output.toString());
      Truncation.put(results, "", open.truncated());
      Truncation.tell(open, results.path("predictions").asInt(), console);
      console.print(results, results.path("predictions") + " predictions written to " + output);
    }
    return 0;
  }

  private TextModel open() {
    return adapterColumn == null ? model.open() : model.openSeveral();
  }

  private void mustHaveOneSource() {
    int sources = (texts.isEmpty() ? 0 : 1) + (pairs.isEmpty() ? 0 : 1) + (data == null ? 0 : 1);
    if (sources != 1) {
      throw new UsageException("give either --data, or the texts themselves, or --pair");
    }
    if (data == null && !kept.isEmpty()) {
      throw new UsageException("--keep is for the columns of --data: leave it out");
    }
    if (data == null && adapterColumn != null) {
      throw new UsageException("--adapter-column is for the columns of --data: leave it out");
    }
  }

  /** Answers everything, and says how many answers there were. */
  private int answer(TextModel open, Answering answering, Consumer<Answer> sink) {
    if (data == null) {
      List<Answer> answers = answering.of(typed(open.task()));
      answers.forEach(sink);
      return answers.size();
    }
    AdapterColumn adapters = adapterColumn == null ? null : new AdapterColumn(adapterColumn, open);
    List<String> passed = new ArrayList<>(kept);
    if (adapterColumn != null) {
      passed.add(adapterColumn);
    }
    try (ExampleRows rows = columns.unlessGiven(model.settings()).rows(data, open, passed)) {
      return new AnsweredRows(data, columns.onBadRow(), kept, adapters, console)
          .answer(rows, answering, sink);
    }
  }

  private List<Example> typed(Task task) {
    if (!task.takesPairs() && !pairs.isEmpty()) {
      throw new UsageException(task.id() + " takes no pairs: leave --pair out");
    }
    List<Example> examples = new ArrayList<>();
    for (String text : texts) {
      examples.add(task.readsImages() ? Example.ofImage(Path.of(text)) : Example.of(text));
    }
    for (int i = 0; i < pairs.size(); i += 2) {
      examples.add(Example.ofPair(pairs.get(i), pairs.get(i + 1)));
    }
    return examples;
  }

  private void print(Answer answer) {
    if (data == null && !console.isJson()) {
      console.line(answer.text());
    } else {
      console.line(answer.json());
    }
  }

  private static void writeLine(OutputStream stream, ObjectNode line) {
    try {
      stream.write((line + "\n").getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
