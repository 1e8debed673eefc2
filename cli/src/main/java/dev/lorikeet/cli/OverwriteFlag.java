package dev.lorikeet.cli;

import picocli.CommandLine.Option;

/** The flag that lets an old result go. */
final class OverwriteFlag {
  @Option(
      names = "--overwrite",
      description = "Replace whatever result the output holds, once the new one is complete.")
  private boolean overwrite;

  boolean isGiven() {
    return overwrite;
  }
}
