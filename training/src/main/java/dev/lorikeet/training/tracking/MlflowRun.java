package dev.lorikeet.training.tracking;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.models.OutputFolder;
import dev.lorikeet.training.tracking.Tracker.Measurement;
import dev.lorikeet.training.tracking.Tracker.Outcome;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.mlflow.api.proto.Service.CreateRun;
import org.mlflow.api.proto.Service.Experiment;
import org.mlflow.api.proto.Service.Metric;
import org.mlflow.api.proto.Service.Param;
import org.mlflow.api.proto.Service.Run;
import org.mlflow.api.proto.Service.RunInfo;
import org.mlflow.api.proto.Service.RunStatus;
import org.mlflow.api.proto.Service.RunTag;
import org.mlflow.tracking.MlflowClient;
import org.mlflow.tracking.creds.BasicMlflowHostCreds;

/** What is said to MLflow's server of one run, through MLflow's own client. */
final class MlflowRun {
  /** Where a result's folder says which run it is of. */
  static final String FILE = "mlflow.json";

  private static final ObjectMapper JSON = new ObjectMapper();

  /** The experiment that every server has. */
  private static final String DEFAULT_EXPERIMENT = "0";

  /** The server's limits: parameters a request, and characters of a value on older servers. */
  private static final int PARAMS = 100;

  private static final int VALUE_LENGTH = 500;

  /** What describes a result. */
  private static final Set<String> DESCRIPTIONS =
      Set.of("adapter_config.json", "lorikeet.json", JsonlMetrics.FILE, MetricsPlot.FILE);

  private final String name;
  private final @Nullable Path folder;
  private final JsonNode settings;
  private final Map<String, String> environment;
  private final BasicMlflowHostCreds credentials;
  private final MlflowClient client;
  private @Nullable RunInfo run;

  /** The last steps of an earlier part of the run, by metric. */
  private final Map<String, Long> recorded = new HashMap<>();

  MlflowRun(
      String name,
      @Nullable Path folder,
      JsonNode settings,
      Map<String, String> environment,
      String uri) {
    this.name = name;
    this.folder = folder;
    this.settings = settings;
    this.environment = environment;
    credentials =
        new BasicMlflowHostCreds(
            uri,
            environment.get("MLFLOW_TRACKING_USERNAME"),
            environment.get("MLFLOW_TRACKING_PASSWORD"),
            environment.get("MLFLOW_TRACKING_TOKEN"),
            "true".equalsIgnoreCase(environment.get("MLFLOW_TRACKING_INSECURE_TLS")));
    // Only the client itself knows where Databricks keeps its credentials.
    client = uri.startsWith("http") ? new MlflowClient(credentials) : new MlflowClient(uri);
  }

  /**
   * Begins a run, or goes on with the one that the environment names, or that the run to go on from
   * was.
   */
  @Nullable Void start(long step) {
    String named = environment.get("MLFLOW_RUN_ID");
    String id = named == null && step > 0 ? knownRun() : named;
    RunInfo begun = id == null ? client.createRun(newRun()) : goOn(id, step);
    run = begun;
    if (step == 0 || id == null) {
      logParams(begun.getRunId());
    }
    remember(begun);
    return null;
  }

