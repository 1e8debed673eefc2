package dev.lorikeet.models.hub;

import static dev.lorikeet.models.hub.FakeHub.COMMIT;
import static dev.lorikeet.models.hub.FakeHub.REPO;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.models.hub.FakeHub.Answer;
import dev.lorikeet.models.hub.FakeHub.Request;
import dev.lorikeet.torch.LorikeetException;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** What is fetched, and how it lies in the cache. */
class HubTest {
  @TempDir Path temporary;

  private Path cache;
  private FakeHub server;

  @BeforeEach
  void start() throws IOException {
    cache = temporary.resolve("hub");
    server = FakeHub.withModel(100_000);
  }

  @AfterEach
  void stop() {
    server.close();
  }

  /** Every file below a folder with its link's target, as `find -printf '%P -> %l'` would. */
  private static List<String> tree(Path folder) throws IOException {
    try (Stream<Path> paths = Files.walk(folder)) {
      List<String> lines = new ArrayList<>();
      for (Path path : paths.sorted().toList()) {
        String name = folder.relativize(path).toString();
        if (Files.isSymbolicLink(path)) {
          lines.add(name + " -> " + Files.readSymbolicLink(path));
        } else if (Files.isRegularFile(path)) {
          lines.add(name);
        }
      }
      return lines;
    }
  }

  @Test
  @DisabledOnOs(OS.WINDOWS) // where links need a privilege
  void layoutIsThatOfHuggingFaceHub() throws IOException {
    Path folder = server.client(cache).model(REPO);
    assertThat(folder).isEqualTo(cache.resolve("models--org--name/snapshots/" + COMMIT));
    // After the example of https://huggingface.co/docs/huggingface_hub/guides/manage-cache.
    assertThat(tree(cache.resolve("models--org--name")))
        .containsExactlyInAnyOrder(
            "blobs/" + server.etag("config.json"),
            "blobs/" + server.etag("tokenizer.json"),
            "blobs/" + server.etag("model.safetensors"),
            "refs/main",
            "snapshots/" + COMMIT + "/config.json -> ../../blobs/" + server.etag("config.json"),
            "snapshots/"
                + COMMIT
                + "/model.safetensors -> ../../blobs/"
                + server.etag("model.safetensors"),
            "snapshots/"
                + COMMIT
                + "/tokenizer.json -> ../../blobs/"
                + server.etag("tokenizer.json"));
    assertThat(cache.resolve("models--org--name/refs/main")).hasContent(COMMIT);
    for (String file : server.files.keySet()) {
      assertThat(folder.resolve(file)).hasBinaryContent(server.file(file));
    }
  }

