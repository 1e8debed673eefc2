package dev.lorikeet.models.hub;

import static dev.lorikeet.models.hub.FakeHub.REPO;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.models.hub.FakeHub.Answer;
import dev.lorikeet.models.hub.FakeHub.Request;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Hubs whose answers are too long, or take too long. */
@Timeout(30) // each hung before, or filled the disk
class EndlessAnswerTest {
  private static final String WEIGHTS = "model.safetensors";
  private static final int SIZE = 3_000_000;

  /** So that a second without progress ends it. */
  private static final Duration TIMEOUT = Duration.ofMillis(500);

  @TempDir Path cache;

  private FakeHub server;

  @BeforeEach
  void start() throws IOException {
    server = FakeHub.withModel(SIZE);
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private Path fetchImpatiently() {
    return new Hub(server.impatient(cache, TIMEOUT, 0), HubListener.SILENT).snapshot(REPO, "main");
  }

  private static boolean isOfWeights(Request request) {
    return request.isGetOf(WEIGHTS) && request.path().contains("/signed/");
  }

  private long kept() throws IOException {
    try (Stream<Path> files = Files.list(cache.resolve("models--org--name/blobs"))) {
      return Files.size(files.filter(f -> f.toString().endsWith(".incomplete")).findAny().get());
    }
  }

  // ---- slow ----

  @Test
  void weightsThatTrickleAreGivenUp() throws IOException {
    server.trick =
        request ->
            isOfWeights(request)
                ? server.content(request, WEIGHTS).trickling(Duration.ofMillis(20))
                : null;
    assertThatThrownBy(this::fetchImpatiently)
        .hasMessageMatching(
            server.address()
                + ": org/name: model.safetensors failed 1 times: only \\d\\d? bytes came in \\d\\.\\d"
                + " s: try again later; what has come is kept");
    assertThat(kept()).isBetween(1L, 60L); // a second's, 50 each second
  }

  @Test
  void listThatTricklesIsGivenUp() {
    server.trick =
        request ->
            request.isList()
                ? FakeHub.list("config.json", WEIGHTS).trickling(Duration.ofMillis(20))
                : null;
    assertThatThrownBy(this::fetchImpatiently)
        .hasMessageMatching(
            server.address()
                + ": org/name failed 1 times: only \\d\\d? bytes came in \\d\\.\\d s: try again"
                + " later; what has come is kept");
  }

  @Test
  void slowServerThatMakesProgressIsWaitedFor() {
    // 322 bytes at 8 ms each take 2.6 s: more than the timeout of 2 s, of which silence there was
    // none, and less than the 4 s that so little may take.
    server.put("config.json", "{\"model_type\": \"bert\"}" + " ".repeat(300));
    server.trick =
        request ->
            request.isGetOf("config.json")
                ? server.content(request, "config.json").trickling(Duration.ofMillis(8))
                : null;
    Hub hub = new Hub(server.impatient(cache, Duration.ofSeconds(2), 0), HubListener.SILENT);
    assertThat(hub.snapshot(REPO, "main").resolve("config.json"))
        .hasBinaryContent(server.file("config.json"));
  }

  @Test
  void whatComesAgainIsNoProgress() {
    server.trick =
        request ->
            isOfWeights(request)
                ? new Answer(200, Map.of(), server.file(WEIGHTS)).cutAfter(2_000_000)
                : null;
    assertThatThrownBy(() -> server.client(cache).snapshot(REPO, "main"))
        .hasMessageContaining("model.safetensors failed ");
    // Three without progress end it; the first and, at most, one more have gone further.
    assertThat(server.count(EndlessAnswerTest::isOfWeights)).isBetween(3L, 6L);
  }

  // ---- long ----

  private static Answer withoutLength(Answer answer) {
    return answer.with("Content-Length", "");
  }

  /** Neither promise nor answer tell a length. */
  private void lengthOfTheConfigIsUnknown(int bytes) {
    server.files.put("config.json", FakeHub.bytes(bytes));
    server.trick =
        request ->
            request.path().endsWith("/config.json")
                ? withoutLength(server.content(request, "config.json"))
                : null;
  }

  @Test
  void fileWithoutAnAnnouncedLengthEndsAtTheLimit() throws IOException {
    lengthOfTheConfigIsUnknown((int) FakeHub.MOST_UNANNOUNCED + 1);
    assertThatThrownBy(() -> server.client(cache).snapshot(REPO, "main"))
        .hasMessage(
            server.address()
                + " does not say how long org/name: config.json is, and sends more than 4,000,000"
                + " bytes: it is given up");
    assertThat(kept()).isZero();
  }

  @Test
  void fileWithoutAnAnnouncedLengthUpToTheLimitIsTaken() {
    lengthOfTheConfigIsUnknown((int) FakeHub.MOST_UNANNOUNCED);
    assertThat(server.client(cache).snapshot(REPO, "main").resolve("config.json"))
        .hasBinaryContent(server.file("config.json"));
  }

  @Test
  void announcedLengthThatTheDiskHasNoRoomForIsRefusedBeforeItComes() {
    String size = Long.toString(1L << 60);
    server.trick =
        request -> {
          if (request.isHeadOf("config.json")) {
            return withoutLength(server.content(request, "config.json"));
          }
          return request.isGetOf("config.json")
              ? server.content(request, "config.json").with("Content-Length", size)
              : null;
        };
    assertThatThrownBy(() -> server.client(cache).snapshot(REPO, "main"))
        .hasMessageStartingWith(
            "org/name: config.json needs 1,152,921,504,606,846,976 bytes more, and the disk of ")
        .hasMessageEndingWith(": free some, or set HF_HUB_CACHE");
  }
}
