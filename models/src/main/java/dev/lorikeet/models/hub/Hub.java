package dev.lorikeet.models.hub;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lorikeet.models.JsonFile;
import dev.lorikeet.models.hub.HubHttp.Reply;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Nearest;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A Hugging Face hub. Models and adapters come from it as folders, which open like any other:
 *
 * <pre>{@code
 * Hub hub = Hub.of(System.getenv());
 * Path base = hub.model("sentence-transformers/all-MiniLM-L6-v2");
 * }</pre>
 *
 * <p>Files are kept in the cache of Python's {@code huggingface_hub}, checked by their hashes, and
 * fetched once; only those are fetched that Lorikeet or a copy of the model needs.
 *
 * @see <a href="https://huggingface.co/docs/hub/api">the hub's interface</a>
 */
public final class Hub {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** What a list of files may have; the longest known is a tenth of it. */
  private static final int LONGEST_LIST = 64 << 20;

  private static final Pattern SHARD = Pattern.compile("[^/\\\\:\\x00]+\\.safetensors");
  private static final Pattern PLACE = Pattern.compile("\\.{0,2}[/\\\\].*|\\.{1,2}|[A-Za-z]:.*");

  private final HubSettings settings;
  private final HubListener listener;
  private final HubHttp http;

  public Hub(HubSettings settings, HubListener listener) {
    this.settings = settings;
    this.listener = listener;
    this.http = new HubHttp(settings, listener);
  }

  /**
   * The hub of an environment, such as {@code System.getenv()}.
   *
   * @throws dev.lorikeet.torch.UsageException when a variable has a value that it cannot have
   */
  public static Hub of(Map<String, String> environment) {
    return new Hub(HubSettings.of(environment), HubListener.SILENT);
  }

  /**
   * A model's folder, from what people type: a folder, or {@code organisation/name}, {@code
   * organisation/name@revision} of the hub. A folder of that name comes first; {@code ./a/b} is
   * always a folder.
   *
   * @throws LorikeetException when it is neither, or the hub does not give it
   */
  public Path model(String typed) {
    return folder(typed, HubContent.MODEL);
  }

  /** {@link #model} for its config.json alone; what is no name on the hub may be such a file. */
  public Path config(String typed) {
    return folder(typed, HubContent.CONFIG);
  }

  /** {@link #model} for an adapter. */
  public Path adapter(String typed) {
    return folder(typed, HubContent.ADAPTER);
  }

  private Path folder(String typed, HubContent content) {
    Path path = path(typed);
    if (path != null && (PLACE.matcher(typed).matches() || Files.exists(path))) {
      return path;
    }
    mustNotBeMistyped(typed, path);
    HubName name = HubName.parse(typed);
    if (name == null) {
      throw new LorikeetException(
          SafeNames.shown(typed)
              + " is no folder here, and no name on a hub, which would be ORGANISATION/NAME or"
              + " ORGANISATION/NAME@REVISION: check the path");
    }
    try {
      return fetch(name, content);
    } catch (HubFailure e) {
      throw new LorikeetException(typed + " is no folder here, and " + e.getMessage(), e);
    }
  }

  /**
   * Says so where people meant a folder beside those that are there, and asks no hub: a name such
   * as {@code runs/adaptor} could be one's.
   */
  private static void mustNotBeMistyped(String typed, @Nullable Path path) {
    if (path == null || typed.contains("@")) {
      return;
    }
    Path parent = path.getParent();
    if (parent == null || !Files.isDirectory(parent)) {
      return;
    }
    String last = path.getFileName().toString();
    List<String> folders = foldersIn(parent);
    List<String> nearest = Nearest.of(last, folders, 1);
    if (!nearest.isEmpty() && Nearest.isTypo(last, nearest.get(0))) {
      throw new LorikeetException(
          (SafeNames.shown(typed)
                  + " is no folder here; nearest: "
                  + parent.resolve(nearest.get(0)))
              + (" (if a hub has it, give " + SafeNames.shown(typed + "@" + HubName.MAIN) + ")"));
    }
  }

  private static List<String> foldersIn(Path parent) {
    try (Stream<Path> paths = Files.list(parent)) {
      return paths.filter(Files::isDirectory).map(p -> p.getFileName().toString()).toList();
    } catch (IOException e) {
      return List.of(); // what cannot be read is no help
    }
  }

  private static @Nullable Path path(String typed) {
    try {
      return typed.isEmpty() ? null : Path.of(typed);
    } catch (InvalidPathException e) {
      return null;
    }
  }

  /**
   * The folder of a model's snapshot in the cache, fetched where the cache lacks any of it.
   *
   * @param repo {@code organisation/name}
   * @param revision a branch, a tag or a commit
   * @throws dev.lorikeet.torch.UsageException when {@code repo} or {@code revision} is none
   * @throws LorikeetException when the hub does not give it, it has no safetensors, the cache
   *     cannot be written, or it is offline and the cache lacks some of it
   */
  public Path snapshot(String repo, String revision) {
    return fetch(new HubName(repo, revision), HubContent.MODEL);
  }

