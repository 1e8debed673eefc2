package dev.lorikeet.cli;

import dev.lorikeet.compare.TextModel;
import dev.lorikeet.models.ResultKind;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Folds an adapter into its base. */
@Command(
    name = "merge",
    description = "Fold an adapter into its base: an ordinary checkpoint comes out.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class MergeCommand implements Callable<Integer> {
  @Mixin private Console console;
  @Mixin private BaseFlags base;

  @Option(
      names = "--model",
      required = true,
      paramLabel = "MODEL",
      description = "The base's folder, or ORG/NAME[@REVISION] on the hub.")
  private String model;

  @Option(
      names = "--adapter",
      required = true,
      paramLabel = "ADAPTER",
      description = "The adapter: a folder, or on the hub.")
  private String adapter;

  @Mixin private OutputFlags outputFlags;

  @Override
  public Integer call() {
    Output output = outputFlags.output();
    output.check(ResultKind.MODEL);
    Path folder = Folders.model(model, console.messages());
    output.check(ResultKind.MODEL, folder);
    try (TextModel open =
        Merging.open(folder, Folders.adapter(adapter, console.messages()), base.anyBase())) {
      Merging.save(open, output, console);
    }
    return 0;
  }
}
