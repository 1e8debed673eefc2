package dev.lorikeet.training.tracking;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsServer;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.tracking.Tracker.Outcome;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Against a server that answers as MLflow's REST API is documented to. */
class MlflowTest {
  /** A request: {@code runs/create}, and what it said. */
  private record Request(String method, String path, String authorization, String body) {
    JsonNode json() {
      return Runs.json(body);
    }
  }

  private final List<Request> requests = Collections.synchronizedList(new ArrayList<>());
  private final List<String> warnings = new ArrayList<>();
  private final Map<String, String> environment = new HashMap<>();
  private HttpServer server;

  /** The requests that the server does not answer well. */
  private volatile String broken = "none";

  /** The last metrics of the run that the server knows. */
  private volatile String metrics = "";

  /** What is said with an error. */
  private volatile String reason = "";

  /** Whether it is no MLflow server, and says its reason to everything. */
  private volatile boolean other;

  /** How many requests find the server busy. */
  private final AtomicInteger busy = new AtomicInteger();

  private volatile String artifacts = "mlflow-artifacts:/7/r1/artifacts";

  @TempDir Path temporary;

  @BeforeEach
  void serve() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/", this::answer);
    server.start();
    environment.put("MLFLOW_TRACKING_URI", address());
  }

  private String address() {
    return "http://127.0.0.1:" + server.getAddress().getPort();
  }

  @AfterEach
  void stop() {
    server.stop(0);
  }

  private void answer(HttpExchange exchange) throws IOException {
    String path = exchange.getRequestURI().toString().replace("/api/2.0/mlflow/", "");
    String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
    String authorization = exchange.getRequestHeaders().getFirst("Authorization");
    requests.add(
        new Request(
            exchange.getRequestMethod(), path, authorization == null ? "" : authorization, body));
    boolean missing = path.startsWith("experiments/get-by-name");
    String answer = missing ? "{\"error_code\":\"RESOURCE_DOES_NOT_EXIST\"}" : said(path);
    int status = path.startsWith(broken) ? 500 : missing ? 404 : 200;
    if (busy.getAndDecrement() > 0) {
      status = 503;
    }
    if (other || status == 500) {
      answer = reason;
    }
    byte[] bytes = answer.getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(status, bytes.length);
    exchange.getResponseBody().write(bytes);
    exchange.close();
  }

  private String said(String path) {
    String info = "{\"run_id\":\"r1\",\"artifact_uri\":\"" + artifacts + "\"}";
    if (path.startsWith("runs/create") || path.startsWith("runs/get")) {
      return "{\"run\":{\"info\":" + info + ",\"data\":{\"metrics\":[" + metrics + "]}}}";
    }
    return path.equals("experiments/create") ? "{\"experiment_id\":\"7\"}" : "{}";
  }

  private Tracking tracking() {
    Mlflow mlflow = Mlflow.open("topics", temporary, Runs.SETTINGS, environment);
    return new Tracking(List.of(mlflow), warnings::add);
  }

  private List<Request> to(String path) {
    return requests.stream().filter(request -> request.path().startsWith(path)).toList();
  }

  private static Map<String, String> params(Request batch) {
    Map<String, String> params = new HashMap<>();
    batch
        .json()
        .path("params")
        .forEach(param -> params.put(param.path("key").asText(), param.path("value").asText()));
    return params;
  }

  private static double metric(Request batch, String key) {
    for (JsonNode metric : batch.json().path("metrics")) {
      if (metric.path("key").asText().equals(key)) {
        assertThat(metric.path("timestamp").asLong()).isPositive();
        return metric.path("value").asDouble();
      }
    }
    throw new AssertionError(key + " is not in " + batch);
  }

  // ---- a run ----

  @Test
  void runHasItsSettingsNumbersFilesAndEnd() throws IOException {
    Files.writeString(temporary.resolve("adapter_config.json"), "{\"r\": 8}");
    Files.writeString(temporary.resolve("adapter_model.safetensors"), "large");
    environment.put("MLFLOW_EXPERIMENT_NAME", "birds");
    try (Tracking tracking = tracking()) {
      tracking.started(List.of(), 10);
      tracking.logged(Runs.step(10));
      tracking.evaluated(Runs.evaluated(10, 0.5));
      tracking.end(Outcome.FINISHED);
    }
    assertThat(warnings).isEmpty();
    assertThat(requests)
        .extracting(Request::path)
        .filteredOn(path -> !path.startsWith("experiments/get")) // the client asks until it is sure
        .containsExactly(
            "experiments/create",
            "runs/create",
            "runs/log-batch",
            "runs/log-batch",
            "runs/log-batch",
            "runs/update",
            "/api/2.0/mlflow-artifacts/artifacts/7/r1/artifacts/recipe.json",
            "/api/2.0/mlflow-artifacts/artifacts/7/r1/artifacts/adapter_config.json");
    assertThat(requests.get(0).path()).isEqualTo("experiments/get-by-name?experiment_name=birds");
    JsonNode created = to("runs/create").get(0).json();
    assertThat(created.path("experiment_id").asText()).isEqualTo("7");
    assertThat(created.path("run_name").asText()).isEqualTo("topics");
    assertThat(created.path("start_time").asLong()).isPositive();

    List<Request> batches = to("runs/log-batch");
    assertThat(params(batches.get(0)))
        .containsOnly(
            Map.entry("model", "minilm"),
            Map.entry("seed", "1"),
            Map.entry("adapter.r", "8"),
            Map.entry("adapter.target_modules", "[\"query\",\"value\"]"),
            Map.entry("training.lr", "0.001"),
            Map.entry("training.groups.layer_._0_1_.lr", "0.002"));
    assertThat(metric(batches.get(1), "loss")).isEqualTo(0.2);
    assertThat(metric(batches.get(1), "learning_rate/lora_B")).isEqualTo(4e-3);
    assertThat(batches.get(1).json().path("metrics"))
        .allMatch(metric -> metric.path("step").asInt() == 10);
    assertThat(metric(batches.get(2), "eval_accuracy")).isEqualTo(0.5);
    assertThat(batches.get(2).body()).as("NaN").doesNotContain("macro_f1");

    JsonNode ended = to("runs/update").get(0).json();
    assertThat(ended.path("run_id").asText()).isEqualTo("r1");
    assertThat(ended.path("status").asText()).isEqualTo("FINISHED");
    assertThat(ended.path("end_time").asLong()).isPositive();
    assertThat(to("/api").get(0).method()).isEqualTo("PUT");
    assertThat(to("/api").get(0).json()).isEqualTo(Runs.SETTINGS);
    assertThat(to("/api").get(1).body()).isEqualTo("{\"r\": 8}");
  }

  @Test
  void allFilesAreSentWhereTransformersVariableAsksForThem() throws IOException {
    Files.writeString(temporary.resolve("adapter_model.safetensors"), "large");
    environment.put("HF_MLFLOW_LOG_ARTIFACTS", "1");
    try (Tracking tracking = tracking()) {
      Runs.steps(tracking, 1, 1);
      tracking.end(Outcome.FINISHED);
    }
    assertThat(to("/api").get(1).path()).endsWith("/adapter_model.safetensors");
    assertThat(to("/api").get(1).body()).isEqualTo("large");
  }

  @ParameterizedTest
  @ValueSource(strings = {"FAILED", "KILLED"})
  void otherEndsAreSaid(String outcome) {
    try (Tracking tracking = tracking()) {
      Runs.steps(tracking, 1, 1);
      tracking.end(Outcome.valueOf(outcome));
    }
    assertThat(to("runs/update").get(0).json().path("status").asText()).isEqualTo(outcome);
    assertThat(warnings).isEmpty();
  }

  @Test
  void runThatTheEnvironmentNamesGoesOn() {
    environment.put("MLFLOW_RUN_ID", "r1");
    try (Tracking tracking = tracking()) {
      tracking.resumed(4);
      Runs.steps(tracking, 5, 5);
      tracking.end(Outcome.FINISHED);
    }
    assertThat(to("runs/create")).isEmpty();
    assertThat(to("runs/update").get(0).json().path("status").asText()).isEqualTo("RUNNING");
    assertThat(to("runs/log-batch")).as("no settings again").hasSize(1);
    assertThat(to("runs/log-batch").get(0).json().path("run_id").asText()).isEqualTo("r1");
  }

  @Test
  void resumedRunGoesOnAndRepeatsNothing() {
    try (Tracking tracking = tracking()) {
      Runs.steps(tracking, 1, 8);
      tracking.end(Outcome.KILLED);
    }
    assertThat(temporary.resolve("mlflow.json")).content().contains("\"run_id\":\"r1\"");
    requests.clear();
    metrics = "{\"key\":\"loss\",\"value\":1.0,\"step\":8}"; // the checkpoint is of step 6
    try (Tracking tracking = tracking()) {
      tracking.resumed(6);
      Runs.steps(tracking, 7, 9);
      tracking.end(Outcome.FINISHED);
    }
    assertThat(warnings).isEmpty();
    assertThat(to("runs/create")).isEmpty();
    assertThat(to("runs/update").get(0).json().path("status").asText()).isEqualTo("RUNNING");
    List<Request> batches = to("runs/log-batch");
    assertThat(batches).as("no settings again").hasSize(3);
    assertThat(batches).allMatch(batch -> batch.json().path("run_id").asText().equals("r1"));
    assertThat(batches.get(1).body()).as("step 8").doesNotContain("\"loss\"");
    assertThat(metric(batches.get(2), "loss")).isEqualTo(2.0 / 9);
    assertThat(to("runs/update").get(1).json().path("status").asText()).isEqualTo("FINISHED");
  }

  @Test
  void resumedRunOfAnotherServerIsANewOne() throws IOException {
    Files.writeString(
        temporary.resolve("mlflow.json"),
        "{\"tracking_uri\": \"http://elsewhere:5000\", \"run_id\": \"r0\"}");
    try (Tracking tracking = tracking()) {
      tracking.resumed(6);
      Runs.steps(tracking, 7, 7);
      tracking.end(Outcome.FINISHED);
    }
    assertThat(to("runs/create")).hasSize(1);
    assertThat(to("runs/log-batch")).as("settings, a step").hasSize(2);
    assertThat(temporary.resolve("mlflow.json")).content().contains("127.0.0.1").contains("r1");
  }

  @Test
  void anotherRunInTheSameFolderIsANewOne() {
    for (int run = 1; run <= 2; run++) {
      try (Tracking tracking = tracking()) {
        Runs.steps(tracking, 1, 1);
        tracking.end(Outcome.FINISHED);
      }
      assertThat(to("runs/create")).hasSize(run);
    }
  }

  @Test
  void credentialsAreSentWithEverything() {
    environment.put("MLFLOW_TRACKING_TOKEN", "secret");
    try (Tracking tracking = tracking()) {
      Runs.steps(tracking, 1, 1);
      tracking.end(Outcome.FINISHED);
    }
    assertThat(requests).allMatch(request -> request.authorization().equals("Bearer secret"));
    assertThat(to("/api")).isNotEmpty();
    requests.clear();
    environment.put("MLFLOW_TRACKING_USERNAME", "a");
    environment.put("MLFLOW_TRACKING_PASSWORD", "b");
    try (Tracking tracking = tracking()) {
      Runs.steps(tracking, 1, 1);
      tracking.end(Outcome.FINISHED);
    }
    // base64 of "a:b"
    assertThat(requests).allMatch(request -> request.authorization().equals("Basic YTpi"));
  }

  @Test
  void passwordInTheAddressIsSentAndNeverTold() {
    String host = "127.0.0.1:" + server.getAddress().getPort();
    environment.put("MLFLOW_TRACKING_URI", "http://a:b@" + host + "/");
    broken = "/api";
    try (Tracking tracking = tracking()) {
      Runs.steps(tracking, 1, 1);
      tracking.end(Outcome.FINISHED);
    }
    assertThat(requests).allMatch(request -> request.authorization().equals("Basic YTpi"));
    assertThat(temporary.resolve("mlflow.json")).content().contains("http://" + host + "\"");
    assertThat(warnings).hasSize(1);
    assertThat(warnings.get(0)).contains("(http://" + host + ")").doesNotContain("a:b");
  }

  @Test
  void certificateOfNobodyIsTakenWhereTheEnvironmentSaysSo() throws Exception {
    HttpsServer secure = SelfSigned.server(temporary.resolve("key.p12"), this::answer);
    try {
      String address = "https://127.0.0.1:" + secure.getAddress().getPort();
      environment.put("MLFLOW_TRACKING_URI", address);
      environment.put("MLFLOW_TRACKING_INSECURE_TLS", "true");
      try (Tracking tracking = tracking()) {
        Runs.steps(tracking, 1, 1);
        tracking.end(Outcome.FINISHED);
      }
      assertThat(warnings).isEmpty();
      assertThat(to("runs/update")).hasSize(1);
      requests.clear();
      environment.remove("MLFLOW_TRACKING_INSECURE_TLS");
      try (Tracking tracking = tracking()) {
        Runs.steps(tracking, 1, 1);
        tracking.end(Outcome.FINISHED);
      }
      assertThat(requests).isEmpty();
      assertThat(warnings).hasSize(1);
    } finally {
      secure.stop(0);
    }
  }

  // ---- what goes wrong ----

  @Test
  void busyServerIsAskedAgain() {
    busy.set(2);
    try (Tracking tracking = tracking()) {
      Runs.steps(tracking, 1, 1);
      tracking.end(Outcome.FINISHED);
    }
    assertThat(warnings).isEmpty();
    assertThat(to("runs/create")).as("503 twice, then 200").hasSize(3);
  }

  @Test
  void whatTheServerSaysOfAnErrorIsToldOnOneLine() {
    broken = "runs/create";
    reason = "{\"error_code\":\"BAD\",\"message\":\"no\\n\\u001b[31m experiment\"}";
    try (Tracking tracking = tracking()) {
      Runs.steps(tracking, 1, 1);
    }
    assertThat(warnings.get(0))
        .endsWith(
            "status 500 for " + address() + "/api/2.0/mlflow/runs/create: BAD no [31m experiment");
  }

  @Test
  void serverOfSomethingElseCostsALine() {
    reason = "<html>hello</html>";
    other = true;
    try (Tracking tracking = tracking()) {
      Runs.steps(tracking, 1, 1);
    }
    assertThat(warnings.get(0))
        .endsWith(
            "no JSON from "
                + address()
                + "/api/2.0/mlflow/runs/create: is an MLflow server there?");
  }

  @ParameterizedTest
  @ValueSource(strings = {"runs/create", "runs/log-batch", "runs/update", "/api"})
  void serverThatFailsCostsALine(String request) {
    broken = request;
    try (Tracking tracking = tracking()) {
      Runs.steps(tracking, 1, 30);
      tracking.end(Outcome.FINISHED);
    }
    assertThat(warnings).hasSize(1);
    assertThat(warnings.get(0))
        .startsWith("warning: MLflow (http://127.0.0.1:")
        .contains(" is left out from here on: ")
        .contains("500");
  }

  @Test
  void serverThatIsNotThereCostsALine() {
    server.stop(0);
    try (Tracking tracking = tracking()) {
      Runs.steps(tracking, 1, 3);
      tracking.end(Outcome.FINISHED);
    }
    assertThat(warnings).hasSize(1);
    assertThat(warnings.get(0)).contains("refused");
  }

  @Test
  void filesThatTheServerDoesNotTakeAreToldOf() {
    artifacts = "s3://bucket/7/r1/artifacts";
    try (Tracking tracking = tracking()) {
      Runs.steps(tracking, 1, 1);
      tracking.end(Outcome.FINISHED);
    }
    assertThat(warnings.get(0)).contains("s3://bucket").contains("--serve-artifacts");
    assertThat(to("runs/update").get(0).json().path("status").asText()).isEqualTo("FINISHED");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "mlruns", "file:/tmp/mlruns", "http://", "http:// x", "databricks"})
  void addressThatIsNoServersIsWrongUsage(String uri) {
    environment.put("MLFLOW_TRACKING_URI", uri);
    assertThatThrownBy(this::tracking)
        .isInstanceOf(UsageException.class)
        .hasMessage(
            "MLFLOW_TRACKING_URI"
                + (uri.isEmpty() ? " is not set" : " is " + uri)
                + ": report_to mlflow needs a server's address there, http://localhost:5000 for"
                + " example; for Databricks, the workspace's https address, and its token in"
                + " MLFLOW_TRACKING_TOKEN");
  }
}
