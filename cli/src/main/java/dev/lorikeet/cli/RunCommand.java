package dev.lorikeet.cli;

import dev.lorikeet.torch.UsageException;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Stands in the list of commands for what the launcher does itself: it needs Java's compiler. */
@Command(
    name = "run",
    description = {
      "Run a script of your own: one Java file, compiled as it starts, with Lorikeet on its class"
          + " path.",
      "As in: ./lorikeet run examples/FineTune.java"
    },
    mixinStandardHelpOptions = true)
final class RunCommand implements Callable<Integer> {
  @Parameters(arity = "0..*", paramLabel = "SCRIPT [ARGUMENT...]", description = "The Java file.")
  private List<String> script = List.of();

  @Override
  public Integer call() {
    throw new UsageException(
        script.isEmpty()
            ? "give the script to run: ./lorikeet run Script.java"
            : "scripts are run by the launcher: ./lorikeet run " + String.join(" ", script));
  }
}
