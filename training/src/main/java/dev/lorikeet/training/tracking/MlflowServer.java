package dev.lorikeet.training.tracking;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.Map;
import java.util.Set;

/**
 * MLflow's tracking server over its REST API, version 2.0:
 * https://mlflow.org/docs/latest/api_reference/rest-api.html. Not safe for use by several threads.
 */
final class MlflowServer {
  private static final String URI_VARIABLE = "MLFLOW_TRACKING_URI";
  private static final String API = "/api/2.0/mlflow/";
  private static final ObjectMapper JSON = new ObjectMapper();

  /** For a connection, and for an answer. */
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  /** No answer asked for here is longer, in bytes. */
  private static final int LONGEST_ANSWER = 1 << 24;

  /** Of what a server says of an error, in characters. */
  private static final int LONGEST_REASON = 300;

  private static final int ERRORS = 400;
  private static final int NOT_FOUND = 404;

  /** Too many requests, or a gateway without a server: nothing was done, and later it may be. */
  private static final Set<Integer> BUSY = Set.of(429, 502, 503, 504);

  private static final int TRIES = 5;
  private static final long FIRST_WAIT_MILLIS = 250;

  private final URI address;
  private final String authorization;
  private final HttpClient http;

  private MlflowServer(URI address, String authorization, boolean trustsAll) {
    this.address = address;
    this.authorization = authorization;
    HttpClient.Builder builder = HttpClient.newBuilder().connectTimeout(PATIENCE);
    http = (trustsAll ? builder.sslContext(TrustsAll.context()) : builder).build();
  }

  /**
   * The server that the environment names.
   *
   * @throws UsageException when it names none
   */
  static MlflowServer of(Map<String, String> environment) {
    String uri = environment.getOrDefault(URI_VARIABLE, "");
    if (!isServer(uri)) {
      throw new UsageException(
          URI_VARIABLE
              + (uri.isEmpty() ? " is not set" : " is " + uri)
              + ": report_to mlflow needs a server's address there, http://localhost:5000 for"
              + " example; for Databricks, the workspace's https address, and its token in"
              + " MLFLOW_TRACKING_TOKEN");
    }
    URI address = URI.create(uri.replaceFirst("//[^/@]*@", "//").replaceFirst("/+$", ""));
    boolean trustsAll = "true".equalsIgnoreCase(environment.get("MLFLOW_TRACKING_INSECURE_TLS"));
    return new MlflowServer(address, authorization(environment, URI.create(uri)), trustsAll);
  }

  private static boolean isServer(String uri) {
    try {
      URI parsed = URI.create(uri);
      return Set.of("http", "https").contains(parsed.getScheme() + "") && parsed.getHost() != null;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  /** What the header says: a name and a password, of the address where no variable has them. */
  private static String authorization(Map<String, String> environment, URI uri) {
    String username = environment.get("MLFLOW_TRACKING_USERNAME");
    String password = environment.get("MLFLOW_TRACKING_PASSWORD");
    String token = environment.get("MLFLOW_TRACKING_TOKEN");
    if (username != null && password != null) {
      return basic(username + ":" + password);
    } else if (token != null) {
      return "Bearer " + token;
    }
    return uri.getUserInfo() == null ? "" : basic(uri.getUserInfo());
  }

  private static String basic(String both) {
    return "Basic " + Base64.getEncoder().encodeToString(both.getBytes(StandardCharsets.UTF_8));
  }

  /** Its address without a password. */
  URI address() {
    return address;
  }

  /**
   * Asks.
   *
   * @param call {@code runs/get}
   * @return the answer; a missing node where the server knows no such thing
   */
  JsonNode get(String call, String parameter, String value)
      throws IOException, InterruptedException {
    String query = "?" + parameter + "=" + URLEncoder.encode(value, StandardCharsets.UTF_8);
    Answer answer = send(HttpRequest.newBuilder(api(call + query)).GET());
    return answer.status == NOT_FOUND ? JSON.missingNode() : answer.json();
  }

  /**
   * Tells.
   *
   * @param call {@code runs/create}
   */
  JsonNode post(String call, ObjectNode body) throws IOException, InterruptedException {
    BodyPublisher bytes = BodyPublishers.ofByteArray(JSON.writeValueAsBytes(body));
    return send(HttpRequest.newBuilder(api(call))
            .header("Content-Type", "application/json")
            .POST(bytes))
        .json();
  }

  void put(URI target, BodyPublisher body) throws IOException, InterruptedException {
    send(HttpRequest.newBuilder(target).PUT(body)).mustBeGood();
  }

  private URI api(String call) {
    return URI.create(address + API + call);
  }

  private Answer send(HttpRequest.Builder builder) throws IOException, InterruptedException {
    if (!authorization.isEmpty()) {
      builder.header("Authorization", authorization);
    }
    HttpRequest request = builder.timeout(PATIENCE).build();
    Answer answer = answer(request);
    for (int tries = 1; tries < TRIES && BUSY.contains(answer.status); tries++) {
      Thread.sleep(FIRST_WAIT_MILLIS << (tries - 1));
      answer = answer(request);
    }
    return answer;
  }

  private Answer answer(HttpRequest request) throws IOException, InterruptedException {
    HttpResponse<InputStream> response;
    try {
      response = http.send(request, BodyHandlers.ofInputStream());
    } catch (ConnectException e) { // without a message of its own
      throw new IOException("connection refused, or no such host", e);
    }
    try (InputStream body = response.body()) {
      return new Answer(request.uri(), response.statusCode(), body.readNBytes(LONGEST_ANSWER));
    }
  }

  /** A status and what came with it. */
  private static final class Answer {
    private final URI uri;
    private final int status;
    private final byte[] body;

    Answer(URI uri, int status, byte[] body) {
      this.uri = uri;
      this.status = status;
      this.body = body;
    }

    JsonNode json() throws IOException {
      mustBeGood();
      try {
        return JSON.readTree(body);
      } catch (JsonProcessingException e) {
        throw new IOException("no JSON from " + uri + ": is an MLflow server there?", e);
      }
    }

    void mustBeGood() throws IOException {
      if (status >= ERRORS) {
        throw new IOException("status " + status + " for " + uri + reason());
      }
    }

    /** What the server says: an error's code and message in JSON, or a page. */
    private String reason() {
      String text = new String(body, StandardCharsets.UTF_8);
      try {
        JsonNode json = JSON.readTree(body);
        text = json.path("error_code").asText() + " " + json.path("message").asText();
      } catch (IOException e) {
        // Not MLflow's own words, then: a proxy's.
      }
      text = text.replaceAll("[\\s\\p{Cntrl}]+", " ").strip();
      return text.isEmpty()
          ? ""
          : ": " + text.substring(0, Math.min(text.length(), LONGEST_REASON));
    }
  }
}
