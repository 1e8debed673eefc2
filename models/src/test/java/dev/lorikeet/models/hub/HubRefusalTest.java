package dev.lorikeet.models.hub;

import static dev.lorikeet.models.hub.FakeHub.COMMIT;
import static dev.lorikeet.models.hub.FakeHub.REPO;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.models.hub.FakeHub.Answer;
import dev.lorikeet.torch.LorikeetException;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Hubs that say no, or nothing; and to whom the token is told. */
@Timeout(60)
class HubRefusalTest {
  @TempDir Path cache;

  private FakeHub server;
  private String site;

  @BeforeEach
  void start() throws IOException {
    server = FakeHub.withModel(1_000);
    site = server.address();
  }

  @AfterEach
  void stop() {
    server.close();
  }

  private HubSettings settings(URI endpoint, @Nullable String token) {
    HubSettings quick = server.settings(cache);
    return new HubSettings(
        endpoint,
        cache,
        token,
        false,
        quick.timeout(),
        quick.retries(),
        quick.backoff(),
        quick.longestWait(),
        quick.mostUnannounced());
  }

  private Hub withToken() {
    return new Hub(settings(URI.create(site), "hf_secret"), HubListener.SILENT);
  }

  private void mustFail(Hub hub, String message) {
    assertThatThrownBy(() -> hub.snapshot(REPO, "main"))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(message);
  }

  private void mustFail(String message) {
    mustFail(server.client(cache), message);
  }

  // ---- statuses ----

  @Test
  void unauthorizedAsksForAToken() {
    server.trick = request -> Answer.of(401);
    String mend =
        site
            + " has no org/name that it would show (401): check the name; if it is private or asks"
            + " to accept a licence, accept that at "
            + site
            + "/org/name, and ";
    mustFail(mend + "set HF_TOKEN to a token that may read it");
    mustFail(withToken(), mend + "check that the token in HF_TOKEN is valid and may read it");
    assertThat(server.requests).as("no second tries").hasSize(2);
  }

  @Test
  void gatedModelAsksForItsLicence() {
    server.trick =
        request ->
            request.isHeadOf("config.json")
                ? Answer.of(403).with("X-Error-Code", "GatedRepo")
                : null;
    mustFail(
        site
            + " gives org/name only to those who accepted its licence: accept it at "
            + site
            + "/org/name, and set HF_TOKEN to a token that may read it");
  }

  @Test
  void forbiddenFileIsNamed() {
    server.trick = request -> request.isHeadOf("config.json") ? Answer.of(403) : null;
    mustFail(
        site
            + " forbids org/name: config.json (403): accept its licence at "
            + site
            + "/org/name if it asks for that, and set HF_TOKEN to a token that may read it");
  }

  @Test
  void missingRepositoryRevisionAndFileAreToldApart() {
    server.trick =
        request ->
            request.isList() && !request.path().contains("/v9")
                ? Answer.of(404).with("X-Error-Code", "RepoNotFound")
                : null;
    mustFail(site + " has no org/name (404): check name and revision");
    assertThatThrownBy(() -> server.client(cache).model("org/name"))
        .hasMessage(
            "org/name is no folder here, and "
                + site
                + " has no org/name (404): check name and revision");
    assertThatThrownBy(() -> server.client(cache).model("org/name@v9"))
        .hasMessage(
            "org/name@v9 is no folder here, and "
                + site
                + " has no revision \"v9\" of org/name: check what stands after the @");
    server.trick = request -> request.isHeadOf("tokenizer.json") ? Answer.of(404) : null;
    mustFail(site + " has no tokenizer.json in org/name, which it lists: try again later");
  }

  @Test
  void otherRefusalsGiveTheirStatus() {
    server.trick = request -> Answer.of(418);
    mustFail(site + " answers org/name with status 418: is HF_ENDPOINT the address of a hub?");
  }

  @Test
  void serverErrorsAreTriedAgainAndThenTold() {
    AtomicInteger answers = new AtomicInteger();
    server.trick = request -> answers.getAndIncrement() < 2 ? Answer.of(502) : null;
    assertThat(server.client(cache).model(REPO)).isDirectory();
    server.trick = request -> Answer.of(500);
    server.requests.clear();
    assertThatThrownBy(() -> server.client(cache.resolve("other")).snapshot(REPO, "main"))
        .hasMessage(
            site + ": org/name failed 3 times: status 500: try again later; what has come is kept");
    assertThat(server.requests).hasSize(3);
  }

  @Test
  void tooManyRequestsWaitAsLongAsTheHubAsks() {
    AtomicInteger answers = new AtomicInteger();
    server.trick =
        request -> answers.getAndIncrement() == 0 ? Answer.of(429).with("Retry-After", "1") : null;
    List<String> said = new ArrayList<>();
    long start = System.nanoTime();
    new Hub(
            server.settings(cache),
            new HubListener() {
              @Override
              public void said(String message) {
                said.add(message);
              }
            })
        .model(REPO);
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThan(Duration.ofSeconds(1));
    assertThat(said).containsExactly("org/name: status 429; again in 1.0 s");
  }

  @Test
  void longWaitsAreLeftToPeople() {
    server.trick = request -> Answer.of(429).with("Retry-After", "300");
    String end = " s: try again then, or set HF_TOKEN for more requests an hour";
    mustFail(site + ": status 429, and asks for a wait of 300" + end);
    String then =
        ZonedDateTime.now(ZoneOffset.UTC).plusHours(1).format(DateTimeFormatter.RFC_1123_DATE_TIME);
    server.trick = request -> Answer.of(503).with("Retry-After", then);
    assertThatThrownBy(() -> server.client(cache).snapshot(REPO, "main"))
        .hasMessageMatching(".*: status 503, and asks for a wait of 35\\d\\d" + end);
  }