  /** Hashes that git itself gives: of "{}" without a line's end, and of an empty file. */
  @Test
  void etagsAreGitsOwnHashes() {
    server.put("tokenizer.json", "{}");
    server.put("merges.txt", "");
    assertThat(server.etag("tokenizer.json")).isEqualTo("9e26dfeeb6e641a33dae4961196235bdb965b21b");
    assertThat(server.etag("merges.txt")).isEqualTo("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    assertThat(server.client(cache).model(REPO).resolve("merges.txt")).isEmptyFile();
  }

  @Test
  void onlyWhatIsNeededIsFetched() throws IOException {
    for (String other :
        List.of("README.md", "pytorch_model.bin", "model.onnx", "flax_model.msgpack", "a/b.txt")) {
      server.put(other, "not needed");
    }
    for (String wanted : List.of("generation_config.json", "vocab.txt", "chat_template.jinja")) {
      server.put(wanted, "needed");
    }
    server.put("model.safetensors.index.json", "{}");
    Path folder = server.client(cache).model(REPO);
    assertThat(tree(folder).stream().map(line -> line.replaceFirst(" .*", "")))
        .containsExactly(
            "chat_template.jinja",
            "config.json",
            "generation_config.json",
            "model.safetensors",
            "tokenizer.json",
            "vocab.txt");
    assertThat(server.requests).noneMatch(r -> r.path().endsWith("pytorch_model.bin"));
  }

  @Test
  void secondTimeOnlyTheListIsAskedFor() {
    Path first = server.client(cache).model(REPO);
    server.requests.clear();
    assertThat(server.client(cache).model(REPO)).isEqualTo(first);
    assertThat(server.requests).hasSize(1).allMatch(Request::isList);
  }

  @Test
  void indexBringsItsShardsAndNoOthers() {
    byte[] weights = server.files.remove("model.safetensors");
    server.files.put("model-00001-of-00002.safetensors", FakeHub.bytes(10));
    server.files.put("model-00002-of-00002.safetensors", weights);
    server.files.put("model.fp16-00001-of-00002.safetensors", weights);
    server.put(
        "model.safetensors.index.json",
        """
        {"weight_map": {"b": "model-00002-of-00002.safetensors",
                        "a": "model-00001-of-00002.safetensors",
                        "c": "model-00002-of-00002.safetensors"}}
        """);
    Path folder = server.client(cache).model(REPO);
    assertThat(folder.resolve("model-00001-of-00002.safetensors")).isNotEmptyFile();
    assertThat(folder.resolve("model-00002-of-00002.safetensors")).hasBinaryContent(weights);
    assertThat(folder.resolve("model.fp16-00001-of-00002.safetensors")).doesNotExist();
  }

  @Test
  void revisionsHaveReferencesAndCommitsHaveNone() {
    Path byCommit = server.client(cache).model(REPO + "@" + COMMIT);
    assertThat(cache.resolve("models--org--name/refs")).doesNotExist();
    assertThat(server.client(cache).snapshot(REPO, "refs/pr/1")).isEqualTo(byCommit);
    assertThat(cache.resolve("models--org--name/refs/refs/pr/1")).hasContent(COMMIT);
    assertThat(server.requests).anyMatch(r -> r.path().endsWith("/revision/refs%2Fpr%2F1"));
  }

  @Test
  void newCommitSharesWhatDidNotChange() {
    server.client(cache).model(REPO);
    String next = "f".repeat(40);
    server.put("config.json", "{\"model_type\": \"other\"}");
    server.trick =
        request -> {
          if (request.isList()) {
            return FakeHub.listAt(next, server.files.keySet().toArray(new String[0]));
          }
          String name = request.path().substring(request.path().lastIndexOf('/') + 1);
          return request.path().contains(next)
              ? server.content(request, name).with("X-Repo-Commit", next)
              : null;
        };
    server.requests.clear();
    Path folder = server.client(cache).model(REPO);
    assertThat(folder).endsWith(Path.of(next));
    assertThat(folder.resolve("config.json")).hasContent("{\"model_type\": \"other\"}");
    assertThat(folder.resolve("model.safetensors"))
        .hasBinaryContent(server.file("model.safetensors"));
    assertThat(server.count(r -> r.isGetOf("model.safetensors"))).isZero();
    assertThat(cache.resolve("models--org--name/refs/main")).hasContent(next);
  }

  @Test
  void whereLinksCannotBeMadeFilesLieInTheSnapshot() throws IOException {
    HubName name = new HubName(REPO, "main");
    HubCache plain =
        new HubCache(
            cache,
            name,
            HubListener.SILENT,
            (link, target) -> {
              throw new UnsupportedOperationException("no links here");
            });
    Path blob = Files.writeString(plain.blob("etag-of-text"), "text");
    plain.link(COMMIT, "vocab.txt", blob, true);
    assertThat(blob).as("moved, not copied: it was in no other snapshot").doesNotExist();
    assertThat(plain.snapshot(COMMIT).resolve("vocab.txt")).isRegularFile().hasContent("text");

    blob = Files.writeString(plain.blob("etag-of-text"), "text");
    plain.link("f".repeat(40), "vocab.txt", blob, false);
    assertThat(blob).hasContent("text");
    assertThat(plain.snapshot("f".repeat(40)).resolve("vocab.txt"))
        .isRegularFile()
        .hasContent("text");
    assertThat(plain.has(COMMIT, "vocab.txt")).isTrue();
  }

  /** As Python leaves it: a shared store, into which the repository's blobs are links. */
  @Test
  @DisabledOnOs(OS.WINDOWS) // where links need a privilege
  void cacheThatPythonFilledIsUsedAsItIs() throws IOException {
    Path home = cache.resolve("models--org--name");
    Path snapshot = Files.createDirectories(home.resolve("snapshots/" + COMMIT));
    Files.createDirectories(home.resolve("blobs"));
    Files.createDirectories(home.resolve("refs"));
    Files.writeString(home.resolve("refs/main"), COMMIT);
    for (String file : server.files.keySet()) {
      Path store = cache.resolve("blobs/ab/" + "ab".repeat(32) + file.length());
      Files.createDirectories(store.getParent());
      Files.write(store, server.file(file));
      Path blob = home.resolve("blobs").resolve(server.etag(file));
      Files.createSymbolicLink(blob, home.resolve("blobs").relativize(store));
      Files.createSymbolicLink(
          snapshot.resolve(file), Path.of("../../blobs").resolve(blob.getFileName()));
    }
    assertThat(server.client(cache).model(REPO)).isEqualTo(snapshot);
    assertThat(server.requests).hasSize(1).allMatch(Request::isList);
    assertThat(offline().model(REPO)).isEqualTo(snapshot);
  }

  @Test
  void adapterIsItsTwoFilesAndTheTokenizer() throws IOException {
    server.files.remove("model.safetensors");
    server.put("adapter_config.json", "{}");
    server.files.put("adapter_model.safetensors", FakeHub.bytes(50));
    server.put("lorikeet.json", "{}");
    server.put("adapter_model.bin", "pickle");
    assertThat(
            tree(server.client(cache).adapter(REPO)).stream()
                .map(line -> line.replaceFirst(" .*", "")))
        .containsExactly(
            "adapter_config.json", "adapter_model.safetensors", "lorikeet.json", "tokenizer.json");
    assertThat(offline().adapter(REPO)).isDirectory();
    assertThatThrownBy(() -> server.client(cache).snapshot(REPO, "main"))
        .hasMessage(
            "org/name holds an adapter, not a model: give it as --adapter, and its base as"
                + " --model");
  }

  @Test
  void picklesAreRefusedBeforeAnythingIsFetched() {
    server.files.remove("model.safetensors");
    server.put("pytorch_model.bin", "pickle");
    assertThatThrownBy(() -> server.client(cache).model(REPO))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "org/name has its weights in \"pytorch_model.bin\" only, and opening a pickle can run"
                + " any code: convert it to safetensors (transformers:"
                + " model.save_pretrained(folder, safe_serialization=True)), or look for a revision"
                + " that has them (often refs/pr/1)");
    assertThat(server.requests).hasSize(1);
    assertThat(cache).doesNotExist();
  }

