package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Temporaries of runs that were killed are removed by the next, those of living runs are not. */
class TemporaryTest {
  @TempDir Path root;

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(root)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  /** What a process that was killed leaves: the folder that it filled, and its lock, free. */
  private void abandoned(String id) throws IOException {
    Path folder = Files.createDirectory(root.resolve(".lorikeet-" + id + ".tmp"));
    Files.writeString(folder.resolve("model.safetensors"), "half");
    Files.createFile(root.resolve(".lorikeet-" + id + ".lock"));
  }

  @Test
  void aFinishedTemporaryLeavesNothing() throws IOException {
    try (Temporary temporary = Temporary.in(root).claim()) {
      Files.createDirectory(temporary.path());
      Files.writeString(temporary.path().resolve("a"), "a");
      assertThat(names()).hasSize(2);
    }
    assertThat(names()).isEmpty();
  }

  @Test
  void whatAKilledRunLeftIsGoneOnceTheNextWritesAFolder() throws IOException {
    abandoned("1");
    OutputFolder.write(root.resolve("out"), folder -> Files.createFile(folder.resolve("a")));
    assertThat(names()).containsExactly("out");
  }

  @Test
  void whatAKilledRunLeftIsGoneOnceTheNextWritesAFile() throws IOException {
    abandoned("1");
    abandoned("2");
    Files.writeString(root.resolve(".lorikeet-3.tmp"), "of a file");
    Files.createFile(root.resolve(".lorikeet-3.lock"));
    OutputFolder.writeFile(root.resolve("out"), stream -> stream.write(1));
    assertThat(names()).containsExactly("out");
  }

  @Test
  void whatAKilledRunLeftIsGoneEvenWhenTheNextFails() throws IOException {
    abandoned("1");
    assertThatThrownBy(
            () ->
                OutputFolder.write(
                    root.resolve("out"),
                    folder -> {
                      throw new IOException("Input/output error");
                    }))
        .hasMessageContaining("Input/output error");
    assertThat(names()).isEmpty();
  }

  @Test
  void aTemporaryOfThisProcessStays() throws IOException {
    try (Temporary temporary = Temporary.in(root).claim()) {
      Files.createDirectory(temporary.path());
      Temporary.removeAbandoned(root);
      try (Temporary second = Temporary.in(root).claim()) {
        assertThat(temporary.path()).isDirectory().isNotEqualTo(second.path());
      }
      assertThat(temporary.path()).isDirectory();
    }
    assertThat(names()).isEmpty();
  }

  @Test
  void aTemporaryOfAnotherProcessStaysUntilThatIsKilled() throws IOException, InterruptedException {
    Process other =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx64m",
                "-cp",
                System.getProperty("java.class.path"),
                Holder.class.getName(),
                root.toString())
            .start();
    try {
      BufferedReader said =
          new BufferedReader(new InputStreamReader(other.getInputStream(), StandardCharsets.UTF_8));
      Path held = Path.of(said.readLine());
      Temporary.removeAbandoned(root);
      assertThat(held).isDirectory();

      other.destroyForcibly().waitFor();
      assertThat(held).as("nobody has removed it").isDirectory();
      Temporary.removeAbandoned(root);
      assertThat(names()).isEmpty();
    } finally {
      other.destroyForcibly();
    }
  }

  /** A process that has a temporary folder and waits to be killed. */
  static final class Holder {
    private Holder() {}

    public static void main(String[] arguments) throws IOException, InterruptedException {
      Temporary temporary = Temporary.in(Path.of(arguments[0])).claim();
      Files.createDirectory(temporary.path());
      System.out.println(temporary.path());
      Thread.sleep(Duration.ofMinutes(5).toMillis());
    }
  }

  /** Versions before had none, and some disks have none. */
  @Test
  void aTemporaryWithoutLockStaysForADay() throws IOException {
    Path young = Files.createDirectory(root.resolve(".lorikeet-1.tmp"));
    Path old = Files.createDirectory(root.resolve(".lorikeet-2.tmp"));
    Files.setLastModifiedTime(old, FileTime.from(Instant.now().minus(Duration.ofHours(25))));
    Temporary.removeAbandoned(root);
    assertThat(young).isDirectory();
    assertThat(old).doesNotExist();
  }

  @Test
  void nothingElseIsTouched() throws IOException {
    for (String name : List.of("a.tmp", ".lorikeet", ".lorikeet-1.new", "x.lorikeet-1.tmp")) {
      Files.createFile(root.resolve(name));
    }
    List<String> before = names();
    Temporary.removeAbandoned(root);
    Temporary.removeAbandoned(root.resolve("not-there"));
    assertThat(names()).isEqualTo(before);
  }

  @Test
  void aLinkIsRemovedAndNotWhatItLeadsTo() throws IOException {
    Path kept = Files.createDirectory(root.resolve("kept"));
    Files.createFile(kept.resolve("a"));
    Path nowhere = root.resolve("nowhere");
    Files.createSymbolicLink(root.resolve(".lorikeet-1.tmp"), kept);
    Files.createFile(root.resolve(".lorikeet-1.lock"));
    Files.createSymbolicLink(root.resolve(".lorikeet-2.tmp"), nowhere);
    Files.createFile(root.resolve(".lorikeet-2.lock"));
    Temporary.removeAbandoned(root);
    assertThat(names()).containsExactly("kept");
    assertThat(kept.resolve("a")).exists();
  }

  @Test
  void twoThreadsWriteAtOnceAndNeitherLosesItsTemporary() throws InterruptedException, IOException {
    abandoned("1");
    List<Thread> threads =
        Stream.of("a", "b", "c", "d")
            .map(
                name ->
                    new Thread(
                        () -> {
                          for (int i = 0; i < 25; i++) {
                            OutputFolder.writeFile(
                                root.resolve(name + i), stream -> stream.write(1));
                          }
                        }))
            .toList();
    threads.forEach(Thread::start);
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(names()).hasSize(100).noneMatch(name -> name.startsWith("."));
  }
}
