package dev.lorikeet.fuzz;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.cli.Lorikeet;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.stream.Stream;
import picocli.CommandLine;

/** The folders that are damaged, made of the repository's test resources, each once. */
record RealFiles(Path home) {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** The root of the repository, from whichever folder of it. */
  static final Path ROOT = root(Path.of("").toAbsolutePath());

  static final Path GOLDEN = ROOT.resolve("src/test/resources/golden");
  static final Path TINY_TOKENIZER = ROOT.resolve("src/test/resources/chat/tiny");

  /** Fills a folder. */
  @FunctionalInterface
  interface Filler {
    void accept(Path folder) throws IOException;
  }

  private static Path root(Path folder) {
    return Files.exists(folder.resolve("ARCHITECTURE.md"))
        ? folder
        : root(java.util.Objects.requireNonNull(folder.getParent()));
  }

  /** A folder by name, filled when it is not there. */
  Path folder(String name, Filler filler) throws IOException {
    Path folder = home.resolve(name);
    if (!Files.exists(folder)) {
      Path temporary = Files.createDirectories(home.resolve("being-made"));
      filler.accept(temporary);
      Files.move(temporary, folder);
    }
    return folder;
  }

  /** A golden model with the tokenizer of characters, whose tokens are as many as its own. */
  Path model(String golden) throws IOException {
    return folder(golden, folder -> copyModel(golden, folder));
  }

  static void copyModel(String golden, Path folder) throws IOException {
    copy(GOLDEN.resolve(golden), folder, "config.json", "model.safetensors");
    copy(TINY_TOKENIZER, folder, "tokenizer.json", "tokenizer_config.json");
  }

  static void copy(Path from, Path to, String... names) throws IOException {
    for (String name : names) {
      Files.copy(from.resolve(name), to.resolve(name), StandardCopyOption.REPLACE_EXISTING);
    }
  }

  static void copyFolder(Path from, Path to) throws IOException {
    Files.createDirectories(to);
    try (Stream<Path> files = Files.list(from)) {
      for (Path file : files.toList()) {
        Files.copy(file, to.resolve(file.getFileName()), StandardCopyOption.REPLACE_EXISTING);
      }
    }
  }

  /** The names of golden cases that a word is in, such as {@code classify}. */
  static List<String> golden(String word) throws IOException {
    try (Stream<Path> cases = Files.list(GOLDEN)) {
      return cases
          .filter(Files::isDirectory)
          .map(folder -> folder.getFileName().toString())
          .filter(name -> name.contains(word))
          .sorted()
          .toList();
    }
  }

  /** Writes a golden config.json with another number of tokens. */
  static Path config(String golden, int tokens, Path file) throws IOException {
    ObjectNode config =
        (ObjectNode) JSON.readTree(GOLDEN.resolve(golden).resolve("config.json").toFile());
    config.put("vocab_size", tokens);
    return Files.write(file, JSON.writeValueAsBytes(config));
  }

  /** Runs a command that must do what it is asked; paths stand for each {@code %s} in turn. */
  static void lorikeet(String typed, Object... paths) {
    Iterator<Object> next = List.of(paths).iterator();
    String[] words =
        Arrays.stream(typed.strip().split("\\s+"))
            .map(word -> word.contains("%s") ? word.replace("%s", next.next().toString()) : word)
            .toArray(String[]::new);
    StringWriter err = new StringWriter();
    CommandLine command = Lorikeet.commandLine();
    command.setOut(new PrintWriter(new StringWriter()));
    command.setErr(new PrintWriter(err));
    if (command.execute(words) != 0) {
      throw new IllegalStateException(typed + "\n" + err);
    }
  }
}
