package dev.lorikeet.models.hub;

import dev.lorikeet.torch.LorikeetException;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.UnknownHostException;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.channels.UnresolvedAddressException;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.Locale;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** Requests to a hub: redirects, the token, second tries, and refusals in words. */
final class HubHttp {
  static final String LINKED_ETAG = "X-Linked-Etag";

  private static final String LOCATION = "Location";
  private static final int MOST_REDIRECTS = 10;
  private static final int RANGE_NOT_SATISFIABLE = 416;
  private static final int REQUEST_TIMEOUT = 408;
  private static final int TOO_MANY_REQUESTS = 429;

  /** Fewer bytes than this between two failures do not count as progress. */
  private static final long PROGRESS = 1 << 20;

  private final HubSettings settings;
  private final HubListener listener;
  private final HttpClient client;

  HubHttp(HubSettings settings, HubListener listener) {
    this.settings = settings;
    this.listener = listener;
    client =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            .connectTimeout(settings.timeout())
            .build();
  }

  /** An answer whose body is still to be taken. */
  record Reply(int status, HttpHeaders headers, Body body) implements AutoCloseable {
    @Nullable String header(String name) {
      return headers.firstValue(name).orElse(null);
    }

    /** The length that the answer's header gives, or −1. */
    long length() {
      return headers.firstValueAsLong("Content-Length").orElse(-1);
    }

    @Override
    public void close() {
      body.close();
    }
  }

  /** Something that is tried again when the connection fails. */
  @FunctionalInterface
  interface Attempt<T> {
    T run() throws IOException, InterruptedException;
  }

  /** A status that may be another one soon. */
  private static final class TryLater extends IOException {
    private final @Nullable Duration wait;

    TryLater(int status, @Nullable Duration wait) {
      super("status " + status);
      this.wait = wait;
    }
  }

  /**
   * Runs {@code attempt} until it succeeds, or has failed {@code retries} times more without
   * progress.
   *
   * @param what is fetched, for messages
   * @param gained the bytes that the attempts have brought so far
   * @throws HubFailure when it did not succeed
   */
  <T> T retrying(String what, LongSupplier gained, Attempt<T> attempt) {
    long mark = gained.getAsLong();
    for (int failures = 0; ; failures++) {
      try {
        try {
          return attempt.run();
        } catch (IOException e) {
          if (gained.getAsLong() - mark >= PROGRESS) {
            failures = 0;
            mark = gained.getAsLong();
          }
          waitOrThrow(what, failures, e);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new LorikeetException(what + ": interrupted", e);
      }
    }
  }

  private void waitOrThrow(String what, int failures, IOException e) throws InterruptedException {
    String site = settings.site();
    if (isUnknownHost(e)) {
      throw HubFailure.unreachable(
          site
              + " is unknown to this network: check HF_ENDPOINT and the connection (behind a proxy:"
              + " LORIKEET_JAVA_OPTIONS=\"-Dhttps.proxyHost=HOST -Dhttps.proxyPort=PORT\")",
          e);
    }
    if (isBecauseOf(GeneralSecurityException.class, e)) {
      throw HubFailure.unreachable(
          site
              + " has no certificate that this Java trusts: "
              + reason(e)
              + ": check HF_ENDPOINT, the clock,"
              + " and javax.net.ssl.trustStore",
          e);
    }
    if (failures >= settings.retries()) {
      throw HubFailure.unreachable(
          site
              + ": "
              + what
              + " failed "
              + (failures + 1)
              + " times: "
              + reason(e)
              + ": try again"
              + " later; what has come is kept",
          e);
    }
    Duration wait = backoff(failures);
    if (e instanceof TryLater later && later.wait != null) {
      wait = later.wait;
      if (wait.compareTo(settings.longestWait()) > 0) {
        throw HubFailure.unreachable(
            site
                + ": "
                + reason(e)
                + ", and asks for a wait of "
                + wait.toSeconds()
                + " s: try again then, or set HF_TOKEN for more requests an hour",
            e);
      }
    }
    listener.said(
        what + ": " + reason(e) + String.format(Locale.ROOT, "; again in %.1f s", seconds(wait)));
    Thread.sleep(wait.toMillis());
  }

  private static double seconds(Duration wait) {
    return wait.toMillis() / 1000.0;
  }

  private Duration backoff(int failures) {
    Duration wait = settings.backoff().multipliedBy(1L << Math.min(failures, 20));
    return wait.compareTo(settings.longestWait()) > 0 ? settings.longestWait() : wait;
  }

  private static boolean isUnknownHost(IOException e) {
    return isBecauseOf(UnknownHostException.class, e)
        || isBecauseOf(UnresolvedAddressException.class, e);
  }

  private static boolean isBecauseOf(Class<? extends Throwable> type, Throwable e) {
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      if (type.isInstance(cause)) {
        return true;
      }
    }
    return false;
  }

