package dev.lorikeet.models.hub;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A hub on 127.0.0.1 with one repository, which speaks as the real one does, until a test tells it
 * to answer wrongly: bytes go out as they are told, and connections end where they are told.
 */
final class FakeHub implements AutoCloseable {
  static final String REPO = "org/name";

  /** The bytes of a file without an announced length, in {@link #settings}. */
  static final long MOST_UNANNOUNCED = 4_000_000;

  static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

  /** A request that came; the names of its headers are in lower case. */
  record Request(String method, String path, Map<String, String> headers) {
    boolean isGetOf(String file) {
      return method.equals("GET") && path.endsWith("/" + file);
    }

    boolean isHeadOf(String file) {
      return method.equals("HEAD") && path.endsWith("/" + file);
    }

    boolean isList() {
      return path.contains("/api/models/");
    }
  }

  /**
   * What goes out.
   *
   * @param sent how many bytes of the body are sent before the connection ends
   * @param between pause between one byte and the next; zero sends all at once
   * @param pause before the connection ends
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Answer(
      int status,
      Map<String, String> headers,
      byte[] body,
      int sent,
      Duration between,
      Duration pause) {
    static Answer of(int status) {
      return new Answer(status, Map.of(), new byte[0]);
    }

    static Answer of(String text) {
      return new Answer(200, Map.of(), text.getBytes(UTF_8));
    }

    Answer(int status, Map<String, String> headers, byte[] body) {
      this(status, headers, body, body.length, Duration.ZERO, Duration.ZERO);
    }

    Answer with(String name, String value) {
      Map<String, String> more = new TreeMap<>(headers);
      more.put(name, value);
      return new Answer(status, more, body, sent, between, pause);
    }

    Answer cutAfter(int bytes) {
      return new Answer(status, headers, body, bytes, between, pause);
    }

    Answer silentFor(Duration time) {
      return new Answer(status, headers, body, sent, between, time);
    }

    Answer trickling(Duration time) {
      return new Answer(status, headers, body, sent, time, pause);
    }
  }

  /** Answers a request in place of the hub, or leaves it to it with null. */
  @FunctionalInterface
  interface Trick {
    @Nullable Answer answer(Request request);
  }

  final Map<String, byte[]> files = new TreeMap<>();
  final List<Request> requests = new CopyOnWriteArrayList<>();
  private final ServerSocket socket;

  /** Where large files are sent to. */
  String cdn;

  volatile Trick trick = request -> null;

  FakeHub() throws IOException {
    socket = new ServerSocket(0, 50, InetAddress.getByAddress(new byte[] {127, 0, 0, 1}));
    cdn = address();
    Thread thread = new Thread(this::accept, "fake hub");
    thread.setDaemon(true);
    thread.start();
  }

  /** A hub with a model whose weights have {@code weights} bytes. */
  static FakeHub withModel(int weights) throws IOException {
    FakeHub hub = new FakeHub();
    hub.put("config.json", "{\"model_type\": \"bert\"}");
    hub.put("tokenizer.json", "{}");
    hub.files.put("model.safetensors", bytes(weights));
    return hub;
  }

  static byte[] bytes(int count) {
    byte[] bytes = new byte[count];
    for (int i = 0; i < count; i++) {
      bytes[i] = (byte) (i * 31 + i / 251);
    }
    return bytes;
  }

  void put(String name, String text) {
    files.put(name, text.getBytes(UTF_8));
  }

  byte[] file(String name) {
    byte[] bytes = files.get(name);
    if (bytes == null) {
      throw new IllegalArgumentException(name);
    }
    return bytes;
  }

  String address() {
    return "http://127.0.0.1:" + socket.getLocalPort();
  }

  /** Settings by which tests are quick. */
  HubSettings settings(Path cache) {
    return new HubSettings(
        URI.create(address()),
        cache,
        null,
        false,
        Duration.ofSeconds(5),
        2,
        Duration.ofMillis(1),
        Duration.ofSeconds(2),
        MOST_UNANNOUNCED);
  }

  /** Settings by which a hub that keeps people waiting is given up soon. */
  HubSettings impatient(Path cache, Duration timeout, int retries) {
    return new HubSettings(
        URI.create(address()),
        cache,
        null,
        false,
        timeout,
        retries,
        Duration.ZERO,
        Duration.ZERO,
        MOST_UNANNOUNCED);
  }

  Hub client(Path cache) {
    return new Hub(settings(cache), HubListener.SILENT);
  }

  /** How often something was asked for. */
  long count(java.util.function.Predicate<Request> like) {
    return requests.stream().filter(like).count();
  }

  /** Of a large file its SHA-256, of others git's hash. */
  String etag(String name) {
    byte[] bytes = file(name);
    return isLarge(name)
        ? hash("SHA-256", bytes)
        : hash("SHA-1", ("blob " + bytes.length + "\0").getBytes(UTF_8), bytes);
  }

  private static boolean isLarge(String name) {
    return name.endsWith(".safetensors") || name.endsWith(".bin");
  }

