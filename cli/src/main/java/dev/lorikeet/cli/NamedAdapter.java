package dev.lorikeet.cli;

import dev.lorikeet.torch.UsageException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An adapter as it was typed: {@code NAME=ADAPTER}, or {@code ADAPTER} alone, whose name is that of
 * its folder or, on the hub, of its repository.
 *
 * @param name the adapter's name
 * @param typed a folder, or on the hub
 */
record NamedAdapter(String name, String typed) {
  private static final Pattern NAMED = Pattern.compile("([\\w-]+)=(.+)");
  private static final Pattern NAME = Pattern.compile("[\\w-]+");

  /** What was typed; a folder whose own name has an equals sign is one. */
  static NamedAdapter parse(String typed) {
    Matcher named = NAMED.matcher(typed);
    return named.matches() && !isFolder(typed)
        ? new NamedAdapter(named.group(1), named.group(2))
        : new NamedAdapter(lastName(typed), typed);
  }

  private static boolean isFolder(String typed) {
    try {
      return Files.isDirectory(Path.of(typed));
    } catch (InvalidPathException e) {
      return false;
    }
  }

  private static String lastName(String typed) {
    if (isFolder(typed)) {
      Path name = Path.of(typed).toAbsolutePath().normalize().getFileName();
      return name == null ? typed : name.toString();
    }
    return typed.replaceFirst("@[^@]*$", "").replaceFirst("^.*/", "");
  }

  /**
   * Adds its folder under its name.
   *
   * @throws UsageException when another has the name, or none can have it
   */
  void putInto(Map<String, Path> folders, Path folder) {
    if (!NAME.matcher(name).matches()) {
      throw new UsageException(
          ("--adapter " + typed + ": \"" + name + "\" cannot name an adapter, letters, digits, _ ")
              + ("and - can: give it a name, --adapter NAME=" + typed));
    }
    Path other = folders.putIfAbsent(name, folder);
    if (other != null) {
      throw new UsageException(
          ("adapters " + other + " and " + folder + " are both called \"" + name + "\": ")
              + "give them names, --adapter NAME=ADAPTER");
    }
  }
}