  private Path fetch(HubName name, HubContent content) {
    HubCache cache = new HubCache(settings.cache(), name, listener);
    Cached cached = new Cached(cache, name, content);
    if (settings.offline()) {
      return cached.offline();
    }
    Listing listing;
    try {
      listing = list(name);
    } catch (HubFailure e) {
      Path folder = e.isUnreachable() ? cached.complete() : null;
      if (folder == null) {
        throw e;
      }
      listener.said(e.getMessage() + "; using " + folder);
      return folder;
    }
    SnapshotFetch snapshot =
        new SnapshotFetch(settings, listener, http, cache, name, listing.commit());
    try {
      content.select(name, listing.files()).forEach(snapshot::fetch);
      if (!cache.has(listing.commit(), content.weights())) {
        fetchShards(name, listing, cache.snapshot(listing.commit()), snapshot);
      }
    } finally {
      snapshot.sayUnchecked();
    }
    cache.remember(name.revision(), listing.commit());
    return cache.snapshot(listing.commit());
  }

  private static void fetchShards(
      HubName name, Listing listing, Path folder, SnapshotFetch snapshot) {
    for (String shard : shards(folder)) {
      if (!listing.files().contains(shard)) {
        throw new LorikeetException(
            name + " lacks " + shard + ", which its " + HubContent.INDEX + " names");
      }
      snapshot.fetch(shard);
    }
  }

  // ---- what the hub has ----

  /** The files of a repository at a commit. */
  private record Listing(String commit, List<String> files) {}

  private Listing list(HubName name) {
    HubQuestion question = new HubQuestion(name, null);
    URI uri = settings.address("/api/models/" + name.repo() + "/revision/", name.revision());
    byte[] answer =
        http.retrying(
            name.toString(),
            () -> 0,
            () -> {
              try (Reply reply = http.send("GET", uri, 0, question)) {
                return reply.body().all(LONGEST_LIST);
              }
            });
    JsonNode json = json(answer);
    String commit = json.path("sha").asText("");
    if (!SafeNames.isCommit(commit) || !json.path("siblings").isArray()) {
      throw HubFailure.noHub(settings);
    }
    List<String> files = new ArrayList<>();
    for (JsonNode sibling : json.path("siblings")) {
      files.add(SafeNames.mustBeFile(sibling.path("rfilename").asText("")));
    }
    return new Listing(commit, files);
  }

  private JsonNode json(byte[] answer) {
    try {
      return JSON.readTree(answer);
    } catch (IOException e) {
      throw HubFailure.noHub(settings);
    }
  }

  // ---- what the cache has ----

  /** The shards that a snapshot's index names, sorted. */
  private static Set<String> shards(Path folder) {
    Path index = folder.resolve(HubContent.INDEX);
    Set<String> shards = new TreeSet<>();
    for (JsonNode shard : JsonFile.read(index).path("weight_map")) {
      String name = shard.asText();
      if (!SHARD.matcher(name).matches() || SafeNames.isDevice(name)) {
        throw new LorikeetException(
            index + " names " + SafeNames.shown(name) + ", which is no safetensors file beside it");
      }
      shards.add(SafeNames.mustBeFile(name));
    }
    if (shards.isEmpty()) {
      throw new LorikeetException(index + " names no files in its weight_map");
    }
    return shards;
  }

  /** What an earlier run, of Lorikeet or of Python, left of a repository. */
  private record Cached(HubCache cache, HubName name, HubContent content) {
    /** The snapshot's folder, or null where it is not there or not whole. */
    @Nullable Path complete() {
      String commit = cache.commit(name.revision());
      return commit == null || !missing(commit).isEmpty() ? null : cache.snapshot(commit);
    }

    Path offline() {
      String commit = cache.commit(name.revision());
      String lack = commit == null ? name.toString() : missing(commit);
      if (commit != null && lack.isEmpty()) {
        return cache.snapshot(commit);
      }
      throw HubFailure.refused(
          "the cache "
              + cache.root()
              + " lacks "
              + lack
              + ", which HF_HUB_OFFLINE forbids to fetch: unset that, or fill the cache where there is"
              + " a network");
    }

    /** The first needed file that a snapshot lacks; empty where it is whole. */
    private String missing(String commit) {
      if (!cache.has(commit, content.config())) {
        return content.config() + " of " + name;
      }
      if (cache.has(commit, content.weights())) {
        return "";
      }
      if (content != HubContent.MODEL || !cache.has(commit, HubContent.INDEX)) {
        return content.weights() + " of " + name;
      }
      for (String shard : shards(cache.snapshot(commit))) {
        if (!cache.has(commit, shard)) {
          return shard + " of " + name;
        }
      }
      return "";
    }
  }
}
