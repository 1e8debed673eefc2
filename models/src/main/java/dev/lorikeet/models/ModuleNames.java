package dev.lorikeet.models;

import java.util.List;

/**
 * What transformers calls modules in memory, where that is not what checkpoints on disk call them.
 * Parameters go by their names on disk, so that checkpoints stay as published; modules go by those
 * in memory, which is what PEFT writes into adapters.
 *
 * @param renames applied one after another to a whole path, wherever they match
 */
record ModuleNames(List<Rename> renames) {
  /** The same names in memory as on disk. */
  static final ModuleNames AS_ON_DISK = new ModuleNames(List.of());

  /** A part of a path, and what it becomes. */
  record Rename(String onDisk, String inMemory) {}

  /** The name in memory of a module or parameter; names in memory stay as they are. */
  String inMemory(String name) {
    String renamed = name;
    for (Rename rename : renames) {
      renamed = renamed.replace(rename.onDisk, rename.inMemory);
    }
    return renamed;
  }
}
