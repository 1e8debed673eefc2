package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.compare.Prediction;
import dev.lorikeet.compare.TextModel;
import dev.lorikeet.models.OutputFolder;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.Task;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Answers texts: one line of JSON each, in their order, with label, score and logits. */
@Command(
    name = "predict",
    description = "Answer texts with a trained model.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class PredictCommand implements Callable<Integer> {
  private static final ObjectMapper JSON = new ObjectMapper();

  @Mixin private Console console;
  @Mixin private ModelFlags model;
  @Mixin private DataFlags columns;

  @Option(names = "--data", required = true, paramLabel = "FILE", description = "The texts.")
  private String data;

  @Option(
      names = "--output",
      paramLabel = "FILE",
      description = "Where the answers go; unless given, standard output.")
  private @Nullable Path output;

  @Override
  public Integer call() {
    try (TextModel open = model.open()) {
      open.mustPredict();
      List<ObjectNode> lines =
          open.predict(columns.unlabelled(data, open, console)).stream()
              .map(prediction -> json(prediction, isSingle(open)))
              .toList();
      if (output == null) {
        lines.forEach(console.results()::println);
        console.results().flush();
        return 0;
      }
      OutputFolder.writeFile(output, stream -> lines.forEach(line -> writeLine(stream, line)));
      ObjectNode results = JsonNodeFactory.instance.objectNode();
      results.put("predictions", lines.size()).put("output", output.toString());
      console.print(results, lines.size() + " predictions written to " + output);
    }
    return 0;
  }

  /** Whether an answer is one label, not a list. */
  private static boolean isSingle(TextModel model) {
    return model.task() == Task.MASKED_LM
        || (model.task() == Task.SEQUENCE_CLASSIFICATION
            && model.model().config().problemType() != ProblemType.MULTI_LABEL);
  }

  private static ObjectNode json(Prediction prediction, boolean single) {
    ObjectNode json = JSON.createObjectNode();
    if (single) {
      json.put("label", prediction.labels().get(0));
      json.put("score", prediction.scores().get(0));
    } else {
      prediction.labels().forEach(json.putArray("label")::add);
      prediction.scores().forEach(json.putArray("score")::add);
    }
    ArrayNode logits = json.putArray("logits");
    for (float logit : prediction.logits()) {
      logits.add(logit);
    }
    return json;
  }

  private static void writeLine(OutputStream stream, ObjectNode line) {
    try {
      stream.write((line + "\n").getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
