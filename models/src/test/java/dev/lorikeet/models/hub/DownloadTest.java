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
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Downloads over connections that break, from servers that promise one thing and send another. */
@Timeout(60)
class DownloadTest {
  private static final String WEIGHTS = "model.safetensors";
  private static final int SIZE = 3_000_000;

  @TempDir Path temporary;

  private Path cache;
  private Path blobs;
  private FakeHub server;

  @BeforeEach
  void start() throws IOException {
    cache = temporary.resolve("hub");
    blobs = cache.resolve("models--org--name/blobs");
    server = FakeHub.withModel(SIZE);
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private Path fetch() {
    return server.client(cache).snapshot(REPO, "main").resolve(WEIGHTS);
  }

  /** What the first {@code bytes} of the weights are, left by a run that was stopped. */
  private Path leave(byte[] bytes) throws IOException {
    Files.createDirectories(blobs);
    return Files.write(blobs.resolve(server.etag(WEIGHTS) + ".incomplete"), bytes);
  }

  private byte[] begin(int bytes) {
    return Arrays.copyOf(server.file(WEIGHTS), bytes);
  }

  private List<Request> gets() {
    return server.requests.stream().filter(this::isOfWeights).toList();
  }

  private boolean isOfWeights(Request request) {
    return request.method().equals("GET") && request.path().endsWith("/signed/" + WEIGHTS);
  }

  private List<String> ranges() {
    return gets().stream().map(r -> r.headers().getOrDefault("range", "all")).toList();
  }

  private void mustBeWhole(Path file) throws IOException {
    assertThat(file).hasBinaryContent(server.file(WEIGHTS));
    try (Stream<Path> left = Files.list(blobs)) {
      assertThat(left.map(path -> path.getFileName().toString()))
          .containsExactlyInAnyOrderElementsOf(
              server.files.keySet().stream().map(server::etag).toList());
    }
  }

  private void mustFail(String message) {
    assertThatThrownBy(this::fetch).isInstanceOf(LorikeetException.class).hasMessage(message);
    assertThat(cache.resolve("models--org--name/snapshots/" + COMMIT + "/" + WEIGHTS))
        .doesNotExist();
    assertThat(blobs.resolve(server.etag(WEIGHTS))).doesNotExist();
  }

  // ---- resuming ----

  @Test
  void onlyTheRestOfWhatAnEarlierRunLeftIsAskedFor() throws IOException {
    leave(begin(1_234_567));
    mustBeWhole(fetch());
    assertThat(ranges()).containsExactly("bytes=1234567-");
  }

  @Test
  void connectionThatIsCutIsGoneOnWithWhereItWasCut() throws IOException {
    AtomicInteger answers = new AtomicInteger();
    server.trick =
        request ->
            isOfWeights(request) && answers.getAndIncrement() == 0
                ? server.content(request, WEIGHTS).cutAfter(1_000_000)
                : null;
    mustBeWhole(fetch());
    assertThat(ranges()).hasSize(2).startsWith("all");
    // The end of what was sent may be lost with the connection.
    long from = Long.parseLong(ranges().get(1).replaceAll("\\D", ""));
    assertThat(from).isBetween(900_000L, 1_000_000L);
  }

  @Test
  void whatCameOfAFailedRunIsKeptForTheNext() throws IOException {
    server.trick =
        request -> isOfWeights(request) ? server.content(request, WEIGHTS).cutAfter(5_000) : null;
    assertThatThrownBy(this::fetch)
        .isInstanceOf(LorikeetException.class)
        .hasMessageStartingWith(server.address() + ": org/name: model.safetensors failed 3 times: ")
        .hasMessageEndingWith(": try again later; what has come is kept");
    assertThat(gets()).hasSize(3);
    long kept = Files.size(blobs.resolve(server.etag(WEIGHTS) + ".incomplete"));
    assertThat(kept).isBetween(3L, 15_000L);
    server.trick = request -> null;
    server.requests.clear();
    mustBeWhole(fetch());
    assertThat(ranges()).containsExactly("bytes=" + kept + "-");
  }

  @Test
  void progressIsWorthAnotherTry() throws IOException {
    server.files.put(WEIGHTS, FakeHub.bytes(12_000_000));
    // Cut after each two million bytes: six tries or more, where three without progress end it.
    server.trick =
        request -> {
          if (!isOfWeights(request)) {
            return null;
          }
          Answer answer = server.content(request, WEIGHTS);
          return answer.cutAfter(Math.min(2_000_000, answer.body().length));
        };
    mustBeWhole(fetch());
    assertThat(gets().size()).isGreaterThanOrEqualTo(6);
  }

  @Test
  void serverThatIgnoresRangesSendsAllAnew() throws IOException {
    leave(begin(1_000_000));
    server.trick =
        request -> isOfWeights(request) ? new Answer(200, Map.of(), server.file(WEIGHTS)) : null;
    mustBeWhole(fetch());
    assertThat(gets()).hasSize(1);
  }

  @Test
  void otherRangeThanAskedForIsNotBelieved() throws IOException {
    leave(begin(1_000_000));
    server.trick =
        request ->
            isOfWeights(request) && request.headers().containsKey("range")
                ? new Answer(206, Map.of(), new byte[SIZE - 5])
                    .with("Content-Range", "bytes 5-" + (SIZE - 1) + "/" + SIZE)
                : null;
    mustBeWhole(fetch());
    assertThat(ranges()).containsExactly("bytes=1000000-", "all");
  }

  @Test
  void rangeThatCannotBeBeginsAnew() throws IOException {
    leave(begin(1_000_000));
    server.trick =
        request ->
            isOfWeights(request) && request.headers().containsKey("range") ? Answer.of(416) : null;
    mustBeWhole(fetch());
    assertThat(ranges()).containsExactly("bytes=1000000-", "all");
  }

  @Test
  void rangeThatCannotBeWithoutARangeIsAnError() {
    server.trick = request -> isOfWeights(request) ? Answer.of(416) : null;
    mustFail(
        server.address()
            + " answers org/name: model.safetensors with status 416, which no range was asked of");
  }

  @Test
  void moreThanTheFileHasIsThrownAway() throws IOException {
    leave(new byte[SIZE + 1]);
    mustBeWhole(fetch());
    assertThat(ranges()).containsExactly("all");
  }

  @Test
  void allThatAnEarlierRunLeftIsOnlyChecked() throws IOException {
    leave(begin(SIZE));
    mustBeWhole(fetch());
    assertThat(gets()).isEmpty();
  }

  @Test
  void piecesThatDoNotFitAreFetchedAnew() throws IOException {
    leave(new byte[1_000_000]); // another file's, or a damaged disk's
    mustBeWhole(fetch());
    assertThat(ranges()).containsExactly("bytes=1000000-", "all");
  }

  // ---- wrong bytes ----

  @Test
  void otherBytesThanTheHashSaysAreRefused() {
    byte[] wrong = server.file(WEIGHTS).clone();
    wrong[77] ^= 1;
    server.trick = request -> isOfWeights(request) ? new Answer(200, Map.of(), wrong) : null;
    mustFail(
        server.address()
            + ": org/name: model.safetensors came damaged: its SHA-256 is "
            + FakeHub.hash("SHA-256", wrong)
            + ", not "
            + server.etag(WEIGHTS)
            + ": try again");
    assertThat(gets()).hasSize(1);
    assertThat(blobs.resolve(server.etag(WEIGHTS) + ".incomplete")).doesNotExist();
  }

  @Test
  void smallFilesAreCheckedByGitsHash() {
    server.trick =
        request -> request.isGetOf("config.json") ? Answer.of("{\"model_type\": \"gpt2\"}") : null;
    assertThatThrownBy(this::fetch)
        .hasMessageStartingWith(
            server.address() + ": org/name: config.json came damaged: its git hash is ")
        .hasMessageContaining(", not " + server.etag("config.json"));
  }

  @Test
  void otherLengthThanPromisedIsRefused() {
    server.trick = request -> isOfWeights(request) ? new Answer(200, Map.of(), begin(1_000)) : null;
    mustFail(
        server.address()
            + " sends 1,000 bytes of org/name: model.safetensors, and promised 3,000,000: try"
            + " again later");
  }

  @Test
  void bodyThatNeverEndsIsStopped() {
    server.trick =
        request ->
            isOfWeights(request)
                ? new Answer(200, Map.of(), new byte[SIZE + 100_000]).with("Content-Length", "")
                : null;
    mustFail(
        server.address()
            + " sends more of org/name: model.safetensors than the 3,000,000 bytes that it"
            + " promised");
  }

  @Test
  void bodyWithoutALengthIsTakenToItsEnd() throws IOException {
    server.trick =
        request ->
            isOfWeights(request)
                ? new Answer(200, Map.of(), server.file(WEIGHTS)).with("Content-Length", "")
                : null;
    mustBeWhole(fetch());
  }

  @Test
  void sizeThatTheHubDoesNotSayIsTakenFromTheAnswer() throws IOException {
    server.trick =
        request ->
            request.isHeadOf(COMMIT + "/" + WEIGHTS)
                ? new Answer(
                    302,
                    Map.of(
                        "Location", server.cdn + "/cdn/signed/" + WEIGHTS,
                        "X-Linked-Etag", "\"" + server.etag(WEIGHTS) + "\""),
                    new byte[0])
                : null;
    mustBeWhole(fetch());
  }

  @Test
  void compressedAnswerIsRefused() {
    server.trick =
        request ->
            isOfWeights(request)
                ? server.content(request, WEIGHTS).with("Content-Encoding", "gzip")
                : null;
    mustFail(server.address() + " sends org/name: model.safetensors compressed, unasked");
  }

  @Test
  void serverThatFallsSilentIsNotWaitedForForEver() {
    server.trick =
        request ->
            isOfWeights(request)
                ? server.content(request, WEIGHTS).cutAfter(1_000).silentFor(Duration.ofSeconds(20))
                : null;
    HubSettings settings = server.impatient(cache, Duration.ofSeconds(1), 0);
    assertThatThrownBy(() -> new Hub(settings, HubListener.SILENT).model(REPO))
        .hasMessageContaining("model.safetensors failed 1 times: nothing came for 1 s");
  }

  // ---- two at once ----

  @Test
  void threadsFetchABlobOnce() throws Exception {
    server.trick =
        request ->
            isOfWeights(request)
                ? server.content(request, WEIGHTS).silentFor(Duration.ofMillis(300))
                : null;
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try {
      List<Future<Path>> fetched = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        fetched.add(threads.submit(this::fetch));
      }
      for (Future<Path> file : fetched) {
        mustBeWhole(file.get());
      }
    } finally {
      threads.shutdownNow();
    }
    assertThat(gets()).hasSize(1);
  }

