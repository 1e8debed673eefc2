package dev.lorikeet.fuzz;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * A command over real files, of which one is damaged.
 *
 * @param folder has all files that the command reads; it works on a copy
 * @param file what is damaged, in that folder
 * @param mutation how
 * @param repair what is done to the folder afterwards, such as sums made right
 * @param words the command, {@code @} standing for the copy; what it writes goes to
 *     {@code @/output}
 */
record Specimen(Path folder, String file, Mutation mutation, Repair repair, List<String> words) {

  /** Makes right what would have the damage refused at once. */
  @FunctionalInterface
  interface Repair {
    void apply(Path folder) throws IOException;
  }

  Specimen(Path folder, String file, Mutation mutation, String typed) {
    this(folder, file, mutation, copy -> {}, List.of(typed.strip().split("\\s+")));
  }

  String[] command(Path copy) {
    return words.stream().map(word -> word.replace("@", copy.toString())).toArray(String[]::new);
  }

  @Override
  public String toString() {
    return folder.getFileName() + "/" + file;
  }
}
