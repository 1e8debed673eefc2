package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.PrintWriter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Where commands write: results on standard output, everything else on standard error. */
final class Console {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Option(names = "--json", description = "Print the results as one line of JSON.")
  private boolean json;

  PrintWriter results() {
    return spec.commandLine().getOut();
  }

  PrintWriter messages() {
    return spec.commandLine().getErr();
  }

  /** Whether results are asked for as JSON. */
  boolean isJson() {
    return json;
  }

  /** Prints results: for people, or as one line of JSON where it is asked for. */
  void print(ObjectNode results, String forPeople) {
    results().println(json ? results.toString() : forPeople.stripTrailing());
    results().flush();
  }

  /** Prints a piece of a result at once. */
  void stream(String piece) {
    results().print(piece);
    results().flush();
  }

  /** Tells people what goes on. */
  void say(String message) {
    messages().println(message);
    messages().flush();
  }
}