  /** Fetches as another process: the cache and the endpoint are the environment's. */
  static final class Fetching {
    private Fetching() {}

    public static void main(String[] arguments) {
      System.out.println(Hub.of(System.getenv()).model(REPO));
    }
  }

  @Test
  void processesFetchABlobOnce() throws Exception {
    server.trick =
        request -> {
          if (isOfWeights(request)) {
            sleep(500); // both have asked for its hash by then
          }
          return null;
        };
    List<Process> processes = new ArrayList<>();
    try {
      for (int i = 0; i < 2; i++) {
        ProcessBuilder builder =
            new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Fetching.class.getName());
        builder.environment().put("HF_HUB_CACHE", cache.toString());
        builder.environment().put("HF_ENDPOINT", server.address());
        builder.environment().remove("HF_HUB_OFFLINE");
        builder.redirectErrorStream(true).redirectOutput(temporary.resolve("out" + i).toFile());
        processes.add(builder.start());
      }
      for (int i = 0; i < 2; i++) {
        assertThat(processes.get(i).waitFor(50, TimeUnit.SECONDS)).isTrue();
        String out = Files.readString(temporary.resolve("out" + i)).strip();
        assertThat(processes.get(i).exitValue()).as(out).isZero();
        mustBeWhole(Path.of(out).resolve(WEIGHTS));
      }
    } finally {
      processes.forEach(Process::destroyForcibly);
    }
    assertThat(gets()).hasSize(1);
  }

  private static void sleep(int milliseconds) {
    try {
      Thread.sleep(milliseconds);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  // ---- telling ----

  @Test
  void listenerHearsHowFarItIs() throws IOException {
    leave(begin(1_000_000));
    List<Long> heard = new ArrayList<>();
    new Hub(
            server.settings(cache),
            new HubListener() {
              @Override
              public void fetched(String file, long bytes, long size) {
                if (file.equals(WEIGHTS)) {
                  assertThat(size).isEqualTo(SIZE);
                  heard.add(bytes);
                }
              }
            })
        .model(REPO);
    assertThat(heard).isSorted().startsWith(1_000_000L).endsWith((long) SIZE);
  }

  @Test
  void endpointMayHaveAPath() throws IOException {
    server.trick =
        request -> {
          if (request.isList()) {
            return FakeHub.list("config.json", "model.safetensors");
          }
          String name = request.path().substring(request.path().lastIndexOf('/') + 1);
          return request.path().startsWith("/mirror/of/hubs/org/name/resolve/")
              ? server.content(request, name)
              : Answer.of(404);
        };
    HubSettings plain = server.settings(cache);
    HubSettings mirror =
        new HubSettings(
            URI.create(server.address() + "/mirror/of/hubs"),
            cache,
            null,
            false,
            plain.timeout(),
            0,
            plain.backoff(),
            plain.longestWait(),
            plain.mostUnannounced());
    assertThat(new Hub(mirror, HubListener.SILENT).model(REPO).resolve(WEIGHTS))
        .hasBinaryContent(server.file(WEIGHTS));
    assertThat(server.requests.get(0).path())
        .isEqualTo("/mirror/of/hubs/api/models/org/name/revision/main");
  }
}
