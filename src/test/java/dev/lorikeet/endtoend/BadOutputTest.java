package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Places where nothing can be written, and disks that fill while something is. */
class BadOutputTest {
  private static final String TRAIN =
      "train --model "
          + Embedded.MODEL
          + " --data "
          + Embedded.FEW
          + " --epochs 1 --batch-size 8 --max-length 32";

  /**
   * The system's own words for a failure are in the language of the user. UTF-8, as Java cannot
   * find its class path in a folder with an umlaut otherwise.
   */
  private static final Map<String, String> IN_ENGLISH = Map.of("LC_ALL", "C.UTF-8");

  @TempDir Path temporary;

  private Path file;

  @BeforeEach
  void makeFile() throws IOException {
    file = Files.createFile(temporary.resolve("file"));
  }

  private static String command(String name) {
    return switch (name) {
      case "train" -> TRAIN;
      case "compare" -> TRAIN.replaceFirst("train", "compare");
      case "merge" -> "merge " + Trained.FLAGS;
      case "export" -> "export " + Trained.FLAGS;
      case "import" -> "import wordnet --train-per-topic 1";
      default -> "adapter export --to peft --adapter " + Trained.ADAPTER;
    };
  }

  @ParameterizedTest
  @ValueSource(strings = {"train", "compare", "merge", "export", "import", "adapter export"})
  void fileInThePlaceOfTheFolder(String command) {
    Refusal.of(
        temporary,
        1,
        file + " is a file, and a folder is to be written there: choose another output",
        command(command) + " --output %s",
        file);
  }

  @ParameterizedTest
  @ValueSource(strings = {"train", "merge", "adapter export"})
  void fileInThePlaceOfAParent(String command) {
    Path below = file.resolve("out");
    Refusal.of(
        temporary,
        1,
        below + " cannot be written: " + file + " is not a folder: choose another output",
        command(command) + " --output %s",
        below);
  }

  @Test
  void demoWithoutAPlaceOfItsOwn() throws IOException, InterruptedException {
    Path home = file.resolve("lorikeet");
    JavaProcess process =
        JavaProcess.run(
            temporary,
            Map.of("LORIKEET_HOME", "", "XDG_CACHE_HOME", file.toString()),
            JavaProcess.java("dev.lorikeet.cli.Lorikeet", "demo"));
    assertThat(process.err())
        .isEqualToNormalizingNewlines(
            "error: "
                + home
                + ", where Lorikeet keeps models and results, cannot be written: set LORIKEET_HOME to"
                + " a folder that can\n");
    assertThat(process.status()).isEqualTo(1);
  }

  @Test
  void folderInThePlaceOfPredictions() {
    Refusal.of(
        temporary,
        1,
        temporary + " is a folder, and a file is to be written there: choose another output",
        "predict %s --data %s --output %s",
        Trained.FLAGS,
        Embedded.FEW,
        temporary);
  }

  @Test
  @DisabledOnOs(OS.WINDOWS)
  void folderWithoutPermission() throws IOException {
    Path locked = Files.createDirectory(temporary.resolve("locked"));
    Files.setPosixFilePermissions(locked, PosixFilePermissions.fromString("r-xr-xr-x"));
    assumeFalse(Files.isWritable(locked), "root may write everywhere");
    Path output = locked.resolve("out");
    Refusal.of(
        temporary,
        1,
        output
            + " cannot be written: no permission to write in "
            + locked
            + ": choose another output",
        TRAIN + " --output %s",
        output);
  }

  /** As {@link #folderWithoutPermission}, for those who may write everywhere, root among them. */
  @Test
  void diskThatIsReadOnly() throws IOException, InterruptedException {
    Path disk = Files.createDirectory(temporary.resolve("disk"));
    Path output = disk.resolve("out");
    JavaProcess process = onDisk(disk, "ro", TRAIN + " --output " + output);
    assertThat(process.status()).isEqualTo(1);
    assertThat(process.err())
        .isEqualTo(
            "error: "
                + output
                + " cannot be written: no permission to write in "
                + disk
                + ": choose another output\n");
    assertThat(process.out()).isEmpty();
  }

