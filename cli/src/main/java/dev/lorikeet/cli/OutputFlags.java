package dev.lorikeet.cli;

import java.nio.file.Path;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The flags that say where a command writes its result. */
final class OutputFlags {
  @Option(
      names = "--output",
      required = true,
      paramLabel = "DIR",
      description = "The folder to write.")
  private Path folder;

  @Mixin private OverwriteFlag overwrite;

  Output output() {
    return new Output(folder, overwrite.isGiven());
  }
}
