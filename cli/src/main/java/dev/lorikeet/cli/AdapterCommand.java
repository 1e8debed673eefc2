package dev.lorikeet.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Commands on adapter folders. */
@Command(
    name = "adapter",
    description = "Plan adapters, look into them, combine them, and turn them into other forms.",
    mixinStandardHelpOptions = true,
    subcommands = {
      AdapterPlanCommand.class,
      AdapterInspectCommand.class,
      AdapterCombineCommand.class,
      AdapterExportCommand.class,
      AdapterConvertCommand.class
    })
final class AdapterCommand implements Runnable {
  @Spec private CommandSpec spec;

  @Override
  public void run() {
    CommandLine command = spec.commandLine();
    throw new ParameterException(
        command, "name a command: " + String.join(" or ", command.getSubcommands().keySet()));
  }
}