  static String hash(String algorithm, byte[]... parts) {
    try {
      MessageDigest digest = MessageDigest.getInstance(algorithm);
      Arrays.stream(parts).forEach(digest::update);
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  // ---- the hub's own answers ----

  private Answer answer(Request request) {
    Answer tricked = trick.answer(request);
    if (tricked != null) {
      return tricked;
    }
    String path = URLDecoder.decode(request.path(), UTF_8);
    if (path.equals("/api/models/" + REPO + "/revision/main")
        || path.equals("/api/models/" + REPO + "/revision/" + COMMIT)
        || path.equals("/api/models/" + REPO + "/revision/refs/pr/1")) {
      return list(files.keySet().toArray(new String[0]));
    }
    if (path.startsWith("/api/models/" + REPO + "/")) {
      return Answer.of(404).with("X-Error-Code", "RevisionNotFound");
    }
    String resolve = "/" + REPO + "/resolve/" + COMMIT + "/";
    boolean resolved = path.startsWith(resolve);
    String name = path.substring(path.lastIndexOf('/') + 1);
    if (!files.containsKey(name) || !(resolved || path.startsWith("/cdn/"))) {
      return Answer.of(404);
    }
    if (resolved && isLarge(name)) {
      return Answer.of(302)
          .with("Location", cdn + "/cdn/signed/" + name)
          .with("X-Repo-Commit", COMMIT)
          .with("X-Linked-Etag", "\"" + etag(name) + "\"")
          .with("X-Linked-Size", Integer.toString(file(name).length))
          .with("ETag", "\"of-the-redirect\"");
    }
    return content(request, name);
  }

  static Answer list(String... names) {
    return listAt(COMMIT, names);
  }

  static Answer listAt(String commit, String... names) {
    return Answer.of(
        Arrays.stream(names)
            .map(name -> "{\"rfilename\": \"" + name.replace("\\", "\\\\") + "\"}")
            .collect(
                Collectors.joining(", ", "{\"sha\": \"" + commit + "\", \"siblings\": [", "]}")));
  }

  /** A file, from where the request's range begins. */
  Answer content(Request request, String name) {
    byte[] bytes = file(name);
    String range = request.headers().get("range");
    Answer answer;
    if (range == null) {
      answer = new Answer(200, Map.of(), bytes);
    } else {
      int from = Integer.parseInt(range.replaceAll("\\D", ""));
      if (from >= bytes.length) {
        return Answer.of(416);
      }
      answer =
          new Answer(206, Map.of(), Arrays.copyOfRange(bytes, from, bytes.length))
              .with(
                  "Content-Range", "bytes " + from + "-" + (bytes.length - 1) + "/" + bytes.length);
    }
    return answer.with("ETag", "\"" + etag(name) + "\"").with("X-Repo-Commit", COMMIT);
  }

  // ---- HTTP ----

  private void accept() {
    while (!socket.isClosed()) {
      try {
        Socket connection = socket.accept();
        Thread thread = new Thread(() -> serve(connection), "fake hub's answer");
        thread.setDaemon(true);
        thread.start();
      } catch (IOException e) {
        return; // closed
      }
    }
  }

  private void serve(Socket connection) {
    try (connection) {
      BufferedReader in =
          new BufferedReader(new InputStreamReader(connection.getInputStream(), ISO_8859_1));
      String line = in.readLine();
      if (line == null) {
        return;
      }
      String[] words = line.split(" ", 3);
      Map<String, String> headers = new TreeMap<>();
      for (String header = in.readLine();
          header != null && !header.isEmpty();
          header = in.readLine()) {
        String[] pair = header.split(": ?", 2);
        headers.put(pair[0].toLowerCase(Locale.ROOT), pair[1]);
      }
      Request request = new Request(words[0], words[1], headers);
      requests.add(request);
      send(connection.getOutputStream(), request, answer(request));
    } catch (IOException e) {
      // The client has gone.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void send(OutputStream out, Request request, Answer answer)
      throws IOException, InterruptedException {
    Map<String, String> headers = new TreeMap<>(answer.headers());
    headers.putIfAbsent("Content-Length", Integer.toString(answer.body().length));
    headers.put("Connection", "close");
    StringBuilder head = new StringBuilder("HTTP/1.1 " + answer.status() + " Answer\r\n");
    headers.forEach(
        (name, value) -> {
          if (!value.isEmpty()) {
            head.append(name).append(": ").append(value).append("\r\n");
          }
        });
    out.write(head.append("\r\n").toString().getBytes(ISO_8859_1));
    if (!request.method().equals("HEAD")) {
      sendBody(out, answer);
    }
    out.flush();
    Thread.sleep(answer.pause().toMillis());
  }

  private static void sendBody(OutputStream out, Answer answer)
      throws IOException, InterruptedException {
    if (answer.between().isZero()) {
      out.write(answer.body(), 0, answer.sent());
      return;
    }
    for (int i = 0; i < answer.sent(); i++) {
      out.write(answer.body()[i]);
      out.flush();
      Thread.sleep(answer.between().toMillis());
    }
  }

  @Override
  public void close() {
    try {
      socket.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
