package dev.lorikeet.fuzz;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.lorikeet.models.FileHash;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** A hub on this machine with one model, which sends its files slowly enough to be interrupted. */
final class TinyHub implements AutoCloseable {
  private static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";
  private static final int PIECES = 8;
  private static final int PAUSE_MILLIS = 10;

  /** More than the small disk has room for. */
  private static final String PADDING = " ".repeat(8 << 10);

  private final Path model;
  private final HttpServer server;

  /**
   * @param model the folder whose config.json it has
   */
  TinyHub(Path model) throws IOException {
    this.model = model;
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/", this::answer);
    server.start();
  }

  String endpoint() {
    return "http://127.0.0.1:" + server.getAddress().getPort();
  }

  private void answer(HttpExchange exchange) throws IOException {
    String path = exchange.getRequestURI().getPath();
    byte[] body = new byte[0];
    int status = 404;
    if (path.startsWith("/api/models/org/tiny")) {
      status = 200;
      body =
          "{\"sha\": \"%s\", \"siblings\": [{\"rfilename\": \"config.json\"}]}"
              .formatted(COMMIT)
              .getBytes(StandardCharsets.UTF_8);
    } else if (path.endsWith("/resolve/" + COMMIT + "/config.json")) {
      status = 200;
      body =
          (Files.readString(model.resolve("config.json")) + PADDING)
              .getBytes(StandardCharsets.UTF_8);
      exchange.getResponseHeaders().set("ETag", '"' + FileHash.sha256(body) + '"');
      exchange.getResponseHeaders().set("X-Repo-Commit", COMMIT);
    }
    boolean head = exchange.getRequestMethod().equals("HEAD");
    if (head) {
      exchange.getResponseHeaders().set("Content-Length", Integer.toString(body.length));
    }
    exchange.sendResponseHeaders(status, head || body.length == 0 ? -1 : body.length);
    if (!head) {
      slowly(body, exchange.getResponseBody());
    }
    exchange.close();
  }

  private static void slowly(byte[] body, OutputStream out) throws IOException {
    int piece = body.length / PIECES + 1;
    for (int at = 0; at < body.length; at += piece) {
      out.write(body, at, Math.min(piece, body.length - at));
      out.flush();
      try {
        Thread.sleep(PAUSE_MILLIS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  @Override
  public void close() {
    server.stop(0);
  }
}
