package dev.lorikeet.training.tracking;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamWriter;

/**
 * Curves over training steps, as a part of an SVG drawing.
 *
 * @param title what is measured: the label of the vertical axis
 */
record Chart(String title, List<Curve> curves) {
  /** The size of a chart with its labels, in pixels. */
  static final int WIDTH = 900;

  static final int HEIGHT = 270;

  private static final int LEFT = 90;
  private static final int RIGHT = WIDTH - 20;
  private static final int TOP = 30;
  private static final int BOTTOM = HEIGHT - 45;

  /** The width of a curve's name above the chart, and how many have room. */
  private static final int LEGEND = 155;

  private static final int LEGENDS = 5;

  /** A point of a curve. */
  record Point(double x, double y) {}

  /**
   * A curve.
   *
   * @param color in SVG's words
   * @param faint whether it lies in the background, thin
   * @param dots whether its points are marked
   */
  record Curve(String name, String color, boolean faint, boolean dots, List<Point> points) {
    /**
     * The exponential moving average of the points, as TensorBoard smooths: each is as many parts
     * of the average before and of the point as {@code weight} says, the first ones corrected for
     * having nothing before them.
     */
    static List<Point> smoothed(List<Point> points, double weight) {
      List<Point> smooth = new ArrayList<>();
      double average = 0;
      double share = 0;
      for (Point point : points) {
        average = weight * average + (1 - weight) * point.y();
        share = weight * share + (1 - weight);
        smooth.add(new Point(point.x(), average / share));
      }
      return smooth;
    }
  }

  /**
   * Draws the chart.
   *
   * @param top its place in the drawing, in pixels
   * @param lastStep the end of the horizontal axis
   */
  void draw(XMLStreamWriter svg, int top, double lastStep) throws XMLStreamException {
    svg.writeStartElement("g");
    svg.writeAttribute("transform", "translate(0 " + top + ")");
    Axis x = new Axis(0, lastStep, LEFT, RIGHT);
    Axis y = Axis.around(values(), BOTTOM, TOP);
    for (double tick : y.ticks(5)) {
      line(svg, LEFT, y.place(tick), RIGHT, y.place(tick), "#dddddd");
      text(svg, LEFT - 8, y.place(tick) + 4, "end", Axis.label(tick));
    }
    for (double tick : x.ticks(8)) {
      line(svg, x.place(tick), BOTTOM, x.place(tick), BOTTOM + 5, "#444444");
      text(svg, x.place(tick), BOTTOM + 19, "middle", Axis.label(tick));
    }
    line(svg, LEFT, BOTTOM, RIGHT, BOTTOM, "#444444");
    line(svg, LEFT, TOP, LEFT, BOTTOM, "#444444");
    text(svg, (LEFT + RIGHT) / 2.0, BOTTOM + 37, "middle", "step");
    title(svg);
    for (int i = 0; i < curves.size(); i++) {
      draw(svg, curves.get(i), x, y);
      if (i < LEGENDS) {
        legend(svg, curves.get(i), LEFT + i * LEGEND);
      }
    }
    svg.writeEndElement();
  }

  private static void legend(XMLStreamWriter svg, Curve curve, int place)
      throws XMLStreamException {
    List<Point> dash = List.of(new Point(0, 0), new Point(1, 0));
    draw(
        svg,
        new Curve(curve.name(), curve.color(), curve.faint(), false, dash),
        new Axis(0, 1, place, place + 20),
        new Axis(0, 1, TOP - 14, 0));
    text(svg, place + 26, TOP - 10, "start", curve.name());
  }

  private List<Double> values() {
    return curves.stream()
        .flatMap(curve -> curve.points().stream())
        .map(Point::y)
        .collect(Collectors.toList());
  }

  /** Along the vertical axis. */
  private void title(XMLStreamWriter svg) throws XMLStreamException {
    int middle = (TOP + BOTTOM) / 2;
    svg.writeStartElement("text");
    svg.writeAttribute("transform", "translate(20 " + middle + ") rotate(-90)");
    svg.writeAttribute("text-anchor", "middle");
    svg.writeCharacters(title);
    svg.writeEndElement();
  }

  private static void draw(XMLStreamWriter svg, Curve curve, Axis x, Axis y)
      throws XMLStreamException {
    svg.writeEmptyElement("polyline");
    svg.writeAttribute("fill", "none");
    svg.writeAttribute("stroke", curve.color());
    svg.writeAttribute("stroke-width", curve.faint() ? "1" : "2");
    svg.writeAttribute("stroke-opacity", curve.faint() ? "0.35" : "1");
    svg.writeAttribute(
        "points",
        curve.points().stream()
            .map(p -> pixels(x.place(p.x())) + "," + pixels(y.place(p.y())))
            .collect(Collectors.joining(" ")));
    Stream<Point> marked = curve.dots() ? curve.points().stream() : Stream.empty();
    for (Point point : marked.toList()) {
      svg.writeEmptyElement("circle");
      svg.writeAttribute("cx", pixels(x.place(point.x())));
      svg.writeAttribute("cy", pixels(y.place(point.y())));
      svg.writeAttribute("r", "3.5");
      svg.writeAttribute("fill", curve.color());
    }
  }

  private static void line(
      XMLStreamWriter svg, double x1, double y1, double x2, double y2, String color)
      throws XMLStreamException {
    svg.writeEmptyElement("line");
    svg.writeAttribute("x1", pixels(x1));
    svg.writeAttribute("y1", pixels(y1));
    svg.writeAttribute("x2", pixels(x2));
    svg.writeAttribute("y2", pixels(y2));
    svg.writeAttribute("stroke", color);
  }

  private static void text(XMLStreamWriter svg, double x, double y, String anchor, String text)
      throws XMLStreamException {
    svg.writeStartElement("text");
    svg.writeAttribute("x", pixels(x));
    svg.writeAttribute("y", pixels(y));
    svg.writeAttribute("text-anchor", anchor);
    svg.writeCharacters(text);
    svg.writeEndElement();
  }

  private static String pixels(double place) {
    return String.format(Locale.ROOT, "%.1f", place);
  }
}
