package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lorikeet.cli.Lorikeet;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import picocli.CommandLine;

/**
 * What a command did, run in this process.
 *
 * @param status the exit status
 * @param out what it wrote to standard output
 * @param err what it wrote to standard error
 */
record Cli(int status, String out, String err) {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Where the checkout is: its own spaces part no words. */
  private static final String CHECKOUT = Path.of("../..").toAbsolutePath().normalize().toString();

  /** Runs a command as typed, {@code %s} standing for what has to be filled in. */
  @SuppressWarnings("AnnotateFormatMethod") // what is typed is often put together
  static Cli run(String typed, Object... arguments) {
    return ofWords(words(String.format(typed, arguments).replace("'", "").strip()));
  }

  /** The words of what is typed. */
  static String[] words(String typed) {
    return Arrays.stream(typed.replace(CHECKOUT, "\0").split("\\s+"))
        .map(word -> word.replace("\0", CHECKOUT))
        .toArray(String[]::new);
  }

  /** Runs a command given as words, in which there may be spaces. */
  static Cli ofWords(String... words) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    CommandLine commandLine = Lorikeet.commandLine();
    commandLine.setOut(new PrintWriter(out));
    commandLine.setErr(new PrintWriter(err));
    int status = commandLine.execute(words);
    return new Cli(status, out.toString(), err.toString());
  }

  /** Runs a command that must do what it is asked. */
  static Cli done(String typed, Object... arguments) {
    Cli cli = run(typed, arguments);
    assertThat(cli.status).as("%s%n%s", cli.out, cli.err).isZero();
    return cli;
  }

  /** The one line of JSON that the command printed. */
  JsonNode json() {
    List<JsonNode> lines = jsonLines();
    assertThat(lines).as(out).hasSize(1);
    return lines.get(0);
  }

  /** Each line that the command printed, as JSON. */
  List<JsonNode> jsonLines() {
    return out.lines().map(Cli::parse).toList();
  }

  static JsonNode parse(String json) {
    try {
      return JSON.readTree(json);
    } catch (IOException e) {
      throw new UncheckedIOException(json, e);
    }
  }
}
