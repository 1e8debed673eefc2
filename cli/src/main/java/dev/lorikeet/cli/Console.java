package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.torch.Printable;
import java.io.PrintWriter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * Where commands write: results on standard output, everything else on standard error. All of it is
 * {@link Printable}; reports of several lines have to make their values so themselves.
 */
final class Console {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Option(names = "--json", description = "Print the results as one line of JSON.")
  private boolean json;

  private PrintWriter results() {
    return spec.commandLine().getOut();
  }

  /** For a {@link ProgressBar}, which makes what it is told {@link Printable} by itself. */
  PrintWriter messages() {
    return spec.commandLine().getErr();
  }

  /** Whether results are asked for as JSON. */
  boolean isJson() {
    return json;
  }

  /** Prints results: for people, or as one line of JSON where it is asked for. */
  void print(ObjectNode results, String forPeople) {
    results().println(json ? json(results) : Printable.lines(forPeople.stripTrailing()));
    results().flush();
  }

  /** Prints a result as one of several lines of JSON; {@link #endOfLines} behind the last. */
  void line(ObjectNode result) {
    results().println(json(result));
  }

  /** Prints a result for people, likewise. */
  void line(String forPeople) {
    results().println(Printable.lines(forPeople));
  }

  /** Hands over what was printed line by line. */
  void endOfLines() {
    results().flush();
  }

  private static String json(ObjectNode results) {
    return Printable.line(results.toString());
  }

  /** Prints a piece of a result at once. */
  void stream(String piece) {
    results().print(Printable.lines(piece));
    results().flush();
  }

  /** Tells people in a line what goes on. */
  void say(String message) {
    messages().println(Printable.line(message));
    messages().flush();
  }
}
