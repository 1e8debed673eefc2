package dev.lorikeet.training.tracking;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import org.mlflow.tracking.creds.BasicMlflowHostCreds;

/**
 * A run's files on MLflow's server, which keeps them where it keeps all ({@code --serve-artifacts},
 * its default): https://mlflow.org/docs/latest/tracking/server.html. MLflow's client for Java sends
 * files by starting Python, which is not to be needed here.
 */
final class MlflowArtifacts {
  private static final String SCHEME = "mlflow-artifacts";
  private static final String ENDPOINT = "api/2.0/mlflow-artifacts/artifacts";
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final int ERRORS = 400;

  private final URI place;
  private final BasicMlflowHostCreds credentials;
  private final HttpClient http = HttpClient.newBuilder().connectTimeout(PATIENCE).build();

  /**
   * The files of a run.
   *
   * @param uri the run's artifact_uri
   * @throws IOException when the server leaves storing them to its clients
   */
  MlflowArtifacts(String uri, BasicMlflowHostCreds credentials) throws IOException {
    this.credentials = credentials;
    URI artifacts = URI.create(uri);
    if (!SCHEME.equals(artifacts.getScheme())) {
      throw new IOException(
          "the run's files were not sent: the server leaves them to its clients, in "
              + uri
              + "; start it with --serve-artifacts");
    }
    String host = credentials.getHost().replaceFirst("/+$", "");
    String server =
        artifacts.getAuthority() == null
            ? host
            : URI.create(host).getScheme() + "://" + artifacts.getAuthority();
    place = URI.create(server + "/" + ENDPOINT + artifacts.getRawPath() + "/");
  }

  void put(String name, byte[] bytes) throws IOException, InterruptedException {
    put(name, BodyPublishers.ofByteArray(bytes));
  }

  void put(Path file) throws IOException, InterruptedException {
    put(file.getFileName().toString(), BodyPublishers.ofFile(file));
  }

  private void put(String name, BodyPublisher body) throws IOException, InterruptedException {
    URI target = place.resolve(name.replace(" ", "%20"));
    HttpRequest.Builder request = HttpRequest.newBuilder(target).PUT(body);
    String authorization = authorization();
    if (!authorization.isEmpty()) {
      request.header("Authorization", authorization);
    }
    HttpResponse<String> response = http.send(request.build(), BodyHandlers.ofString());
    if (response.statusCode() >= ERRORS) {
      throw new IOException("status " + response.statusCode() + " for " + target);
    }
  }

  private String authorization() {
    String username = credentials.getUsername();
    if (username != null && credentials.getPassword() != null) {
      byte[] both = (username + ":" + credentials.getPassword()).getBytes(StandardCharsets.UTF_8);
      return "Basic " + Base64.getEncoder().encodeToString(both);
    }
    return credentials.getToken() == null ? "" : "Bearer " + credentials.getToken();
  }
}