  // ---- no hub ----

  @Test
  void unknownHostIsToldAtOnce() {
    // RFC 6761: no name that ends in .invalid ever has an address.
    Hub hub = new Hub(settings(URI.create("http://hub.invalid"), null), HubListener.SILENT);
    mustFail(
        hub,
        "http://hub.invalid is unknown to this network: check HF_ENDPOINT and the connection"
            + " (behind a proxy: LORIKEET_JAVA_OPTIONS=\"-Dhttps.proxyHost=HOST"
            + " -Dhttps.proxyPort=PORT\")");
  }

  @Test
  void hostThatDoesNotListenIsTold() throws IOException {
    int port;
    try (ServerSocket socket = new ServerSocket(0)) {
      port = socket.getLocalPort();
    }
    String closed = "http://127.0.0.1:" + port;
    mustFail(
        new Hub(settings(URI.create(closed), null), HubListener.SILENT),
        closed
            + ": org/name failed 3 times: no connection: try again later; what has come is kept");
  }

  @Test
  void hostThatDoesNotAnswerIsNotWaitedForForEver() {
    server.trick =
        request -> {
          try {
            Thread.sleep(10_000);
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
          return null;
        };
    HubSettings impatient = server.impatient(cache, Duration.ofMillis(300), 1);
    assertThatThrownBy(() -> new Hub(impatient, HubListener.SILENT).model(REPO))
        .hasMessageContaining("org/name failed 2 times: request timed out");
  }

  @Test
  void pageOfSomethingElseIsNoHub() {
    String message =
        site
            + " does not answer as a hub does: check HF_ENDPOINT, and whether a proxy or a log-in"
            + " page answers in its place";
    for (String page : List.of("<html>Log in</html>", "{}", "[]", "", "{\"sha\": \"../..\"}")) {
      server.trick = request -> Answer.of(page);
      mustFail(message);
    }
    server.trick =
        request ->
            request.isHeadOf("config.json")
                ? server.content(request, "config.json").with("X-Repo-Commit", "f".repeat(40))
                : null;
    mustFail(message);
    server.trick = request -> request.isHeadOf("config.json") ? Answer.of("no ETag at all") : null;
    mustFail(message);
  }

  // ---- redirects and the token ----

  @Test
  void tokenGoesToTheEndpointAndNotWhereItRedirectsTo() throws IOException {
    try (FakeHub cdn = new FakeHub()) {
      cdn.files.putAll(server.files);
      server.cdn = cdn.address(); // the same host, another port: another origin
      Path folder = withToken().model(REPO);
      assertThat(folder.resolve("model.safetensors"))
          .hasBinaryContent(server.file("model.safetensors"));
      assertThat(server.requests)
          .isNotEmpty()
          .allMatch(r -> "Bearer hf_secret".equals(r.headers().get("authorization")));
      assertThat(cdn.requests)
          .hasSize(1)
          .noneMatch(r -> r.headers().containsKey("authorization"))
          .noneMatch(r -> r.headers().toString().contains("hf_secret"));
    }
  }

  @Test
  void tokenDoesNotComeBackWithARedirectFromElsewhere() throws IOException {
    try (FakeHub other = new FakeHub()) {
      other.trick = request -> Answer.of(302).with("Location", site + "/back" + request.path());
      server.trick =
          request -> {
            if (request.path().startsWith("/back")) {
              return server.content(request, "model.safetensors");
            }
            return request.isGetOf("model.safetensors")
                ? Answer.of(302).with("Location", other.address() + "/" + request.path())
                : null;
          };
      assertThat(withToken().model(REPO).resolve("model.safetensors"))
          .hasBinaryContent(server.file("model.safetensors"));
      assertThat(other.requests).noneMatch(r -> r.headers().containsKey("authorization"));
    }
  }

  @Test
  void withoutATokenNoneIsSent() {
    server.client(cache).model(REPO);
    assertThat(server.requests).noneMatch(r -> r.headers().containsKey("authorization"));
  }

  @Test
  void relativeRedirectsOfRenamedRepositoriesAreFollowed() {
    server.trick =
        request ->
            request.path().contains("/old/")
                ? Answer.of(307).with("Location", request.path().replace("/old/", "/org/"))
                : null;
    assertThat(server.client(cache).snapshot("old/name", "main").resolve("config.json"))
        .hasBinaryContent(server.file("config.json"));
    assertThat(cache.resolve("models--old--name/refs/main")).hasContent(COMMIT);
  }

  @Test
  void redirectsInACircleEnd() {
    server.trick = request -> Answer.of(302).with("Location", request.path());
    mustFail(site + " redirects org/name more than 10 times");
    assertThat(server.requests).hasSize(11);
  }

  @Test
  void redirectsToOtherThanTheWebAreNotFollowed() throws IOException {
    Path secret = Files.writeString(cache.resolve("secret"), "{}");
    for (String place : List.of("file://" + secret, "ftp://127.0.0.1/x", "mailto:a@b.c", "http:")) {
      server.trick = request -> Answer.of(302).with("Location", place);
      assertThatThrownBy(() -> server.client(cache).snapshot(REPO, "main"))
          .hasMessageStartingWith(site + " redirects to \"" + place + "\"");
    }
  }
}
