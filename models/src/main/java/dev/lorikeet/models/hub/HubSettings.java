package dev.lorikeet.models.hub;

import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Which hub, which cache, and how patiently: what the environment says in the variables of Python's
 * {@code huggingface_hub}.
 *
 * @param endpoint the hub's address, {@code HF_ENDPOINT}; paths are appended to it
 * @param cache the folder of all repositories, {@code HF_HUB_CACHE}, else {@code hub} in {@code
 *     HF_HOME}
 * @param token sent to the endpoint and to no other host; null for none
 * @param offline whether the network is left alone, {@code HF_HUB_OFFLINE}
 * @param timeout of a connection, of an answer's begin, and of silence within it; twice as long, an
 *     answer may trickle; {@code HF_HUB_DOWNLOAD_TIMEOUT}
 * @param retries how often a request that brought nothing is sent again
 * @param backoff the wait before the first of these; it doubles up to {@code longestWait}
 * @param longestWait what the hub may ask to wait for ({@code Retry-After}) without an error
 * @param mostUnannounced the bytes that a file may have whose length the hub does not announce
 */
public record HubSettings(
    URI endpoint,
    Path cache,
    @Nullable String token,
    boolean offline,
    Duration timeout,
    int retries,
    Duration backoff,
    Duration longestWait,
    long mostUnannounced) {
  private static final String HUGGING_FACE = "https://huggingface.co";
  private static final Duration TIMEOUT = Duration.ofSeconds(30);
  private static final int RETRIES = 5;
  private static final Duration BACKOFF = Duration.ofSeconds(1);
  private static final Duration LONGEST_WAIT = Duration.ofSeconds(60);

  /** A shard's usual size is 5 GB; without a length, the room on the disk cannot be checked. */
  private static final long MOST_UNANNOUNCED = 8L << 30;

  private static final Set<String> TRUE = Set.of("1", "on", "yes", "true");
  private static final Pattern VARIABLE = Pattern.compile("\\$(?:\\{(\\w+)}|(\\w+))");
  private static final Pattern TOKEN = Pattern.compile("[\\x21-\\x7e]+");

  /** Checks the settings. */
  public HubSettings {
    boolean web = "https".equals(endpoint.getScheme()) || "http".equals(endpoint.getScheme());
    if (!web || endpoint.getHost() == null || endpoint.getRawQuery() != null) {
      throw noAddress(endpoint.toString());
    }
    if (token != null && !TOKEN.matcher(token).matches()) {
      throw new UsageException(
          "the hub's token has spaces or letters that no token has: copy it again to HF_TOKEN");
    }
  }

  /**
   * The settings of an environment.
   *
   * @param environment such as {@code System.getenv()}
   * @throws UsageException when {@code HF_ENDPOINT}, {@code HF_HUB_DOWNLOAD_TIMEOUT} or the token
   *     cannot be
   * @throws LorikeetException when the token's file cannot be read
   */
  public static HubSettings of(Map<String, String> environment) {
    Path caches = path(environment, "XDG_CACHE_HOME", home(environment).resolve(".cache"));
    Path hfHome = path(environment, "HF_HOME", caches.resolve("huggingface"));
    Path old = path(environment, "HUGGINGFACE_HUB_CACHE", hfHome.resolve("hub"));
    return new HubSettings(
        address(text(environment, "HF_ENDPOINT", HUGGING_FACE)),
        path(environment, "HF_HUB_CACHE", old),
        token(environment, path(environment, "HF_TOKEN_PATH", hfHome.resolve("token"))),
        isTrue(text(environment, "HF_HUB_OFFLINE", text(environment, "TRANSFORMERS_OFFLINE", ""))),
        timeout(text(environment, "HF_HUB_DOWNLOAD_TIMEOUT", "")),
        RETRIES,
        BACKOFF,
        LONGEST_WAIT,
        MOST_UNANNOUNCED);
  }

  private static String text(Map<String, String> environment, String name, String otherwise) {
    String value = environment.getOrDefault(name, "").strip();
    return value.isEmpty() ? otherwise : value;
  }

  private static Path home(Map<String, String> environment) {
    return Path.of(text(environment, "HOME", System.getProperty("user.home")));
  }

  /** A folder, {@code ~} and variables in it filled in. */
  private static Path path(Map<String, String> environment, String name, Path otherwise) {
    String text = text(environment, name, "");
    if (text.isEmpty()) {
      return otherwise;
    }
    if (text.equals("~") || text.startsWith("~/")) {
      text = home(environment) + text.substring(1);
    }
    return Path.of(
        VARIABLE
            .matcher(text)
            .replaceAll(found -> Matcher.quoteReplacement(value(found, environment))));
  }

  private static String value(java.util.regex.MatchResult found, Map<String, String> environment) {
    String name = found.group(1) == null ? found.group(2) : found.group(1);
    return environment.getOrDefault(name, found.group());
  }

  private static URI address(String text) {
    try {
      return new URI(text.replaceFirst("/+$", ""));
    } catch (URISyntaxException e) {
      throw noAddress(text);
    }
  }

  private static UsageException noAddress(String text) {
    return new UsageException(
        "HF_ENDPOINT is \"" + text + "\": give the address of a hub, such as " + HUGGING_FACE);
  }

  private static @Nullable String token(Map<String, String> environment, Path file) {
    String token = text(environment, "HF_TOKEN", text(environment, "HUGGING_FACE_HUB_TOKEN", ""));
    if (token.isEmpty() && Files.exists(file)) {
      try {
        token = Files.readString(file, StandardCharsets.UTF_8).strip();
      } catch (IOException e) {
        throw new LorikeetException(file + " cannot be read: " + e.getMessage(), e);
      }
    }
    return token.isEmpty() ? null : token;
  }

  private static boolean isTrue(String text) {
    return TRUE.contains(text.toLowerCase(Locale.ROOT));
  }

  private static Duration timeout(String seconds) {
    if (seconds.isEmpty()) {
      return TIMEOUT;
    }
    if (!seconds.matches("[1-9]\\d{0,5}")) {
      throw new UsageException(
          "HF_HUB_DOWNLOAD_TIMEOUT is \"" + seconds + "\": give whole seconds, such as 30");
    }
    return Duration.ofSeconds(Long.parseLong(seconds));
  }

  /**
   * An address of the hub.
   *
   * @param path from the endpoint on, ending with a slash
   * @param last escaped, slashes in it, too
   */
  URI address(String path, String last) {
    String escaped = URLEncoder.encode(last, StandardCharsets.UTF_8).replace("+", "%20");
    return URI.create(endpoint + path + escaped);
  }

  /** How long less than {@link Body#PROGRESS} bytes may take, before the server is given up. */
  Duration patience() {
    return timeout.multipliedBy(2);
  }

  /** The hub as messages name it: without a path, or a password. */
  String site() {
    int port = endpoint.getPort();
    return endpoint.getScheme() + "://" + endpoint.getHost() + (port < 0 ? "" : ":" + port);
  }

  /** All but the token. */
  @Override
  public String toString() {
    return "HubSettings[endpoint=" + site() + ", cache=" + cache + ", offline=" + offline + "]";
  }
}