  @Test
  void repositoryOfOtherThingsIsRefused() {
    server.files.remove("model.safetensors");
    assertThatThrownBy(() -> server.client(cache).model(REPO))
        .hasMessage("org/name has no model.safetensors, nor model.safetensors.index.json");
    server.files.put("model.safetensors", new byte[1]);
    server.files.remove("config.json");
    assertThatThrownBy(() -> server.client(cache).model(REPO))
        .hasMessage("org/name has no config.json: is it a repository of models?");
  }

  // ---- what users type ----

  @Test
  void folderThatExistsIsAFolder() throws IOException {
    Path folder = Files.createDirectory(temporary.resolve("model"));
    assertThat(server.client(cache).model(folder.toString())).isEqualTo(folder);
    assertThat(server.requests).isEmpty();
  }

  @Test
  void whatIsWrittenAsAPlaceIsAFolderEvenWhenItIsNotThere() {
    for (String typed : List.of("./org/name", "../org/name", "/org/name", ".")) {
      assertThat(server.client(cache).model(typed)).isEqualTo(Path.of(typed));
    }
    assertThat(server.requests).isEmpty();
  }

  @Test
  void whatIsNeitherFolderNorNameIsToldSo() {
    for (String typed : List.of("minilm", "a/b/c", "", "org/na--me", "org/name.git", "a b/c")) {
      assertThatThrownBy(() -> server.client(cache).model(typed))
          .isInstanceOf(LorikeetException.class)
          .hasMessage(
              "\""
                  + typed
                  + "\" is no folder here, and no name on a hub, which would be ORGANISATION/NAME"
                  + " or ORGANISATION/NAME@REVISION: check the path");
    }
    assertThat(server.requests).isEmpty();
  }

  // ---- offline ----

  private Hub offline() {
    HubSettings settings =
        new HubSettings(
            URI.create("http://127.0.0.1:1"),
            cache,
            null,
            true,
            Duration.ofSeconds(1),
            0,
            Duration.ZERO,
            Duration.ZERO,
            FakeHub.MOST_UNANNOUNCED);
    return new Hub(settings, HubListener.SILENT);
  }

  @Test
  void offlineUsesTheCache() {
    Path folder = server.client(cache).model(REPO);
    server.close();
    assertThat(offline().model(REPO)).isEqualTo(folder);
    assertThat(offline().snapshot(REPO, COMMIT)).isEqualTo(folder);
  }

  @Test
  void offlineWithoutACopyFailsWithTheMend() throws IOException {
    String mend =
        ", which HF_HUB_OFFLINE forbids to fetch: unset that, or fill the cache where there is a"
            + " network";
    assertThatThrownBy(() -> offline().model(REPO))
        .hasMessage("org/name is no folder here, and the cache %s lacks org/name%s", cache, mend);
    Path folder = server.client(cache).model(REPO);
    Files.delete(folder.resolve("model.safetensors"));
    assertThatThrownBy(() -> offline().snapshot(REPO, "main"))
        .hasMessage("the cache %s lacks model.safetensors of org/name%s", cache, mend);
    assertThatThrownBy(() -> offline().snapshot(REPO, "v2"))
        .hasMessage("the cache %s lacks org/name@v2%s", cache, mend);
  }

  @Test
  void offlineNamesTheShardThatIsMissing() throws IOException {
    Path folder = server.client(cache).model(REPO);
    Files.delete(folder.resolve("model.safetensors"));
    Files.writeString(
        folder.resolve("model.safetensors.index.json"),
        "{\"weight_map\": {\"a\": \"model-1.safetensors\"}}");
    assertThatThrownBy(() -> offline().model(REPO)).hasMessageContaining(" lacks model-1.safe");
  }

  @Test
  void hubThatIsAwayLeavesTheCopyFromBefore() {
    Path folder = server.client(cache).model(REPO);
    server.trick = request -> Answer.of(503);
    List<String> said = new ArrayList<>();
    Hub hub =
        new Hub(
            server.settings(cache),
            new HubListener() {
              @Override
              public void said(String message) {
                said.add(message);
              }
            });
    assertThat(hub.model(REPO)).isEqualTo(folder);
    assertThat(said.get(said.size() - 1)).contains("status 503").endsWith("; using " + folder);
    assertThatThrownBy(() -> hub.snapshot("org/other", "main")).hasMessageContaining("503");
  }
}