  private static String reason(IOException e) {
    if (e instanceof ConnectException) {
      return "no connection";
    }
    String message = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
    return message.lines().findFirst().orElse("").strip();
  }

  /**
   * A request. Redirects are followed, to https only from https, and the token goes nowhere but to
   * the endpoint. Of a {@code HEAD}, a redirect that tells the file's ETag is the answer.
   *
   * @param from the first byte wanted
   * @param asked whom to name when the hub refuses
   * @throws HubFailure when the hub refuses
   * @throws IOException when it is worth another try
   */
  Reply send(String method, URI uri, long from, HubQuestion asked)
      throws IOException, InterruptedException {
    URI place = uri;
    for (int hop = 0; hop <= MOST_REDIRECTS; hop++) {
      HttpResponse<Body> response =
          client.send(request(method, place, from), information -> new Body(settings));
      Reply reply = new Reply(response.statusCode(), response.headers(), response.body());
      if (!isRedirect(reply)) {
        return accepted(reply, asked);
      }
      URI next = target(place, reply);
      if (method.equals("HEAD") && reply.header(LINKED_ETAG) != null) {
        return reply;
      }
      reply.close();
      place = next;
    }
    throw HubFailure.refused(
        settings.site() + " redirects " + asked.what() + " more than " + MOST_REDIRECTS + " times");
  }

  private HttpRequest request(String method, URI uri, long from) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(uri)
            .method(method, HttpRequest.BodyPublishers.noBody())
            .timeout(settings.timeout())
            .header("User-Agent", "lorikeet")
            // Compressed, a file would have another length than it has in the repository.
            .header("Accept-Encoding", "identity");
    if (from > 0) {
      request.header("Range", "bytes=" + from + "-");
    }
    if (settings.token() != null && isEndpoint(uri)) {
      request.header("Authorization", "Bearer " + settings.token());
    }
    return request.build();
  }

  /** Whether an address is the endpoint's: the same scheme, host and port. */
  private boolean isEndpoint(URI uri) {
    URI endpoint = settings.endpoint();
    return endpoint.getScheme().equalsIgnoreCase(uri.getScheme())
        && endpoint.getHost().equalsIgnoreCase(uri.getHost())
        && port(endpoint) == port(uri);
  }

  private static int port(URI uri) {
    if (uri.getPort() >= 0) {
      return uri.getPort();
    }
    return "https".equalsIgnoreCase(uri.getScheme()) ? 443 : 80;
  }

  private static boolean isRedirect(Reply reply) {
    return switch (reply.status()) {
      case 301, 302, 303, 307, 308 -> reply.header(LOCATION) != null;
      default -> false;
    };
  }

  private URI target(URI from, Reply reply) {
    String location = reply.headers().firstValue(LOCATION).orElse("");
    URI next;
    try {
      next = from.resolve(location);
    } catch (IllegalArgumentException e) {
      throw HubFailure.refused(settings.site() + " redirects to " + SafeNames.shown(location));
    }
    boolean web = "https".equalsIgnoreCase(next.getScheme());
    boolean plain = "http".equalsIgnoreCase(next.getScheme());
    boolean fromHttps = "https".equalsIgnoreCase(from.getScheme());
    if (next.getHost() == null || !(web || (plain && !fromHttps))) {
      throw HubFailure.refused(
          settings.site()
              + " redirects to "
              + SafeNames.shown(location)
              + ", which is no https address: it is not followed");
    }
    return next;
  }

  private Reply accepted(Reply reply, HubQuestion asked) throws IOException {
    int status = reply.status();
    if ((status >= 200 && status < 300) || status == RANGE_NOT_SATISFIABLE) {
      return reply;
    }
    reply.close();
    if (status >= 500 || status == TOO_MANY_REQUESTS || status == REQUEST_TIMEOUT) {
      throw new TryLater(status, retryAfter(reply.header("Retry-After")));
    }
    throw HubFailure.refused(asked.refusal(reply, settings));
  }

  /** Seconds, or a date. */
  private static @Nullable Duration retryAfter(@Nullable String header) {
    if (header == null) {
      return null;
    }
    if (header.strip().matches("\\d{1,9}")) {
      return Duration.ofSeconds(Long.parseLong(header.strip()));
    }
    try {
      ZonedDateTime then = ZonedDateTime.parse(header, DateTimeFormatter.RFC_1123_DATE_TIME);
      Duration wait = Duration.between(ZonedDateTime.now(then.getZone()), then);
      return wait.isNegative() ? Duration.ZERO : wait;
    } catch (DateTimeParseException e) {
      return null;
    }
  }
}
