package dev.lorikeet.endtoend;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code --model org/name}, from a hub on this machine, in processes with an environment. */
class HubCommandTest {
  private static final Path GOLDEN = Path.of("resources/golden/bert-classify-lora");
  private static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

  @TempDir Path temporary;

  /** The hub's files by repository and name. */
  private final Map<String, byte[]> files = new TreeMap<>();

  private final AtomicInteger requests = new AtomicInteger();
  private HttpServer server;
  private Path folder;
  private Path texts;

  @BeforeEach
  void start() throws IOException {
    folder = Files.createDirectory(temporary.resolve("tiny"));
    Files.copy(GOLDEN.resolve("config.json"), folder.resolve("config.json"));
    Files.copy(GOLDEN.resolve("model.safetensors"), folder.resolve("model.safetensors"));
    Files.writeString(folder.resolve("tokenizer.json"), tokenizer());
    for (String name : List.of("config.json", "model.safetensors", "tokenizer.json")) {
      files.put("org/tiny/" + name, Files.readAllBytes(folder.resolve(name)));
    }
    for (String name : List.of("adapter_config.json", "adapter_model.safetensors")) {
      files.put("org/tuned/" + name, Files.readAllBytes(GOLDEN.resolve("adapter").resolve(name)));
    }
    texts =
        Files.writeString(
            temporary.resolve("texts.jsonl"),
            """
            {"text": "w6 w8 w90", "label": "LABEL_0"}
            {"text": "w11", "label": "LABEL_1"}
            {"text": "w7 w7 w7 w7 w7", "label": "LABEL_2"}
            """);
    server =
        HttpServer.create(
            new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), 0), 0);
    server.createContext("/", this::answer);
    server.start();
  }

  @AfterEach
  void stop() {
    server.stop(0);
  }

  private static String tokenizer() {
    String words =
        IntStream.range(5, 96)
            .mapToObj(id -> "\"w" + id + "\": " + id)
            .collect(Collectors.joining(", "));
    return """
        {"version": "1.0", "pre_tokenizer": {"type": "WhitespaceSplit"},
         "model": {"type": "WordLevel", "unk_token": "[UNK]",
                   "vocab": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, %s}}}
        """
        .formatted(words);
  }

  private void answer(HttpExchange exchange) throws IOException {
    requests.incrementAndGet();
    String path = exchange.getRequestURI().getPath();
    byte[] body = new byte[0];
    int status = 404;
    if (path.matches("/api/models/org/\\w+/revision/main")) {
      String repo = path.replaceFirst("/api/models/(org/\\w+/).*", "$1");
      status = 200;
      body =
          files.keySet().stream()
              .filter(file -> file.startsWith(repo))
              .map(file -> "{\"rfilename\": \"" + file.substring(repo.length()) + "\"}")
              .collect(
                  Collectors.joining(",", "{\"sha\": \"" + COMMIT + "\", \"siblings\": [", "]}"))
              .getBytes(UTF_8);
    } else if (path.contains("/resolve/" + COMMIT + "/")) {
      status = 200;
      body = files.getOrDefault(path.substring(1).replace("resolve/" + COMMIT + "/", ""), body);
      exchange.getResponseHeaders().set("ETag", "\"" + sha256(body) + "\"");
      exchange.getResponseHeaders().set("X-Repo-Commit", COMMIT);
    }
    boolean head = exchange.getRequestMethod().equals("HEAD");
    if (head) {
      exchange.getResponseHeaders().set("Content-Length", Integer.toString(body.length));
    }
    exchange.sendResponseHeaders(status, head || body.length == 0 ? -1 : body.length);
    if (!head) {
      exchange.getResponseBody().write(body);
    }
    exchange.close();
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private JavaProcess lorikeet(boolean offline, String typed)
      throws IOException, InterruptedException {
    return JavaProcess.run(
        temporary,
        Map.of(
            "HF_ENDPOINT",
            "http://127.0.0.1:" + server.getAddress().getPort(),
            "HF_HOME",
            temporary.resolve("hf").toString(),
            "HF_HUB_CACHE",
            "",
            "HF_HUB_OFFLINE",
            offline ? "1" : "0"),
        JavaProcess.lorikeet(typed));
  }

  private static JavaProcess done(JavaProcess process) {
    assertThat(process.status()).as(process.err()).isZero();
    return process;
  }

  @Test
  void modelAndAdapterFromTheHubAnswerAsTheirFoldersDo() throws IOException, InterruptedException {
    String typed = "predict --model %s --adapter %s --data " + texts + " --threads 1";
    String expected = Cli.done(typed, folder, GOLDEN.resolve("adapter")).out();
    assertThat(expected.lines()).hasSize(3);
    JavaProcess fetched = done(lorikeet(false, String.format(typed, "org/tiny", "org/tuned")));
    assertThat(fetched.out()).isEqualTo(expected);
    assertThat(fetched.err().lines())
        .contains("model.safetensors 0.1 of 0.1 MB", "tokenizer.json 0.0 of 0.0 MB");
    assertThat(temporary.resolve("hf/hub/models--org--tiny/snapshots/" + COMMIT)).isDirectory();

    requests.set(0);
    JavaProcess offline = done(lorikeet(true, String.format(typed, "org/tiny", "org/tuned")));
    assertThat(offline.out()).isEqualTo(expected);
    assertThat(offline.err()).isEmpty();
    assertThat(requests).hasValue(0);
  }

  @Test
  void recipesModelMayBeOnTheHubAndTheAdapterNamesIt() throws IOException, InterruptedException {
    Path recipe =
        Files.writeString(
            temporary.resolve("recipe.yaml"),
            """
            model: org/tiny@main
            output: out
            data: {train: '%s', max_length: 16}
            training: {epochs: 1, batch_size: 2}
            threads: 1
            """
                .formatted(texts));
    done(lorikeet(false, "train " + recipe));
    JsonNode config = Cli.parse(Files.readString(temporary.resolve("out/adapter_config.json")));
    assertThat(config.path("base_model_name_or_path").asText()).isEqualTo("org/tiny");
    assertThat(config.path("revision").asText()).isEqualTo(COMMIT);
    String typed = "evaluate --adapter out --json --data " + texts;
    assertThat(Cli.parse(done(lorikeet(true, typed)).out()).path("eval_examples").asInt())
        .isEqualTo(3);
    JsonNode settings =
        Cli.parse(Files.readString(temporary.resolve("out/lorikeet.json"))).path("settings");
    assertThat(settings.path("model").asText()).isEqualTo("org/tiny@main");
  }

  @Test
  void aMistypedFolderIsToldBeforeAnyHubIsAsked() throws IOException, InterruptedException {
    Files.createDirectories(temporary.resolve("runs/adapter"));
    JavaProcess process =
        lorikeet(false, "predict --model tiny --adapter runs/adaptor --data " + texts);
    assertThat(process.err())
        .isEqualToNormalizingNewlines(
            "error: \"runs/adaptor\" is no folder here; nearest: runs/adapter (if a hub has it, give"
                + " \"runs/adaptor@main\")\n");
    assertThat(process.status()).isEqualTo(1);
    assertThat(requests).hasValue(0);
  }

  @Test
  void modelThatIsNowhereIsOneLine() throws IOException, InterruptedException {
    String site = "http://127.0.0.1:" + server.getAddress().getPort();
    JavaProcess process = lorikeet(false, "predict --model no/such --data " + texts);
    assertThat(process.err())
        .isEqualToNormalizingNewlines(
            "error: no/such is no folder here, and "
                + site
                + " has no no/such (404): check name and revision\n");
    assertThat(process.status()).isEqualTo(1);
    assertThat(temporary.resolve("hf")).doesNotExist();
    assertThat(Cli.run("predict --model nowhere --data %s", texts).err())
        .isEqualToNormalizingNewlines(
            "error: \"nowhere\" is no folder here, and no name on a hub, which would be"
                + " ORGANISATION/NAME or ORGANISATION/NAME@REVISION: check the path\n");
  }
}
