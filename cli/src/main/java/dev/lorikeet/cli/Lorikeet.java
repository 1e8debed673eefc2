package dev.lorikeet.cli;

import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Printable;
import dev.lorikeet.torch.UsageException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.InvalidPathException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExecutionException;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;

/** The {@code lorikeet} command. Exit status: 0 done, 1 failed, 2 wrong usage. */
@Command(
    name = "lorikeet",
    description = "Parameter-efficient fine-tuning for the JVM.",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    subcommands = {
      DemoCommand.class,
      NewCommand.class,
      TrainCommand.class,
      EvaluateCommand.class,
      PredictCommand.class,
      GenerateCommand.class,
      MergeCommand.class,
      ExportCommand.class,
      CompareCommand.class,
      SweepCommand.class,
      ImportCommand.class,
      InitCommand.class,
      AdapterCommand.class,
      RunCommand.class,
      CompletionCommand.class
    })
public final class Lorikeet implements Runnable {
  private static final int FAILURE = 1;
  private static final int USAGE = 2;

  @Spec private CommandSpec spec;

  @Option(
      names = "--stacktrace",
      scope = ScopeType.INHERIT,
      description = "Print where an error came from.")
  private boolean stacktrace;

  /** Runs a command and exits with its status. */
  public static void main(String[] arguments) {
    System.exit(commandLine().execute(arguments));
  }

  /** The command line, for tests: its writers can be set, and it does not exit. */
  public static CommandLine commandLine() {
    CommandLine commandLine = new CommandLine(new Lorikeet());
    commandLine.setExecutionStrategy(Lorikeet::execute);
    commandLine.setExecutionExceptionHandler(Lorikeet::explain);
    commandLine.setParameterExceptionHandler(Lorikeet::explainUsage);
    commandLine.setCaseInsensitiveEnumValuesAllowed(true);
    HelpGroups.install(commandLine);
    return commandLine;
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "name a command");
  }

  /** Runs the command that was asked for; where the JVM's memory or stack ends, so does it. */
  private static int execute(CommandLine.ParseResult result) {
    try {
      return new CommandLine.RunLast().execute(result);
    } catch (OutOfMemoryError | StackOverflowError e) {
      CommandLine command = result.commandSpec().commandLine();
      LorikeetException problem = new LorikeetException(exhausted(e), e);
      throw new ExecutionException(command, exhausted(e), problem);
    }
  }

  private static String exhausted(Throwable e) {
    return e instanceof StackOverflowError
        ? "the input is nested too deeply: the stack of the JVM does not suffice to read it"
        : "out of memory: set LORIKEET_HEAP, to 4g for example";
  }

  /** A path may come from anywhere, and Java refuses some wherever it meets them. */
  private static String told(Exception e) {
    return e instanceof InvalidPathException path
        ? "\"" + path.getInput() + "\" is the path of no file: " + path.getReason()
        : String.valueOf(e.getMessage());
  }

  private static int explain(Exception e, CommandLine command, CommandLine.ParseResult result) {
    Lorikeet top = (Lorikeet) command.getCommandSpec().root().userObject();
    boolean known = e instanceof LorikeetException || e instanceof InvalidPathException;
    command.getErr().println(error(known ? told(e) : e.toString()));
    if (top.stacktrace) {
      command.getErr().print(Printable.lines(trace(e)));
    } else if (!known) {
      command.getErr().println("This is a fault of Lorikeet's. --stacktrace shows where it is.");
    }
    command.getErr().flush();
    return e instanceof UsageException ? USAGE : FAILURE;
  }

  private static String error(@Nullable String message) {
    return "error: " + Printable.message(String.valueOf(message));
  }

  private static String trace(Exception e) {
    StringWriter trace = new StringWriter();
    e.printStackTrace(new PrintWriter(trace, true));
    return trace.toString();
  }

  private static int explainUsage(ParameterException e, String[] arguments) {
    CommandLine command = e.getCommandLine();
    command.getErr().println(error(e.getMessage()));
    CommandLine.UnmatchedArgumentException.printSuggestions(e, command.getErr());
    command
        .getErr()
        .println("See " + command.getCommandSpec().qualifiedName() + " --help for what it takes.");
    command.getErr().flush();
    return USAGE;
  }
}
