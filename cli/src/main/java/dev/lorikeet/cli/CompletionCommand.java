package dev.lorikeet.cli;

import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Prints what shells need to complete commands and flags. */
@Command(
    name = "completion",
    description = {
      "Print a script that has bash and zsh complete commands and flags.",
      "For this shell: source <(lorikeet completion). For all: add that line to ~/.bashrc; in"
          + " ~/.zshrc, after: autoload -U +X bashcompinit && bashcompinit."
    },
    mixinStandardHelpOptions = true)
final class CompletionCommand implements Callable<Integer> {
  @Mixin private Console console;
  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    console.stream(AutoComplete.bash("lorikeet", spec.root().commandLine()));
    return 0;
  }
}
