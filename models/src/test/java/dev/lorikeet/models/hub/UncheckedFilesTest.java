package dev.lorikeet.models.hub;

import static dev.lorikeet.models.hub.FakeHub.COMMIT;
import static dev.lorikeet.models.hub.FakeHub.REPO;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.models.hub.FakeHub.Answer;
import dev.lorikeet.models.hub.FakeHub.Request;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Hubs whose ETags are no hashes of the files: mirrors, proxies, and those that mean harm. */
class UncheckedFilesTest {
  @TempDir Path temporary;

  private Path cache;
  private Path blobs;
  private FakeHub server;

  @BeforeEach
  void start() throws IOException {
    cache = temporary.resolve("hub");
    blobs = cache.resolve("models--org--name/blobs");
    server = FakeHub.withModel(100_000);
  }

  @AfterEach
  void stop() {
    server.close();
  }

  /** Every file has this ETag, the weights included. */
  private void everyEtagIs(String etag) {
    server.trick =
        request -> {
          String file = request.path().substring(request.path().lastIndexOf('/') + 1);
          return request.path().contains("/resolve/") && server.files.containsKey(file)
              ? server.content(request, file).with("ETag", etag)
              : null;
        };
  }

  private Path fetchAndHear(List<String> said) {
    HubListener listener =
        new HubListener() {
          @Override
          public void said(String message) {
            said.add(message);
          }
        };
    return new Hub(server.settings(cache), listener).model(REPO);
  }

  private List<Path> blobs() throws IOException {
    try (Stream<Path> files = Files.list(blobs)) {
      return files.toList();
    }
  }

  /** All three were the first one's bytes before. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"the-same-for-all\"",
        "W/\"0123456789-abc\"",
        "\"d41d8cd98f00b204e9800998ecf8427e\"", // an MD5
        "\"\"",
        "\"../../../../evil\"",
        "a/b/c/d",
        "\"C:evil evil\""
      })
  void filesWithOneEtagAreEachTheirOwn(String etag) throws IOException {
    everyEtagIs(etag);
    List<String> said = new ArrayList<>();
    Path folder = fetchAndHear(said);
    for (String file : server.files.keySet()) {
      assertThat(folder.resolve(file)).hasBinaryContent(server.file(file));
    }
    assertThat(said)
        .containsExactly(
            "org/name: "
                + server.address()
                + " gives no hash of config.json, tokenizer.json, model.safetensors: kept by name,"
                + " their bytes unchecked");
    try (Stream<Path> paths = Files.list(temporary)) {
      assertThat(paths).containsExactly(cache);
    }
  }

  /** As Python's huggingface_hub has them where there are no links, so that it reads them, too. */
  @Test
  void theyLieInTheSnapshotAndLeaveNoBlob() throws IOException {
    everyEtagIs("\"65f0c1a2-1869f\"");
    Path folder = fetchAndHear(new ArrayList<>());
    assertThat(folder).isEqualTo(cache.resolve("models--org--name/snapshots/" + COMMIT));
    for (String file : server.files.keySet()) {
      assertThat(Files.isRegularFile(folder.resolve(file), LinkOption.NOFOLLOW_LINKS)).isTrue();
    }
    assertThat(blobs()).isEmpty();
    assertThat(cache.resolve("models--org--name/refs/main")).hasContent(COMMIT);
  }

  @Test
  void theyAreFetchedOnce() {
    everyEtagIs("\"the-same-for-all\"");
    Path first = fetchAndHear(new ArrayList<>());
    server.requests.clear();
    List<String> said = new ArrayList<>();
    assertThat(fetchAndHear(said)).isEqualTo(first);
    assertThat(server.requests).hasSize(1).allMatch(Request::isList);
    assertThat(said).isEmpty();
  }

  @Test
  void otherCommitHasItsOwn() {
    everyEtagIs("\"the-same-for-all\"");
    Path before = fetchAndHear(new ArrayList<>());
    byte[] old = server.file("config.json");
    String next = "f".repeat(40);
    server.put("config.json", "{\"model_type\": \"gpt2\"}"); // as long as the old one
    assertThat(server.file("config.json")).hasSameSizeAs(old);
    server.trick =
        request -> {
          String file = request.path().substring(request.path().lastIndexOf('/') + 1);
          return request.isList()
              ? FakeHub.listAt(next, "config.json", "model.safetensors")
              : server
                  .content(request, file)
                  .with("X-Repo-Commit", next)
                  .with("ETag", "\"the-same-for-all\"");
        };
    Path after = fetchAndHear(new ArrayList<>());
    assertThat(after.resolve("config.json")).hasBinaryContent(server.file("config.json"));
    assertThat(before.resolve("config.json")).hasBinaryContent(old);
  }

  @Test
  void filesWithAHashAreBlobsBesideThem() throws IOException {
    server.trick =
        request ->
            request.isHeadOf("config.json")
                ? server.content(request, "config.json").with("ETag", "W/\"0123456789-abc\"")
                : null;
    List<String> said = new ArrayList<>();
    Path folder = fetchAndHear(said);
    assertThat(folder.resolve("config.json")).hasBinaryContent(server.file("config.json"));
    assertThat(blobs())
        .extracting(path -> path.getFileName().toString())
        .containsExactlyInAnyOrder(server.etag("tokenizer.json"), server.etag("model.safetensors"));
    assertThat(said)
        .singleElement()
        .asString()
        .contains(" gives no hash of config.json: kept by name");
  }

  @Test
  void whatCameBeforeAConnectionWasCutIsGoneOnWith() throws IOException {
    everyEtagIs("\"65f0c1a2-1869f\"");
    FakeHub.Trick whole = server.trick;
    server.trick =
        request -> {
          Answer answer = whole.answer(request);
          return answer != null && request.isGetOf("model.safetensors")
              ? answer.cutAfter(1_000)
              : answer;
        };
    List<String> said = new ArrayList<>();
    assertThatThrownBy(() -> fetchAndHear(said)).hasMessageEndingWith("; what has come is kept");
    assertThat(said.get(said.size() - 1))
        .as("of what has come")
        .contains(" gives no hash of config.json, tokenizer.json: ");
    assertThat(blobs()).singleElement().asString().endsWith(".incomplete");
    server.trick = whole;
    server.requests.clear();
    Path folder = fetchAndHear(new ArrayList<>());
    assertThat(folder.resolve("model.safetensors"))
        .hasBinaryContent(server.file("model.safetensors"));
    assertThat(server.requests)
        .filteredOn(request -> request.isGetOf("model.safetensors"))
        .singleElement()
        .satisfies(request -> assertThat(request.headers()).containsKey("range"));
    assertThat(blobs()).isEmpty();
  }

  @Test
  void offlineFindsThem() {
    everyEtagIs("\"the-same-for-all\"");
    Path folder = fetchAndHear(new ArrayList<>());
    HubSettings plain = server.settings(cache);
    HubSettings offline =
        new HubSettings(
            URI.create("http://127.0.0.1:1"),
            cache,
            null,
            true,
            plain.timeout(),
            0,
            plain.backoff(),
            plain.longestWait(),
            plain.mostUnannounced());
    assertThat(new Hub(offline, HubListener.SILENT).model(REPO)).isEqualTo(folder);
  }
}
