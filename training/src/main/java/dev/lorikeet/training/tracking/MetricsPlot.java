package dev.lorikeet.training.tracking;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lorikeet.models.OutputFolder;
import dev.lorikeet.training.tracking.Chart.Curve;
import dev.lorikeet.training.tracking.Chart.Point;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import javax.xml.stream.XMLOutputFactory;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamWriter;
import org.jspecify.annotations.Nullable;

/**
 * {@code metrics.svg}: losses, the main metric and learning rates over steps, drawn from {@code
 * metrics.jsonl} beside it after each evaluation and at the end.
 */
public final class MetricsPlot implements Tracker {
  /** The file's name. */
  public static final String FILE = "metrics.svg";

  /** How much of the average before counts in the smoothed loss. */
  private static final double SMOOTHING = 0.8;

  private static final String TRAIN_COLOR = "#1f77b4";
  private static final String EVALUATION_COLOR = "#d62728";
  private static final List<String> RATE_COLORS =
      List.of("#2ca02c", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22");

  private final Path folder;
  private @Nullable String main;

  /** A plot in the folder of a run's {@link JsonlMetrics}. */
  public MetricsPlot(Path folder) {
    this.folder = folder;
  }

  @Override
  public String name() {
    return folder.resolve(FILE).toString();
  }

  @Override
  public void start(long step) {}

  @Override
  public void record(Measurement measurement) {
    if (measurement.kind() == Kind.EVALUATION) {
      main = measurement.main();
      draw();
    }
  }

  @Override
  public void end(Outcome outcome) {
    draw();
  }

  /** Draws all there is; nothing where nothing was recorded. */
  private void draw() {
    List<JsonNode> lines = JsonlMetrics.read(folder.resolve(JsonlMetrics.FILE));
    if (!lines.isEmpty()) {
      double last =
          lines.stream().mapToDouble(line -> line.path("step").asDouble()).max().orElse(1);
      OutputFolder.writeFile(
          folder.resolve(FILE), stream -> write(charts(lines), Math.max(1, last), stream));
    }
  }

  private List<Chart> charts(List<JsonNode> lines) {
    List<Chart> charts = new ArrayList<>();
    List<Point> loss = points(lines, "loss");
    List<Curve> losses = new ArrayList<>();
    losses.add(new Curve("train", TRAIN_COLOR, true, false, loss));
    losses.add(
        new Curve("train, smoothed", TRAIN_COLOR, false, false, Curve.smoothed(loss, SMOOTHING)));
    losses.add(curve(lines, "eval_loss", "evaluation"));
    charts.add(chart("loss", losses));
    if (main != null && !main.equals("eval_loss")) {
      String name = main.substring("eval_".length());
      charts.add(chart(name, List.of(curve(lines, main, "evaluation"))));
    }
    charts.add(chart("learning rate", rates(lines)));
    return charts;
  }

  private static Curve curve(List<JsonNode> lines, String key, String name) {
    return new Curve(name, EVALUATION_COLOR, false, true, points(lines, key));
  }

  private static Chart chart(String title, List<Curve> curves) {
    return new Chart(title, curves.stream().filter(curve -> !curve.points().isEmpty()).toList());
  }

  private static List<Curve> rates(List<JsonNode> lines) {
    Set<String> keys = new LinkedHashSet<>();
    lines.forEach(line -> line.fieldNames().forEachRemaining(keys::add));
    keys.removeIf(key -> !key.startsWith("learning_rate"));
    List<Curve> curves = new ArrayList<>();
    for (String key : keys) {
      String color = RATE_COLORS.get(curves.size() % RATE_COLORS.size());
      String name = key.replaceFirst("learning_rate/?", "");
      curves.add(new Curve(name.isEmpty() ? "all" : name, color, false, false, points(lines, key)));
    }
    return curves;
  }

  private static List<Point> points(List<JsonNode> lines, String key) {
    return lines.stream()
        .filter(line -> line.path(key).isNumber())
        .map(line -> new Point(line.path("step").asDouble(), line.path(key).asDouble()))
        .toList();
  }

  private static void write(List<Chart> charts, double lastStep, OutputStream stream)
      throws IOException {
    try {
      XMLStreamWriter svg =
          XMLOutputFactory.newDefaultFactory().createXMLStreamWriter(stream, "UTF-8");
      svg.writeStartElement("svg");
      svg.writeDefaultNamespace("http://www.w3.org/2000/svg");
      svg.writeAttribute("viewBox", "0 0 " + Chart.WIDTH + " " + Chart.HEIGHT * charts.size());
      svg.writeAttribute("font-family", "sans-serif");
      svg.writeAttribute("font-size", "12");
      svg.writeEmptyElement("rect");
      svg.writeAttribute("width", "100%");
      svg.writeAttribute("height", "100%");
      svg.writeAttribute("fill", "white");
      for (int i = 0; i < charts.size(); i++) {
        charts.get(i).draw(svg, i * Chart.HEIGHT, lastStep);
      }
      svg.writeEndElement();
      svg.flush();
    } catch (XMLStreamException e) {
      throw new IOException(e);
    }
  }
}
