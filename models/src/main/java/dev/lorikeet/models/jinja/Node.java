package dev.lorikeet.models.jinja;

import java.util.ArrayList;
import java.util.List;

/** A statement, or data, ready to be rendered. */
@FunctionalInterface
interface Node {
  Flow render(Frame frame, Output output);

  /** How a loop goes on after a statement. */
  enum Flow {
    ON,
    CONTINUE,
    BREAK
  }

  /** What has been rendered, and where {@code {% generation %}} blocks lie in it. */
  final class Output {
    final StringBuilder text = new StringBuilder();
    final List<Jinja.Span> generated = new ArrayList<>();
  }

  /** Nodes one after the other, until one leaves the loop. */
  static Node all(List<Node> nodes) {
    return (frame, output) -> {
      for (Node node : nodes) {
        Budget.step();
        Flow flow = node.render(frame, output);
        if (flow != Flow.ON) {
          return flow;
        }
      }
      return Flow.ON;
    };
  }

  /** The text that a node renders by itself. */
  static String text(Node node, Frame frame) {
    Output output = new Output();
    node.render(frame, output);
    return output.text.toString();
  }
}
