package dev.lorikeet.torch;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ExtractedNativesTest {
  @TempDir Path root;

  private static Path aged(Path path, Duration age) throws IOException {
    return Files.setLastModifiedTime(path, FileTime.from(Instant.now().minus(age)));
  }

  @Test
  void whatKilledProcessesLeftIsRemovedAndWhatIsBeingLoadedStays() throws IOException {
    Path old = Files.createDirectory(root.resolve("onnxruntime-java1"));
    Files.writeString(old.resolve("libonnxruntime.so"), "library");
    aged(old, Duration.ofMinutes(2));
    Path oldFile = aged(Files.createFile(root.resolve("onnxruntime-java2")), Duration.ofHours(5));
    Path young = Files.createDirectory(root.resolve("onnxruntime-java3"));
    Path other = aged(Files.createFile(root.resolve("other")), Duration.ofHours(5));

    ExtractedNatives.removeAbandoned(root, "onnxruntime-java", Duration.ofMinutes(1));
    ExtractedNatives.removeAbandoned(
        root.resolve("not-there"), "onnxruntime-java", Duration.ofMinutes(1));
    assertThat(old).doesNotExist();
    assertThat(oldFile).doesNotExist();
    assertThat(young).isDirectory();
    assertThat(other).exists();
  }
}
