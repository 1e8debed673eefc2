package dev.lorikeet.training.tracking;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A run in MLflow: settings as parameters, numbers with their steps, the files that say what was
 * trained, and how it ended. The server is talked to on a thread of its own, so that a slow one
 * holds nothing up.
 */
public final class Mlflow implements Tracker {
  private static final int SECONDS_TO_END = 60;
  private static final int SECONDS_TO_END_KILLED = 5;

  private final MlflowRun run;
  private final MlflowServer server;
  private final ExecutorService thread = Executors.newSingleThreadExecutor(Mlflow::daemon);

  /** What went wrong first; nothing is sent after that. */
  private volatile @Nullable Exception failure;

  private Mlflow(MlflowRun run, MlflowServer server) {
    this.run = run;
    this.server = server;
  }

  private static Thread daemon(Runnable work) {
    Thread thread = new Thread(work, "lorikeet-mlflow");
    thread.setDaemon(true);
    return thread;
  }

  /**
   * A run on the server that the environment names, by MLflow's own variables: {@code
   * MLFLOW_TRACKING_URI}, {@code _USERNAME}, {@code _PASSWORD}, {@code _TOKEN} and {@code
   * _INSECURE_TLS}, {@code MLFLOW_EXPERIMENT_NAME} or {@code _ID}, and {@code MLFLOW_RUN_ID} of a
   * run to go on with. A run that is resumed goes on with the one that {@code mlflow.json} in its
   * folder names.
   *
   * @param name what a new run is called
   * @param folder of the run's result; null for none
   * @param settings of the run
   * @throws UsageException when the variable is missing or no server's
   */
  public static Mlflow open(
      String name, @Nullable Path folder, JsonNode settings, Map<String, String> environment) {
    MlflowServer server = MlflowServer.of(environment);
    return new Mlflow(new MlflowRun(name, folder, settings, environment, server), server);
  }

  @Override
  public String name() {
    return "MLflow (" + server.address() + ")";
  }

  @Override
  public void start(long step) throws IOException {
    send(() -> run.start(step));
  }

  @Override
  public void record(Measurement measurement) throws IOException {
    long now = System.currentTimeMillis();
    send(() -> run.record(measurement, now));
  }

  @Override
  public void end(Outcome outcome) throws IOException {
    send(() -> run.end(outcome));
    thread.shutdown();
    int seconds = outcome == Outcome.KILLED ? SECONDS_TO_END_KILLED : SECONDS_TO_END;
    try {
      if (!thread.awaitTermination(seconds, TimeUnit.SECONDS)) {
        throw new IOException("no answer in " + seconds + " seconds");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    mustNotHaveFailed();
  }

  /** Work for the server, which does it in its turn. */
  private void send(Callable<@Nullable Void> work) throws IOException {
    mustNotHaveFailed();
    thread.execute(() -> run(work));
  }

  private void run(Callable<@Nullable Void> work) {
    if (failure == null) {
      try {
        work.call();
      } catch (Exception e) {
        failure = e;
      }
    }
  }

  private void mustNotHaveFailed() throws IOException {
    Exception seen = failure;
    if (seen != null) {
      thread.shutdown();
      throw new IOException(seen.getMessage(), seen);
    }
  }
}
