package dev.lorikeet.training.tracking;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.file.Path;

/**
 * A run's files on MLflow's server, which keeps them where it keeps all ({@code --serve-artifacts},
 * its default): https://mlflow.org/docs/latest/tracking/server.html.
 */
final class MlflowArtifacts {
  private static final String SCHEME = "mlflow-artifacts";
  private static final String ENDPOINT = "/api/2.0/mlflow-artifacts/artifacts";

  private final MlflowServer server;
  private final URI place;

  /**
   * The files of a run.
   *
   * @param uri the run's artifact_uri
   * @throws IOException when the server leaves storing them to its clients
   */
  MlflowArtifacts(String uri, MlflowServer server) throws IOException {
    this.server = server;
    URI artifacts = URI.create(uri);
    if (!SCHEME.equals(artifacts.getScheme())) {
      throw new IOException(
          "the run's files were not sent: the server leaves them to its clients, in "
              + uri
              + "; start it with --serve-artifacts");
    }
    URI own = server.address();
    String host =
        artifacts.getAuthority() == null
            ? own.toString()
            : own.getScheme() + "://" + artifacts.getAuthority();
    place = URI.create(host + ENDPOINT + artifacts.getRawPath() + "/");
  }

  void put(String name, byte[] bytes) throws IOException, InterruptedException {
    put(name, BodyPublishers.ofByteArray(bytes));
  }

  void put(Path file) throws IOException, InterruptedException {
    put(file.getFileName().toString(), BodyPublishers.ofFile(file));
  }

  private void put(String name, BodyPublisher body) throws IOException, InterruptedException {
    server.put(place.resolve(name.replace(" ", "%20")), body);
  }
}
