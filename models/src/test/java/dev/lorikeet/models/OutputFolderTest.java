package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lorikeet.torch.LorikeetException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OutputFolderTest {
  private static final String DISK_FULL = "No space left on device";

  @TempDir Path root;

  @Test
  void newFolderAppearsWithAllItsFiles() throws IOException {
    Path target = root.resolve("runs/first");
    OutputFolder.write(
        target,
        folder -> {
          Files.writeString(folder.resolve("a.txt"), "a");
          Files.createDirectories(folder.resolve("deep/er"));
          Files.writeString(folder.resolve("deep/er/b.txt"), "b");
          assertThat(target).doesNotExist();
        });
    assertThat(files()).containsExactly("runs/first/a.txt=a", "runs/first/deep/er/b.txt=b");
  }

  @Test
  void oldFolderKeepsItsOtherFiles() throws IOException {
    Files.createDirectories(root.resolve("out/deep"));
    Files.writeString(root.resolve("out/config.json"), "old");
    Files.writeString(root.resolve("out/notes.txt"), "mine");
    Files.writeString(root.resolve("out/deep/c.txt"), "mine");
    OutputFolder.write(
        root.resolve("out"),
        folder -> {
          Files.writeString(folder.resolve("config.json"), "new");
          Files.createDirectory(folder.resolve("deep"));
          Files.writeString(folder.resolve("deep/d.txt"), "new");
          assertThat(root.resolve("out/config.json")).hasContent("old");
        });
    assertThat(files())
        .containsExactly(
            "out/config.json=new",
            "out/deep/c.txt=mine",
            "out/deep/d.txt=new",
            "out/notes.txt=mine");
  }

  @Test
  void anOldResultIsReplacedWhole() throws IOException {
    Path out = oldAdapter();
    Files.writeString(out.resolve("merge_receipt.json"), "old");
    Files.writeString(out.resolve("notes.txt"), "mine");
    OutputFolder.write(out, ResultKind.ADAPTER, OutputFolderTest::newAdapter);
    assertThat(files())
        .containsExactly(
            "out/adapter_config.json=new", "out/lorikeet.json=new", "out/notes.txt=mine");
  }

  @Test
  void anotherKindOfResultAndOneOfOthersAreLeftAlone() throws IOException {
    Path out = oldAdapter();
    assertThatThrownBy(
            () -> OutputFolder.write(out, ResultKind.MODEL, OutputFolderTest::mustNotRun))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "%s holds an adapter, and a model is to be written there: choose another output, or"
                + " give --overwrite to replace it",
            out);
    Files.delete(out.resolve("lorikeet.json"));
    assertThatThrownBy(
            () -> OutputFolder.write(out, ResultKind.ADAPTER, OutputFolderTest::mustNotRun))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "%s holds an adapter that was not trained here (it has no lorikeet.json): choose another"
                + " output, or give --overwrite to replace it",
            out);
    assertThat(files()).containsExactly("out/adapter_config.json=old");
  }

  @Test
  void overwritingLeavesNothingOfAnotherKind() throws IOException {
    Path out = Files.createDirectories(root.resolve("out"));
    for (String name : List.of("config.json", "model.safetensors", "tokenizer.json", "vocab.txt")) {
      Files.writeString(out.resolve(name), "old");
    }
    Files.writeString(out.resolve("README.md"), "mine");
    OutputFolder.overwrite(out, OutputFolderTest::newAdapter);
    assertThat(files())
        .containsExactly(
            "out/README.md=mine", "out/adapter_config.json=new", "out/lorikeet.json=new");
  }

  /** As if the process had been killed after each of the swap's moves. */
  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2})
  void aSwapThatWasInterruptedIsFinishedByTheNextWriter(int moved) throws IOException {
    Path out = oldAdapter();
    Files.writeString(out.resolve("config.json"), "old");
    Path decided = Files.createDirectory(out.resolve(".lorikeet-1.new"));
    newAdapter(decided);
    List<String> names = List.of("lorikeet.json", "adapter_config.json");
    Files.write(decided.resolve(".lorikeet-files"), names);
    for (String name : names.subList(0, moved)) {
      Files.delete(out.resolve(name));
      Files.move(decided.resolve(name), out.resolve(name));
    }
    OutputFolder.check(out, ResultKind.ADAPTER);
    assertThat(files()).containsExactly("out/adapter_config.json=new", "out/lorikeet.json=new");
  }

  private Path oldAdapter() throws IOException {
    Path out = Files.createDirectories(root.resolve("out"));
    Files.writeString(out.resolve("adapter_config.json"), "old");
    Files.writeString(out.resolve("lorikeet.json"), "old");
    return out;
  }

  private static void newAdapter(Path folder) throws IOException {
    Files.writeString(folder.resolve("adapter_config.json"), "new");
    Files.writeString(folder.resolve("lorikeet.json"), "new");
  }

  @Test
  void fileIsReplacedWhole() throws IOException {
    Path target = Files.writeString(root.resolve("x.json"), "old");
    OutputFolder.writeFile(
        target,
        stream -> {
          stream.write("new".getBytes(StandardCharsets.UTF_8));
          stream.flush();
          assertThat(target).hasContent("old");
        });
    assertThat(files()).containsExactly("x.json=new");
  }

  @Test
  void diskThatFillsLeavesNothingAndIsNamed() throws IOException {
    Path target = root.resolve("runs/first");
    assertThatThrownBy(
            () ->
                OutputFolder.write(
                    target,
                    folder -> {
                      Files.writeString(folder.resolve("a.txt"), "a");
                      throw new IOException(DISK_FULL);
                    }))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "%s cannot be written: the disk of %s is full (No space left on device):"
                + " free space or choose another output",
            target, target.getParent());
    assertThat(files()).isEmpty();
    assertThat(root).isEmptyDirectory();
  }

  @Test
  void diskThatFillsUnderAFileInsideAFolderIsToldOfTheFolderThatTheUserNamed() {
    Path target = root.resolve("out");
    assertThatThrownBy(
            () ->
                OutputFolder.write(
                    target,
                    folder ->
                        OutputFolder.writeFile(
                            folder.resolve("model.safetensors"),
                            stream -> {
                              throw new IOException(DISK_FULL);
                            })))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "%s cannot be written: the disk of %s is full (No space left on device):"
                + " free space or choose another output",
            target.resolve("model.safetensors"), target);
    assertThat(root).isEmptyDirectory();
  }

  @Test
  void failureLeavesTheOldFolderAsItWas() throws IOException {
    Files.createDirectories(root.resolve("out"));
    Files.writeString(root.resolve("out/config.json"), "old");
    assertThatThrownBy(
            () ->
                OutputFolder.write(
                    root.resolve("out"),
                    folder -> {
                      Files.writeString(folder.resolve("config.json"), "new");
                      throw new UncheckedIOException(new IOException("Input/output error"));
                    }))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "%s cannot be written: Input/output error: choose another output", root.resolve("out"));
    assertThat(files()).containsExactly("out/config.json=old");
  }

  @Test
  void failureKeepsWhatOthersWroteMeanwhile() throws IOException {
    assertThatThrownBy(
            () ->
                OutputFolder.write(
                    root.resolve("runs/mine"),
                    folder -> {
                      Files.createDirectory(root.resolve("runs/yours"));
                      throw new IOException(DISK_FULL);
                    }))
        .isInstanceOf(LorikeetException.class);
    assertThat(root.resolve("runs")).isDirectoryNotContaining(path -> !path.endsWith("yours"));
    assertThat(root.resolve("runs/yours")).isEmptyDirectory();
  }

  @Test
  void sourceThatIsMissingIsNamed() {
    Path source = root.resolve("none");
    assertThatThrownBy(
            () ->
                OutputFolder.write(
                    root.resolve("out"), folder -> Files.copy(source, folder.resolve("none"))))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "%s cannot be written: %s does not exist: choose another output",
            root.resolve("out"), source);
    assertThat(root).isEmptyDirectory();
  }

  @Test
  void otherExceptionsPassThroughAndLeaveNothing() {
    assertThatThrownBy(
            () ->
                OutputFolder.write(
                    root.resolve("out"),
                    folder -> {
                      Files.writeString(folder.resolve("a"), "a");
                      throw new IllegalStateException("a bug");
                    }))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("a bug");
    assertThatThrownBy(
            () ->
                OutputFolder.writeFile(
                    root.resolve("file"),
                    stream -> {
                      stream.write(1);
                      throw new LorikeetException("the export disagrees with the model");
                    }))
        .isInstanceOf(LorikeetException.class)
        .hasMessage("the export disagrees with the model");
    assertThat(root).isEmptyDirectory();
  }

  @Test
  void fileInTheWayIsRefusedBeforeTheWriterRuns() throws IOException {
    Path file = Files.writeString(root.resolve("out"), "mine");
    assertThatThrownBy(() -> OutputFolder.write(file, OutputFolderTest::mustNotRun))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "%s is a file, and a folder is to be written there: choose another output", file);
    assertThatThrownBy(() -> OutputFolder.write(file.resolve("x"), OutputFolderTest::mustNotRun))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "%s cannot be written: %s is not a folder: choose another output",
            file.resolve("x"), file);
    assertThat(files()).containsExactly("out=mine");
  }

  @Test
  void placeIsCheckedWithoutATrace() throws IOException {
    OutputFolder.check(root.resolve("runs/first"));
    OutputFolder.check(root);
    assertThat(root).isEmptyDirectory();
    Path file = Files.writeString(root.resolve("out"), "mine");
    assertThatThrownBy(() -> OutputFolder.check(file))
        .isInstanceOf(LorikeetException.class)
        .hasMessageContaining(" is a file, ");
    assertThatThrownBy(() -> OutputFolder.check(file.resolve("x")))
        .isInstanceOf(LorikeetException.class)
        .hasMessageContaining(" is not a folder: ");
  }

  @Test
  void folderInTheWayOfAFileIsRefusedBeforeTheWriterRuns() {
    assertThatThrownBy(() -> OutputFolder.writeFile(root, OutputFolderTest::mustNotRun))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "%s is a folder, and a file is to be written there: choose another output", root);
  }

  @Test
  void folderInTheWayOfANewFileIsRefusedBeforeAnythingIsMoved() throws IOException {
    Files.createDirectories(root.resolve("out/b"));
    assertThatThrownBy(
            () ->
                OutputFolder.write(
                    root.resolve("out"),
                    folder -> {
                      Files.writeString(folder.resolve("a"), "a");
                      Files.writeString(folder.resolve("b"), "b");
                    }))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "%s cannot be written: a folder has that name: choose another output",
            root.resolve("out/b"));
    assertThat(files()).isEmpty();
    assertThat(root.resolve("out")).isDirectoryNotContaining(path -> !path.endsWith("b"));
  }

  @Test
  void unwritableParentIsRefusedBeforeTheWriterRuns() throws IOException {
    Path locked = Files.createDirectory(root.resolve("locked"));
    Files.setPosixFilePermissions(locked, PosixFilePermissions.fromString("r-xr-xr-x"));
    assumeTrue(!Files.isWritable(locked), "root may write everywhere");
    assertThatThrownBy(
            () -> OutputFolder.write(locked.resolve("out"), OutputFolderTest::mustNotRun))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "%s cannot be written: no permission to write in %s: choose another output",
            locked.resolve("out"), locked);
  }

  /** Not even root may make a folder in /proc. */
  @Test
  void placeWhereNothingCanBeMadeIsRefusedBeforeTheWriterRuns() {
    assumeTrue(Files.isDirectory(Path.of("/proc/self")), "Linux only");
    Path target = Path.of("/proc/lorikeet");
    assertThatThrownBy(() -> OutputFolder.write(target, OutputFolderTest::mustNotRun))
        .isInstanceOf(LorikeetException.class)
        .hasMessageStartingWith(target + " cannot be written: ")
        .hasMessageEndingWith(": choose another output")
        .hasMessageNotContaining(".tmp");
  }

  private static void mustNotRun(Object output) {
    throw new AssertionError("the writer ran");
  }

  /** All files below the root with their contents, sorted. */
  private List<String> files() throws IOException {
    try (Stream<Path> paths = Files.walk(root)) {
      return paths
          .filter(Files::isRegularFile)
          .map(path -> root.relativize(path) + "=" + content(path))
          .sorted()
          .toList();
    }
  }

  private static String content(Path path) {
    try {
      return Files.readString(path);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
