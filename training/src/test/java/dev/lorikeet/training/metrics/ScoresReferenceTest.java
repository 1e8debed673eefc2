package dev.lorikeet.training.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What scikit-learn 1.9.1 and seqeval 1.2.2 score, recorded by src/test/interop/scores.py. */
class ScoresReferenceTest {
  /** Quotients of small whole numbers in double, and means of a handful of them. */
  private static final Offset<Double> EXACT = within(1e-12);

  private static final JsonNode REFERENCE = read();

  private static JsonNode read() {
    try (InputStream file =
        Objects.requireNonNull(ScoresReferenceTest.class.getResourceAsStream("/scores.json"))) {
      return new ObjectMapper().readTree(file);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private static List<String> texts(JsonNode list) {
    List<String> texts = new ArrayList<>();
    list.forEach(text -> texts.add(text.asText()));
    return texts;
  }

  private static int[] ints(JsonNode list) {
    return IntStream.range(0, list.size()).map(i -> list.path(i).asInt()).toArray();
  }

  private static void assertScores(ClassScores scores, JsonNode expected, String name) {
    assertThat(scores.precision())
        .as("precision of %s", name)
        .isCloseTo(expected.path("precision").asDouble(), EXACT);
    assertThat(scores.recall())
        .as("recall of %s", name)
        .isCloseTo(expected.path("recall").asDouble(), EXACT);
    assertThat(scores.f1())
        .as("F1 of %s", name)
        .isCloseTo(expected.path("f1-score").asDouble(), EXACT);
    assertThat(scores.support())
        .as("support of %s", name)
        .isEqualTo(expected.path("support").asLong());
  }

  private static void assertReport(ClassificationReport report, JsonNode expected) {
    List<String> names = new ArrayList<>();
    expected.fieldNames().forEachRemaining(names::add);
    names.removeIf(name -> name.endsWith(" avg") || name.equals("accuracy"));
    assertThat(report.classes().keySet()).containsExactlyElementsOf(names);
    report.classes().forEach((name, scores) -> assertScores(scores, expected.path(name), name));
    assertScores(report.macro(), expected.path("macro avg"), "macro avg");
    assertScores(report.weighted(), expected.path("weighted avg"), "weighted avg");
    if (expected.has("micro avg")) {
      assertScores(report.micro(), expected.path("micro avg"), "micro avg");
    }
  }

  @Test
  void classesAndConfusionsAsScikitLearnReportsThem() {
    JsonNode expected = REFERENCE.path("classes");
    long[] labels = Arrays.stream(ints(expected.path("labels"))).asLongStream().toArray();
    int[] predictions = ints(expected.path("predictions"));
    List<String> names = texts(REFERENCE.path("names"));
    ConfusionMatrix confusion = ConfusionMatrix.of(labels, predictions, names);
    assertThat(confusion.labels()).isEqualTo(texts(expected.path("present")));
    assertThat(Arrays.deepToString(confusion.counts()).replace(" ", ""))
        .isEqualTo(expected.path("confusion").toString());
    ClassificationReport report = ClassificationReport.of(confusion.byClass());
    assertReport(report, expected.path("report"));
    assertThat(report.micro().f1()).isCloseTo(expected.path("micro_f1").asDouble(), EXACT);
    Map<String, Double> metrics = Metrics.classes(labels, predictions, names.size());
    assertThat(metrics.get("macro_f1")).isCloseTo(report.macro().f1(), EXACT);
    assertThat(metrics.get("accuracy"))
        .isCloseTo(expected.path("report").path("accuracy").asDouble(), EXACT);
  }

  @Test
  void setsOfLabelsAsScikitLearnReportsThem() {
    JsonNode expected = REFERENCE.path("label_sets");
    int[] flags = ints(expected.path("targets"));
    int[] answers = ints(expected.path("predictions"));
    float[] targets = new float[flags.length];
    boolean[] predictions = new boolean[flags.length];
    for (int i = 0; i < flags.length; i++) {
      targets[i] = flags[i];
      predictions[i] = answers[i] == 1;
    }
    List<String> names = texts(REFERENCE.path("names")).subList(0, 5);
    ClassificationReport report =
        ClassificationReport.of(Metrics.labelCounts(targets, predictions, names));
    assertReport(report, expected.path("report"));
    Map<String, Double> metrics = Metrics.labelSets(targets, predictions, 5);
    assertThat(metrics.get("macro_f1")).isCloseTo(report.macro().f1(), EXACT);
    assertThat(metrics.get("micro_f1")).isCloseTo(report.micro().f1(), EXACT);
    assertThat(metrics.get("accuracy")).isCloseTo(expected.path("accuracy").asDouble(), EXACT);
  }

  @Test
  void theCalibrationErrorIsThatOfThePapersFormula() {
    JsonNode expected = REFERENCE.path("classes");
    int[] labels = ints(expected.path("labels"));
    int[] predictions = ints(expected.path("predictions"));
    float[] confidences = new float[labels.length];
    boolean[] right = new boolean[labels.length];
    for (int i = 0; i < labels.length; i++) {
      confidences[i] = (float) expected.path("confidences").path(i).asDouble();
      right[i] = labels[i] == predictions[i];
    }
    for (int bins : new int[] {10, 15}) {
      Calibration calibration = Calibration.of(confidences, right, bins);
      assertThat(calibration.error())
          .isCloseTo(expected.path("ece").path(bins + "").asDouble(), EXACT);
      assertThat(calibration.of()).isEqualTo(bins);
      assertThat(calibration.bins().stream().mapToLong(Calibration.Bin::count).sum())
          .isEqualTo(labels.length);
    }
  }

  static Stream<JsonNode> entityCases() {
    return IntStream.range(0, REFERENCE.path("entities").size())
        .mapToObj(REFERENCE.path("entities")::path);
  }

  @ParameterizedTest
  @MethodSource("entityCases")
  void entitiesAsSeqevalScoresThem(JsonNode expected) {
    TagScheme scheme =
        expected.path("scheme").isNull() ? null : TagScheme.of(expected.path("scheme").asText());
    assertReport(
        Entities.score(tags(expected.path("labels")), tags(expected.path("predictions")), scheme),
        expected.path("report"));
  }

  private static List<List<String>> tags(JsonNode lines) {
    return texts(lines).stream().map(line -> List.of(line.split(" ", -1))).toList();
  }
}