  /** The run that the folder tells of, if it is this server's. */
  private @Nullable String knownRun() {
    if (folder == null || !Files.isRegularFile(folder.resolve(FILE))) {
      return null;
    }
    try {
      JsonNode known = JSON.readTree(folder.resolve(FILE).toFile());
      return known.path("tracking_uri").asText().equals(server())
          ? known.path("run_id").asText(null)
          : null;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void remember(RunInfo info) {
    if (folder != null) {
      ObjectNode known = JSON.createObjectNode();
      known.put("tracking_uri", server());
      known.put("experiment_id", info.getExperimentId());
      known.put("run_id", info.getRunId());
      OutputFolder.writeFile(folder.resolve(FILE), out -> out.write(JSON.writeValueAsBytes(known)));
    }
  }

  /** Its address without a password. */
  private String server() {
    return credentials.getHost().replaceFirst("//[^/@]*@", "//");
  }

  private CreateRun newRun() {
    return CreateRun.newBuilder()
        .setExperimentId(experiment())
        .setRunName(name)
        .setStartTime(System.currentTimeMillis())
        .addTags(tag("mlflow.runName", name))
        .addTags(tag("mlflow.user", System.getProperty("user.name", "")))
        .addTags(tag("mlflow.source.name", "lorikeet"))
        .addTags(tag("mlflow.source.type", "LOCAL"))
        .build();
  }

  private static RunTag tag(String key, String value) {
    return RunTag.newBuilder().setKey(key).setValue(value).build();
  }

  private String experiment() {
    String experiment = environment.get("MLFLOW_EXPERIMENT_NAME");
    if (experiment == null) {
      return environment.getOrDefault("MLFLOW_EXPERIMENT_ID", DEFAULT_EXPERIMENT);
    }
    return client
        .getExperimentByName(experiment)
        .map(Experiment::getExperimentId)
        .orElseGet(() -> client.createExperiment(experiment));
  }

  private RunInfo goOn(String id, long step) {
    String status =
        JsonNodeFactory.instance.objectNode().put("run_id", id).put("status", "RUNNING").toString();
    client.sendPost("runs/update", status);
    Run known = client.getRun(id);
    if (step > 0) {
      known.getData().getMetricsList().forEach(m -> recorded.put(m.getKey(), m.getStep()));
    }
    return known.getInfo();
  }

  private void logParams(String id) {
    List<Param> params = new ArrayList<>();
    flattened(settings)
        .forEach(
            (key, value) -> params.add(Param.newBuilder().setKey(key).setValue(value).build()));
    for (int start = 0; start < params.size(); start += PARAMS) {
      List<Param> some = params.subList(start, Math.min(params.size(), start + PARAMS));
      client.logBatch(id, List.of(), some, List.of());
    }
  }

  /** Settings by their paths, {@code training.lr}; those without a value are left out. */
  static Map<String, String> flattened(JsonNode settings) {
    Map<String, String> flat = new LinkedHashMap<>();
    flatten("", settings, flat);
    return flat;
  }

  private static void flatten(String path, JsonNode node, Map<String, String> flat) {
    if (node.isObject()) {
      node.properties()
          .forEach(
              entry ->
                  flatten(
                      path.isEmpty() ? entry.getKey() : path + "." + entry.getKey(),
                      entry.getValue(),
                      flat));
    } else if (!node.isNull()) {
      String text = node.isValueNode() ? node.asText() : node.toString();
      flat.put(key(path), text.substring(0, Math.min(text.length(), VALUE_LENGTH)));
    }
  }

  /** A name with the characters that MLflow has in names. */
  static String key(String name) {
    return name.replaceAll("[^A-Za-z0-9_\\-. /]", "_");
  }

  /** Logs the numbers that are numbers, but none a second time: MLflow forgets nothing. */
  @Nullable Void record(Measurement measurement, long time) {
    if (run != null) {
      List<Metric> metrics =
          measurement.values().entrySet().stream()
              .filter(entry -> Double.isFinite(entry.getValue()))
              .filter(entry -> measurement.step() > recorded.getOrDefault(key(entry.getKey()), -1L))
              .map(
                  entry ->
                      Metric.newBuilder()
                          .setKey(key(entry.getKey()))
                          .setValue(entry.getValue())
                          .setTimestamp(time)
                          .setStep(measurement.step())
                          .build())
              .toList();
      if (!metrics.isEmpty()) {
        client.logBatch(run.getRunId(), metrics, List.of(), List.of());
      }
    }
    return null;
  }

  /** Says how the run ended, then sends its files. */
  @Nullable Void end(Outcome outcome) throws IOException, InterruptedException {
    if (run == null) {
      return null;
    }
    client.setTerminated(run.getRunId(), RunStatus.valueOf(outcome.name()));
    if (outcome != Outcome.KILLED) {
      MlflowArtifacts artifacts = new MlflowArtifacts(run.getArtifactUri(), credentials);
      byte[] recipe = settings.toPrettyString().getBytes(StandardCharsets.UTF_8);
      artifacts.put("recipe.json", recipe);
      for (Path file : files()) {
        artifacts.put(file);
      }
    }
    client.close();
    return null;
  }

  /**
   * The result's descriptions; all its files where transformers' variable for that asks for them.
   */
  private List<Path> files() throws IOException {
    if (folder == null || !Files.isDirectory(folder)) {
      return List.of();
    }
    String asked = environment.getOrDefault("HF_MLFLOW_LOG_ARTIFACTS", "");
    boolean all = Set.of("TRUE", "1", "ON", "YES").contains(asked.toUpperCase(Locale.ROOT));
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(Files::isRegularFile)
          .filter(file -> all || DESCRIPTIONS.contains(file.getFileName().toString()))
          .sorted()
          .toList();
    }
  }
}
