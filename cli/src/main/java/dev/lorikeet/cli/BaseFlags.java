package dev.lorikeet.cli;

import picocli.CommandLine.Option;

/** Which bases an adapter may be put on. */
final class BaseFlags {
  @Option(
      names = "--any-base",
      description = "Put the adapter on other weights than it was trained on.")
  private boolean anyBase;

  boolean anyBase() {
    return anyBase;
  }
}
