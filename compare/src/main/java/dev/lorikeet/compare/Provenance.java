package dev.lorikeet.compare;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;

/** What {@code lorikeet.json} says of an adapter that was made of others. */
public final class Provenance {
  private Provenance() {}

  /**
   * Writes {@code lorikeet.json} into a folder.
   *
   * @param first one of the adapters: its task, labels and the texts' length are kept
   * @param made how the adapter was made
   */
  public static void write(Path first, ObjectNode made, Path folder) throws IOException {
    RunRecord.read(first).writeDerived(made, folder);
  }
}
