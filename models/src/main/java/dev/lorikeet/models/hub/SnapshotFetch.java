package dev.lorikeet.models.hub;

import dev.lorikeet.models.hub.HubHttp.Reply;
import dev.lorikeet.torch.LorikeetException;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/**
 * The files of one commit on their way into the cache.
 *
 * <p>A file whose ETag is a hash becomes a blob, checked by it and shared by all files of these
 * bytes. Any other ETag says nothing of the bytes, and several files may have the same one: such a
 * file lies in the snapshot itself, where Python's {@code huggingface_hub} finds it, too, as it has
 * such files where no links can be made.
 */
final class SnapshotFetch {
  private final HubSettings settings;
  private final HubListener listener;
  private final HubHttp http;
  private final HubCache cache;
  private final HubName name;
  private final String commit;
  private final List<String> unchecked = new ArrayList<>();

  SnapshotFetch(
      HubSettings settings,
      HubListener listener,
      HubHttp http,
      HubCache cache,
      HubName name,
      String commit) {
    this.settings = settings;
    this.listener = listener;
    this.http = http;
    this.cache = cache;
    this.name = name;
    this.commit = commit;
  }

  /**
   * Brings a file into the snapshot, where it lacks it.
   *
   * @throws LorikeetException when it cannot be had or written, or is not what the hub promised
   */
  void fetch(String file) {
    if (cache.has(commit, file)) {
      return;
    }
    HubQuestion question = new HubQuestion(name, file);
    URI uri = settings.address("/" + name.repo() + "/resolve/" + commit + "/", file);
    Promise promise = http.retrying(question.what(), () -> 0, () -> promise(uri, question));
    if (SafeNames.isHash(promise.etag())) {
      fetchBlob(file, uri, promise);
    } else {
      fetchByName(file, uri, promise);
    }
  }

  /** Tells which files came without a hash to check them by. */
  void sayUnchecked() {
    if (!unchecked.isEmpty()) {
      listener.said(
          name
              + ": "
              + settings.site()
              + " gives no hash of "
              + String.join(", ", unchecked)
              + ": kept by name, their bytes unchecked");
    }
  }

  private void fetchBlob(String file, URI uri, Promise promise) {
    String etag = promise.etag();
    Path blob = cache.blob(etag);
    cache.locked(
        etag,
        () -> {
          boolean isNew = !isThere(blob, promise.size());
          if (isNew) {
            download(file, uri, promise, etag).to(blob);
          }
          if (!cache.has(commit, file)) {
            cache.link(commit, file, blob, isNew);
          }
          return blob;
        });
  }

  private void fetchByName(String file, URI uri, Promise promise) {
    Path place = cache.place(commit, file);
    String key = key(file, promise);
    cache.locked(
        key,
        () -> {
          if (!cache.has(commit, file)) {
            download(file, uri, promise, key).to(place);
            unchecked.add(file);
          }
          return place;
        });
  }

  private Download download(String file, URI uri, Promise promise, String key) {
    Path incomplete = cache.blob(key + ".incomplete");
    HubQuestion question = new HubQuestion(name, file);
    return new Download(
        http, settings, listener, uri, question, file, promise.etag(), promise.size(), incomplete);
  }

  private static boolean isThere(Path blob, long size) {
    try {
      return Files.exists(blob) && (size < 0 || Files.size(blob) == size);
    } catch (IOException e) {
      throw new LorikeetException(blob + " cannot be read: " + e.getMessage(), e);
    }
  }

  /** Names what comes of a file without a hash: no other file, nor other bytes of it, has this. */
  private String key(String file, Promise promise) {
    String all = String.join("\0", commit, file, promise.etag(), Long.toString(promise.size()));
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      return "unchecked-"
          + HexFormat.of().formatHex(digest.digest(all.getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every Java platform must have it
    }
  }

  /** What the hub says of a file before it sends it; the size is −1 where it does not say. */
  private record Promise(String etag, long size) {}

  private Promise promise(URI uri, HubQuestion question) throws IOException, InterruptedException {
    try (Reply reply = http.send("HEAD", uri, 0, question)) {
      reply.body().all(0); // none: the connection is free again
      String linked = reply.header(HubHttp.LINKED_ETAG);
      String etag = linked != null ? linked : reply.header("ETag");
      String served = reply.header("X-Repo-Commit");
      if (etag == null || (served != null && !served.equals(commit))) {
        throw HubFailure.noHub(settings);
      }
      String plain = etag.replaceFirst("^W/", "").replaceFirst("^\"(.*)\"$", "$1");
      long size = reply.headers().firstValueAsLong("X-Linked-Size").orElse(-1);
      boolean direct = reply.status() < 300;
      return new Promise(plain, size >= 0 || !direct ? size : reply.length());
    }
  }
}
