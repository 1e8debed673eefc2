package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.compare.MaskFill;
import dev.lorikeet.compare.Prediction;
import dev.lorikeet.compare.TextModel;
import dev.lorikeet.data.Example;
import dev.lorikeet.models.OutputFolder;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.Task;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
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
      "Those of a file or folder are answered with a line of JSON each: label, score and logits;"
          + " for masked language models the candidates for each mask."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class PredictCommand implements Callable<Integer> {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int DEFAULT_TOP_K = 5;

  @Mixin private Console console;
  @Mixin private ModelFlags model;
  @Mixin private DataFlags columns;
  @Mixin private OverwriteFlag overwrite;

  @Parameters(
      arity = "0..*",
      paramLabel = "TEXT",
      description = "Texts to answer, or images, instead of --data.")
  private List<String> texts = List.of();

  @Option(names = "--data", paramLabel = "FILE", description = "The texts, or images.")
  private @Nullable String data;

  @Option(
      names = "--output",
      paramLabel = "FILE",
      description = "Where the answers go; unless given, standard output.")
  private @Nullable Path output;

  @Option(
      names = "--top-k",
      paramLabel = "N",
      description = "For masked language models: how many candidates a mask gets (5).")
  private @Nullable Integer topK;

  /** A text's or image's answer, as JSON and for people. */
  private record Answer(ObjectNode json, String text) {}

  @Override
  public Integer call() {
    if (texts.isEmpty() == (data == null)) {
      throw new UsageException("give either --data or the texts themselves");
    }
    if (output != null) {
      OutputFolder.checkFile(output, overwrite.isGiven());
    }
    try (TextModel open = model.open()) {
      open.mustPredict();
      List<Answer> answers = answers(open);
      Truncation.tell(open, answers.size(), console);
      if (output == null) {
        boolean asText = data == null && !console.isJson();
        answers.forEach(
            answer -> console.results().println(asText ? answer.text() : answer.json()));
        console.results().flush();
        return 0;
      }
      OutputFolder.writeFile(
          output, stream -> answers.forEach(answer -> writeLine(stream, answer.json())));
      ObjectNode results = JsonNodeFactory.instance.objectNode();
      results.put("predictions", answers.size()).put("output", output.toString());
      Truncation.put(results, "", open.truncated());
      console.print(results, answers.size() + " predictions written to " + output);
    }
    return 0;
  }

  private List<Answer> answers(TextModel open) {
    boolean fillsMasks = open.task() == Task.MASKED_LM;
    if (topK != null && !fillsMasks) {
      throw new UsageException(
          "--top-k is for masked language models, this is " + open.task().id());
    }
    List<Example> examples =
        data == null ? typed(open.task()) : columns.unlabelled(data, open, console);
    List<Answer> answers = new ArrayList<>();
    if (fillsMasks) {
      int candidates = topK == null ? DEFAULT_TOP_K : topK;
      List<List<MaskFill>> fills = open.fillMasks(examples, candidates);
      for (int i = 0; i < fills.size(); i++) {
        answers.add(new Answer(json(fills.get(i)), text(examples.get(i), fills.get(i))));
      }
      return answers;
    }
    List<Prediction> predictions = open.predict(examples);
    for (int i = 0; i < predictions.size(); i++) {
      Prediction prediction = predictions.get(i);
      ObjectNode json = json(examples.get(i), prediction, isSingle(open));
      answers.add(new Answer(json, text(examples.get(i), prediction)));
    }
    return answers;
  }

  private List<Example> typed(Task task) {
    return texts.stream()
        .map(
            text ->
                switch (task) {
                  case TOKEN_CLASSIFICATION ->
                      Example.ofWords(List.of(text.strip().split("\\s+")), List.of());
                  case IMAGE_CLASSIFICATION -> Example.ofImage(Path.of(text));
                  default -> Example.of(text);
                })
        .toList();
  }

  /** Whether an answer is one label, not a list. */
  private static boolean isSingle(TextModel model) {
    return model.task() == Task.IMAGE_CLASSIFICATION
        || (model.task() == Task.SEQUENCE_CLASSIFICATION
            && model.model().config().problemType() != ProblemType.MULTI_LABEL);
  }

  // ---- as JSON ----

  /** {@code label} and {@code score} are those of the first mask. */
  private static ObjectNode json(List<MaskFill> fills) {
    ObjectNode json = JSON.createObjectNode();
    MaskFill.Candidate first = fills.get(0).candidates().get(0);
    json.put("label", first.token()).put("score", first.score());
    ArrayNode masks = json.putArray("masks");
    for (MaskFill fill : fills) {
      ObjectNode mask = masks.addObject().put("position", fill.position());
      ArrayNode candidates = mask.putArray("candidates");
      for (MaskFill.Candidate candidate : fill.candidates()) {
        candidates
            .addObject()
            .put("token", candidate.token())
            .put("id", candidate.id())
            .put("score", candidate.score());
      }
    }
    return json;
  }

  private static ObjectNode json(Example example, Prediction prediction, boolean single) {
    ObjectNode json = JSON.createObjectNode();
    if (example.image() != null) {
      json.put("image", example.image().toString());
    }
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

  // ---- for people ----

  private static String text(Example example, List<MaskFill> fills) {
    StringBuilder text = new StringBuilder(example.text());
    for (int i = 0; i < fills.size(); i++) {
      if (fills.size() > 1) {
        text.append("\n  mask ").append(i + 1);
      }
      fills.get(i).candidates().forEach(c -> text.append(line(c.score(), c.token())));
    }
    return text.toString();
  }

  private static String text(Example example, Prediction prediction) {
    StringBuilder text = new StringBuilder(example.text());
    for (int i = 0; i < prediction.labels().size(); i++) {
      text.append(line(prediction.scores().get(i), prediction.labels().get(i)));
    }
    return text.toString();
  }

  private static String line(double score, String label) {
    return String.format(Locale.ROOT, "%n  %.4f  %s", score, label);
  }
}
