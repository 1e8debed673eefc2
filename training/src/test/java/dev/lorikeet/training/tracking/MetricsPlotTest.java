package dev.lorikeet.training.tracking;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lorikeet.training.tracking.Chart.Curve;
import dev.lorikeet.training.tracking.Chart.Point;
import dev.lorikeet.training.tracking.Tracker.Outcome;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

class MetricsPlotTest {
  @TempDir Path temporary;

  private Tracking tracking() {
    return new Tracking(
        List.of(new JsonlMetrics(temporary), new MetricsPlot(temporary)),
        warning -> {
          throw new AssertionError(warning);
        });
  }

  private Document drawing() throws Exception {
    return DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(temporary.resolve("metrics.svg").toFile());
  }

  private static List<Element> elements(Document drawing, String tag) {
    NodeList nodes = drawing.getElementsByTagName(tag);
    List<Element> elements = new ArrayList<>();
    for (int i = 0; i < nodes.getLength(); i++) {
      elements.add((Element) nodes.item(i));
    }
    return elements;
  }

  /** The curves, which legends' two points are not. */
  private static List<Element> curves(Document drawing) {
    return elements(drawing, "polyline").stream()
        .filter(line -> line.getAttribute("points").split(" ", -1).length > 2)
        .toList();
  }

  private static List<String> texts(Document drawing) {
    return elements(drawing, "text").stream().map(Element::getTextContent).toList();
  }

  @Test
  void lossesMetricAndRatesAreDrawnWithTheirNames() throws Exception {
    try (Tracking tracking = tracking()) {
      Runs.steps(tracking, 1, 40);
      tracking.end(Outcome.FINISHED);
    }
    Document drawing = drawing();
    assertThat(texts(drawing))
        .contains("loss", "accuracy", "learning rate", "step", "train", "train, smoothed")
        .contains("evaluation", "default", "lora_B", "10", "40");
    List<Element> curves = curves(drawing);
    assertThat(curves)
        .extracting(curve -> curve.getAttribute("points").split(" ", -1).length)
        .as("train, smoothed, evaluation; accuracy; two rates")
        .containsExactly(40, 40, 4, 4, 40, 40);
    assertThat(elements(drawing, "circle")).hasSize(8);
  }

  @Test
  void curvesStayInsideTheirCharts() throws Exception {
    try (Tracking tracking = tracking()) {
      Runs.steps(tracking, 1, 30);
    }
    for (Element curve : curves(drawing())) {
      for (String point : curve.getAttribute("points").split(" ", -1)) {
        String[] place = point.split(",", -1);
        assertThat(Double.parseDouble(place[0])).isBetween(90.0, 880.0);
        assertThat(Double.parseDouble(place[1])).isBetween(30.0, 225.0);
      }
    }
  }

  @Test
  void runThatGoesOnIsDrawnFromItsBeginning() throws Exception {
    try (Tracking tracking = tracking()) {
      Runs.steps(tracking, 1, 25);
    }
    try (Tracking tracking = tracking()) {
      tracking.resumed(20);
      Runs.steps(tracking, 21, 30);
    }
    assertThat(curves(drawing()).get(0).getAttribute("points").split(" ", -1)).hasSize(30);
  }

  @Test
  void runWithoutEvaluationHasNoChartForIt() throws Exception {
    try (Tracking tracking = tracking()) {
      Runs.steps(tracking, 1, 3);
    }
    assertThat(texts(drawing()))
        .contains("loss", "learning rate")
        .doesNotContain("accuracy", "evaluation");
  }

  @Test
  void runThatFailedAtOnceHasNoPlot() {
    try (Tracking tracking = tracking()) {
      tracking.started(List.of(), 3);
    }
    assertThat(temporary).isEmptyDirectory();
  }

  @Test
  void smoothingWeighsRecentPointsMost() {
    List<Point> smooth =
        Curve.smoothed(List.of(new Point(1, 4), new Point(2, 8), new Point(3, 0)), 0.5);
    assertThat(smooth).extracting(Point::x).containsExactly(1.0, 2.0, 3.0);
    assertThat(smooth.get(0).y()).isEqualTo(4);
    // (4/4 + 8/2) / (1/4 + 1/2), then (4/8 + 8/4 + 0/2) / (1/8 + 1/4 + 1/2)
    assertThat(smooth.get(1).y()).isCloseTo(20 / 3.0, within(1e-12));
    assertThat(smooth.get(2).y()).isCloseTo(20 / 7.0, within(1e-12));
  }
}
