package dev.lorikeet.training.tracking;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.models.OutputFolder;
import dev.lorikeet.training.tracking.Tracker.Measurement;
import dev.lorikeet.training.tracking.Tracker.Outcome;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What is said to MLflow's server of one run. */
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
  private final MlflowServer server;

  /** Its {@code info}, from the start on. */
  private @Nullable JsonNode run;

  /** The last steps of an earlier part of the run, by metric. */
  private final Map<String, Long> recorded = new HashMap<>();

  MlflowRun(
      String name,
      @Nullable Path folder,
      JsonNode settings,
      Map<String, String> environment,
      MlflowServer server) {
    this.name = name;
    this.folder = folder;
    this.settings = settings;
    this.environment = environment;
    this.server = server;
  }

  /**
   * Begins a run, or goes on with the one that the environment names, or that the run to go on from
   * was.
   */
  @Nullable Void start(long step) throws IOException, InterruptedException {
    String named = environment.get("MLFLOW_RUN_ID");
    String known = named == null && step > 0 ? knownRun() : named;
    JsonNode begun = known == null ? create() : goOn(known, step);
    if (begun.path("run_id").asText().isEmpty()) {
      throw new IOException("no run in the server's answer: is it MLflow's?");
    }
    run = begun;
    if (step == 0 || known == null) {
      logParams();
    }
    remember(begun);
    return null;
  }

  /** The run that the folder tells of, if it is this server's. */
  private @Nullable String knownRun() throws IOException {
    if (folder == null || !Files.isRegularFile(folder.resolve(FILE))) {
      return null;
    }
    JsonNode known = JSON.readTree(folder.resolve(FILE).toFile());
    return known.path("tracking_uri").asText().equals(server.address().toString())
        ? known.path("run_id").asText(null)
        : null;
  }

  private void remember(JsonNode info) {
    if (folder != null) {
      ObjectNode known = JSON.createObjectNode();
      known.put("tracking_uri", server.address().toString());
      known.put("experiment_id", info.path("experiment_id").asText());
      known.put("run_id", info.path("run_id").asText());
      OutputFolder.writeFile(folder.resolve(FILE), out -> out.write(JSON.writeValueAsBytes(known)));
    }
  }

  private JsonNode create() throws IOException, InterruptedException {
    ObjectNode body = JSON.createObjectNode();
    body.put("experiment_id", experiment());
    body.put("run_name", name);
    body.put("start_time", System.currentTimeMillis());
    ArrayNode tags = body.putArray("tags");
    add(tags, "mlflow.runName", name);
    add(tags, "mlflow.user", System.getProperty("user.name", ""));
    add(tags, "mlflow.source.name", "lorikeet");
    add(tags, "mlflow.source.type", "LOCAL");
    return server.post("runs/create", body).path("run").path("info");
  }

  private static void add(ArrayNode pairs, String key, String value) {
    pairs.addObject().put("key", key).put("value", value);
  }

  /** The experiment that the environment names, made where the server knows none of that name. */
  private String experiment() throws IOException, InterruptedException {
    String experiment = environment.get("MLFLOW_EXPERIMENT_NAME");
    if (experiment == null) {
      return environment.getOrDefault("MLFLOW_EXPERIMENT_ID", DEFAULT_EXPERIMENT);
    }
    JsonNode known = server.get("experiments/get-by-name", "experiment_name", experiment);
    ObjectNode body = JSON.createObjectNode().put("name", experiment);
    return known.isMissingNode()
        ? server.post("experiments/create", body).path("experiment_id").asText()
        : known.path("experiment").path("experiment_id").asText();
  }

  /** Goes on with a run, and learns what it has recorded. */
  private JsonNode goOn(String id, long step) throws IOException, InterruptedException {
    server.post("runs/update", JSON.createObjectNode().put("run_id", id).put("status", "RUNNING"));
    JsonNode known = server.get("runs/get", "run_id", id).path("run");
    if (step > 0) {
      for (JsonNode metric : known.path("data").path("metrics")) {
        recorded.put(metric.path("key").asText(), metric.path("step").asLong());
      }
    }
    return known.path("info");
  }

  private void logParams() throws IOException, InterruptedException {
    List<Map.Entry<String, String>> params = List.copyOf(flattened(settings).entrySet());
    for (int start = 0; start < params.size(); start += PARAMS) {
      ObjectNode batch = batch();
      ArrayNode some = batch.putArray("params");
      params
          .subList(start, Math.min(params.size(), start + PARAMS))
          .forEach(param -> add(some, param.getKey(), param.getValue()));
      server.post("runs/log-batch", batch);
    }
  }

  private ObjectNode batch() {
    return JSON.createObjectNode().put("run_id", id());
  }

  private String id() {
    return Objects.requireNonNull(run).path("run_id").asText();
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
  @Nullable Void record(Measurement measurement, long time)
      throws IOException, InterruptedException {
    if (run == null) {
      return null;
    }
    ObjectNode batch = batch();
    ArrayNode metrics = batch.putArray("metrics");
    measurement
        .values()
        .forEach(
            (name, value) -> {
              String key = key(name);
              if (Double.isFinite(value) && measurement.step() > recorded.getOrDefault(key, -1L)) {
                metrics
                    .addObject()
                    .put("key", key)
                    .put("value", value)
                    .put("timestamp", time)
                    .put("step", measurement.step());
              }
            });
    if (!metrics.isEmpty()) {
      server.post("runs/log-batch", batch);
    }
    return null;
  }

  /** Says how the run ended, then sends its files. */
  @Nullable Void end(Outcome outcome) throws IOException, InterruptedException {
    if (run == null) {
      return null;
    }
    ObjectNode ended = JSON.createObjectNode().put("run_id", id()).put("status", outcome.name());
    server.post("runs/update", ended.put("end_time", System.currentTimeMillis()));
    if (outcome != Outcome.KILLED) {
      MlflowArtifacts artifacts = new MlflowArtifacts(run.path("artifact_uri").asText(), server);
      byte[] recipe = settings.toPrettyString().getBytes(StandardCharsets.UTF_8);
      artifacts.put("recipe.json", recipe);
      for (Path file : files()) {
        artifacts.put(file);
      }
    }
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