  /** Of an adapter's 2.6 MB, the tensors' 1.9 MB are written first and the tokenizer last. */
  @ParameterizedTest
  @CsvSource({"1m, /adapter_model.safetensors", "2m, ''"})
  void diskThatFillsWhileAnAdapterIsSaved(String size, String file)
      throws IOException, InterruptedException {
    diskFills(size, TRAIN, file, "runs/out/metrics.jsonl", "runs/out/metrics.svg");
  }

  @ParameterizedTest
  @CsvSource({"merge, /model.safetensors", "export, ''"})
  void diskThatFillsWhileAModelIsSaved(String command, String file)
      throws IOException, InterruptedException {
    diskFills("10m", command(command), file);
  }

  /**
   * Runs a command on a disk that is too small for its output.
   *
   * @param file below the output folder, that the message is about
   * @param left what stays on the disk: a run's numbers tell how it went
   */
  private void diskFills(String size, String command, String file, String... left)
      throws IOException, InterruptedException {
    Path disk = Files.createDirectory(temporary.resolve("disk"));
    Path output = disk.resolve("runs/out");
    JavaProcess process = onDisk(disk, "size=" + size, command + " --output " + output);
    assertThat(process.status()).isEqualTo(1);
    assertThat(process.err().lines().reduce((first, last) -> last).orElseThrow())
        .isEqualTo(
            "error: "
                + output
                + file
                + " cannot be written: the disk of "
                + (file.isEmpty() && left.length == 0 ? output.getParent() : output)
                + " is full (No space left on device): free space or choose another output");
    assertThat(process.out().lines()).as("what is left on the disk").containsExactly(left);
  }

  /**
   * Runs a command that can see a disk of its own mounted on a folder, and tells on standard output
   * what the command left there. Linux lets users mount such disks in memory where they have a
   * namespace of their own; where it does not, the test is skipped.
   */
  private JavaProcess onDisk(Path disk, String options, String typed)
      throws IOException, InterruptedException {
    String mount = "disk=$1; shift; mount -t tmpfs -o " + options + " tmpfs \"$disk\"";
    assumeTrue(run(mount, disk, List.of()).status() == 0, "a disk of one's own can be had");
    return run(
        mount
            + " && { \"$@\" >&2; s=$?; cd \"$disk\"; find . -type f | cut -c 3- | sort; exit $s; }",
        disk,
        JavaProcess.lorikeet(typed));
  }

  /** Runs a script, to which the disk's folder is the first argument and a command the others. */
  private JavaProcess run(String script, Path disk, List<String> command)
      throws IOException, InterruptedException {
    List<String> words =
        new ArrayList<>(List.of("unshare", "-rm", "sh", "-c", script, "sh", disk.toString()));
    words.addAll(command);
    try {
      return JavaProcess.run(temporary, IN_ENGLISH, words);
    } catch (IOException e) {
      assumeTrue(false, "there is no unshare: " + e.getMessage());
      throw e;
    }
  }

  /**
   * A file that may not grow beyond 1 MB, as a full disk of any Unix user: writing fails midway.
   */
  @Test
  @DisabledOnOs(OS.WINDOWS)
  void fileThatCannotGrow() throws IOException, InterruptedException {
    Path output = temporary.resolve("out");
    List<String> words =
        new ArrayList<>(List.of("bash", "-c", "ulimit -f 1024 && exec \"$@\"", "bash"));
    words.addAll(
        JavaProcess.lorikeet(
            "adapter export --to peft --adapter " + Trained.ADAPTER + " --output " + output));
    JavaProcess process = JavaProcess.run(temporary, IN_ENGLISH, words);
    assertThat(process.status()).isEqualTo(1);
    assertThat(process.err())
        .isEqualTo(
            "error: " + output + " cannot be written: File too large: choose another output\n");
    try (Stream<Path> left = Files.list(temporary)) {
      assertThat(left).containsExactly(file);
    }
  }
}
