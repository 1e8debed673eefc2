package dev.lorikeet.models.hub;

import static dev.lorikeet.models.hub.FakeHub.COMMIT;
import static dev.lorikeet.models.hub.FakeHub.REPO;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.models.hub.FakeHub.Answer;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Names from servers, users and disks that would lead out of the cache. */
class SafeNamesTest {
  @TempDir Path temporary;

  private Path cache;
  private FakeHub server;

  @BeforeEach
  void start() throws IOException {
    cache = temporary.resolve("hub");
    server = FakeHub.withModel(1_000);
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private void nothingLiesOutside() throws IOException {
    try (Stream<Path> paths = Files.list(temporary)) {
      assertThat(paths).allMatch(cache::equals);
    }
  }

  static Stream<String> hostileFiles() {
    return Stream.of(
        "../config.json",
        "a/../../../../config.json",
        "..",
        "/etc/passwd",
        "C:/Windows/config.json",
        "c:config.json",
        "a\\b.json",
        "..\\..\\config.json",
        "\\\\server\\share",
        "a//b.json",
        "a/./b.json",
        "a/",
        "",
        ".. /config.json",
        "x".repeat(251) + ".json",
        "a/".repeat(600) + "b.json");
  }

  @ParameterizedTest
  @MethodSource("hostileFiles")
  void filesThatLeadOutAreRefused(String file) throws IOException {
    server.trick =
        request -> request.isList() ? FakeHub.list("config.json", "model.safetensors", file) : null;
    assertThatThrownBy(() -> server.client(cache).snapshot(REPO, "main"))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "the hub names a file "
                + SafeNames.shown(file)
                + ", which could lie outside of the cache: nothing is fetched from this"
                + " repository");
    assertThat(server.requests).hasSize(1);
    assertThat(cache).doesNotExist();
    nothingLiesOutside();
  }

  @Test
  void controlCharactersAreRefusedAndNotShown() {
    for (String escape : new String[] {"\\u0000", "\\u001b[2J", "\\n", "\\u007f"}) {
      server.trick =
          request ->
              Answer.of(
                  "{\"sha\": \""
                      + COMMIT
                      + "\", \"siblings\": [{\"rfilename\": \"a"
                      + escape
                      + "b\"}]}");
      assertThatThrownBy(() -> server.client(cache).snapshot(REPO, "main"))
          .hasMessageContaining("which could lie outside")
          .satisfies(e -> assertThat(e.getMessage()).matches("[ -~]+"));
    }
  }

