package dev.lorikeet.cli;

import dev.lorikeet.adapters.AdapterFolder;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** Shows what is in an adapter, without its base. */
@Command(
    name = "inspect",
    description =
        "Show an adapter's method, settings, size, base, norms, and what is wrong with it.",
    mixinStandardHelpOptions = true)
final class AdapterInspectCommand implements Callable<Integer> {
  @Mixin private Console console;

  @Parameters(paramLabel = "DIR", description = "The adapter.")
  private Path folder;

  @Override
  public Integer call() {
    AdapterReport report = new AdapterReport(AdapterFolder.open(folder));
    console.print(report.json(), report.text());
    return 0;
  }
}