  @Test
  void honestNamesAreAllowed() {
    for (String file :
        new String[] {
          "runs/Mar01_12:00:00/events.out",
          "a b/c (1).json",
          "été.txt",
          ".gitattributes",
          "a..b/aux.py"
        }) {
      assertThat(SafeNames.mustBeFile(file)).isEqualTo(file);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../x.safetensors",
        "/x.safetensors",
        "a/x.safetensors",
        "..\\\\x.safetensors",
        "nul.safetensors"
      })
  void shardsThatLeadOutAreRefused(String shard) throws IOException {
    server.files.remove("model.safetensors");
    server.put("model.safetensors.index.json", "{\"weight_map\": {\"a\": \"" + shard + "\"}}");
    assertThatThrownBy(() -> server.client(cache).snapshot(REPO, "main"))
        .isInstanceOf(LorikeetException.class)
        .hasMessageContaining("model.safetensors.index.json names ")
        .hasMessageEndingWith(", which is no safetensors file beside it");
    nothingLiesOutside();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "..",
        "../main",
        "a/../b",
        "/main",
        "a//b",
        "a/",
        "a\\b",
        "a b",
        "a:b",
        "C:x",
        "a\tb",
        ".hidden",
        "a/.hidden",
        "a~1",
        "a^",
        "a?",
        "a*",
        "[a",
        "main.lock",
        "nul",
        "a\0b"
      })
  void revisionsThatLeadOutAreRefused(String revision) {
    assertThatThrownBy(() -> server.client(cache).model(REPO + "@" + revision))
        .isInstanceOf(UsageException.class)
        .hasMessage(
            SafeNames.shown(revision)
                + " is no revision: give a branch, a tag or a commit after the @");
    assertThat(server.requests).isEmpty();
  }

  @Test
  void revisionsOfGitAreAllowed() {
    for (String revision :
        new String[] {"main", "refs/pr/12", "v1.0.2", "a-b_c+d", "4f1c2a9", "x@y"}) {
      assertThat(new HubName(REPO, revision).revision()).isEqualTo(revision);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "name", "a/b/c", "../b", "a/..", "a/b.git", "a--b/c", "a/b--c", "a/.b", "-a/b", "a/b-",
        "a b/c"
      })
  void repositoriesThatTheHubCouldNotHaveAreRefused(String repo) {
    assertThatThrownBy(() -> server.client(cache).snapshot(repo, "main"))
        .isInstanceOf(UsageException.class)
        .hasMessageStartingWith("\"" + repo + "\" is no name on a hub: give ORGANISATION/NAME");
  }

  // ---- links that someone left in the cache ----

  @ParameterizedTest
  @ValueSource(strings = {"", "/blobs", "/snapshots", "/refs"})
  @DisabledOnOs(OS.WINDOWS) // where links need a privilege
  void foldersThatAreLinksOutOfTheCacheAreNotWrittenThrough(String folder) throws IOException {
    Path outside = Files.createDirectory(temporary.resolve("outside"));
    Path link = cache.resolve("models--org--name" + folder);
    Files.createDirectories(link.getParent());
    Files.createSymbolicLink(link, outside);
    if (folder.equals("/refs")) {
      // Only the note of the revision is lost; the files are where they should be.
      assertThat(server.client(cache).model(REPO)).isDirectory();
    } else {
      assertThatThrownBy(() -> server.client(cache).snapshot(REPO, "main"))
          .isInstanceOf(LorikeetException.class)
          .hasMessageContaining(" leads out of the cache, to " + outside.toRealPath());
    }
    assertThat(outside).isEmptyDirectory();
  }

  @Test
  @DisabledOnOs(OS.WINDOWS) // where links need a privilege
  void filesThatAreLinksOutOfTheCacheAreNotWrittenThrough() throws IOException {
    Path outside = Files.writeString(temporary.resolve("outside"), "precious");
    Path blobs = Files.createDirectories(cache.resolve("models--org--name/blobs"));
    Path incomplete =
        Files.createSymbolicLink(
            blobs.resolve(server.etag("config.json") + ".incomplete"), outside);
    assertThatThrownBy(() -> server.client(cache).snapshot(REPO, "main"))
        .hasMessage(incomplete + " is a link, and must be a file: delete it");
    Files.delete(incomplete);
    Path locks = Files.createDirectories(cache.resolve(".locks/models--org--name"));
    Path lock = locks.resolve(server.etag("config.json") + ".lock");
    Files.deleteIfExists(lock);
    Files.createSymbolicLink(lock, outside);
    assertThatThrownBy(() -> server.client(cache).snapshot(REPO, "main"))
        .hasMessageStartingWith(lock + " cannot be written: ");
    assertThat(outside).hasContent("precious");
  }

  @Test
  @DisabledOnOs(OS.WINDOWS) // where links need a privilege
  void filesThatAreLinksOutOfTheCacheAreNotRead() throws IOException {
    Path outside = Files.writeString(temporary.resolve("outside"), "{}");
    Path snapshot = Files.createDirectories(cache.resolve("models--org--name/snapshots/" + COMMIT));
    Path link = Files.createSymbolicLink(snapshot.resolve("config.json"), outside);
    assertThatThrownBy(() -> server.client(cache).snapshot(REPO, "main"))
        .hasMessage(
            link
                + " leads out of the cache, to "
                + outside.toRealPath()
                + ": delete that link, or set HF_HUB_CACHE");
  }

  @Test
  void referenceThatHoldsNoCommitIsRefused() throws IOException {
    Path ref = cache.resolve("models--org--name/refs/main");
    Files.createDirectories(ref.getParent());
    Files.writeString(ref, "../../../other");
    assertThatThrownBy(() -> server.client(cache).snapshot(REPO, "main"))
        .hasMessage(ref + " holds \"../../../other\", which is no commit: delete it");
  }
}
