package dev.lorikeet.models.hub;

import dev.lorikeet.models.hub.HubHttp.Reply;
import dev.lorikeet.torch.LorikeetException;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One file on its way into the cache: what an earlier run left is gone on with, and nothing takes
 * the blob's place before its length and hash are right.
 */
final class Download {
  private static final int SHA256_DIGITS = 64;
  private static final Pattern CONTENT_RANGE = Pattern.compile("bytes (\\d+)-\\d+/(\\d+|\\*)");

  private static final int OK = 200;
  private static final int PARTIAL = 206;
  private static final int RANGE_NOT_SATISFIABLE = 416;

  private final HubHttp http;
  private final HubSettings settings;
  private final HubListener listener;
  private final URI uri;
  private final HubQuestion asked;
  private final String file;
  private final String etag;
  private final Path incomplete;

  /** Of the whole file; −1 while it is unknown. */
  private long size;

  /** The bytes that lie in {@link #incomplete}. */
  private long position;

  /** The most bytes that {@link #position} has been: what comes again is no progress. */
  private long furthest;

  /** Whether the file was put together from several answers. */
  private boolean pieced;

  /**
   * @param size in bytes, −1 where the hub does not say
   * @param incomplete where the bytes are gathered
   */
  Download(
      HubHttp http,
      HubSettings settings,
      HubListener listener,
      URI uri,
      HubQuestion asked,
      String file,
      String etag,
      long size,
      Path incomplete) {
    this.http = http;
    this.settings = settings;
    this.listener = listener;
    this.uri = uri;
    this.asked = asked;
    this.file = file;
    this.etag = etag;
    this.size = size;
    this.incomplete = incomplete;
  }

  /**
   * Fetches the file to {@code blob}.
   *
   * @throws LorikeetException when it cannot be had or written, or is not what the hub promised
   */
  void to(Path blob) {
    fetch();
    String damage = damage();
    if (!damage.isEmpty() && pieced) {
      listener.said(what() + ": the pieces do not fit; fetching it anew");
      remove();
      fetch();
      damage = damage();
    }
    if (!damage.isEmpty()) {
      remove();
      throw new LorikeetException(settings.site() + ": " + what() + " " + damage + ": try again");
    }
    try {
      Files.move(incomplete, blob, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw HubCache.unwritable(blob, e);
    }
  }

  private String what() {
    return asked.what();
  }

  private void remove() {
    try {
      Files.deleteIfExists(incomplete);
    } catch (IOException e) {
      throw HubCache.unwritable(incomplete, e);
    }
  }

  private void fetch() {
    if (Files.isSymbolicLink(incomplete)) {
      throw new LorikeetException(incomplete + " is a link, and must be a file: delete it");
    }
    pieced = false;
    try (FileChannel channel =
        FileChannel.open(
            incomplete,
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            LinkOption.NOFOLLOW_LINKS)) {
      position = channel.size();
      furthest = position;
      pieced = position > 0;
      mustHaveRoom();
      http.retrying(
          what(),
          () -> furthest,
          () -> {
            attempt(channel);
            return true;
          });
      channel.force(true);
    } catch (IOException e) {
      throw HubCache.unwritable(incomplete, e);
    }
  }

  private void mustHaveRoom() {
    long free = freeSpace();
    if (free > 0 && size - position > free) {
      throw new LorikeetException(
          String.format(
              Locale.ROOT,
              "%s needs %,d bytes more, and the disk of %s has %,d: free some, or set HF_HUB_CACHE",
              what(),
              size - position,
              incomplete.getParent(),
              free));
    }
  }

  private long freeSpace() {
    try {
      return Files.getFileStore(incomplete).getUsableSpace();
    } catch (IOException e) {
      throw HubCache.unwritable(incomplete, e);
    }
  }

  private void attempt(FileChannel channel) throws IOException, InterruptedException {
    if (size >= 0 && position > size) {
      empty(channel);
    }
    if (position > 0 && position == size) {
      listener.fetched(file, position, size);
      return;
    }
    boolean again = false;
    try (Reply reply = http.send("GET", uri, position, asked)) {
      if (position > 0 && !continues(reply)) {
        again = reply.status() != OK;
        empty(channel);
      }
      if (!again) {
        take(reply, channel);
      }
    }
    if (again) {
      attempt(channel); // from the first byte, so this is the last time
    }
  }

  /** Whether an answer goes on where the file ends. */
  private boolean continues(Reply reply) {
    if (reply.status() != PARTIAL) {
      return false;
    }
    Matcher range = CONTENT_RANGE.matcher(reply.headers().firstValue("Content-Range").orElse(""));
    return range.matches()
        && range.group(1).equals(Long.toString(position))
        && (size < 0 || range.group(2).equals("*") || range.group(2).equals(Long.toString(size)));
  }

  private void take(Reply reply, FileChannel channel) throws IOException, InterruptedException {
    boolean whole = position == 0 && reply.status() == OK;
    boolean rest = position > 0 && reply.status() == PARTIAL;
    if (!whole && !rest) {
      throw HubFailure.refused(
          settings.site()
              + " answers "
              + what()
              + " with status "
              + reply.status()
              + (reply.status() == RANGE_NOT_SATISFIABLE ? ", which no range was asked of" : ""));
    }
    if (reply
        .headers()
        .firstValue("Content-Encoding")
        .filter(e -> !e.equals("identity"))
        .isPresent()) {
      throw HubFailure.refused(settings.site() + " sends " + what() + " compressed, unasked");
    }
    long length = reply.length();
    if (length >= 0 && size >= 0 && position + length != size) {
      throw HubFailure.refused(
          String.format(
              Locale.ROOT,
              "%s sends %,d bytes of %s, and promised %,d: try again later",
              settings.site(),
              position + length,
              what(),
              size));
    }
    if (length >= 0 && size < 0) {
      size = position + length;
      mustHaveRoom();
    }
    pieced |= rest;
    copy(reply.body(), channel);
  }

  private void copy(Body body, FileChannel channel) throws IOException, InterruptedException {
    listener.fetched(file, position, size);
    for (List<ByteBuffer> bytes = body.next(); bytes != null; bytes = body.next()) {
      for (ByteBuffer buffer : bytes) {
        append(buffer, channel);
      }
      listener.fetched(file, position, size);
    }
    if (position < size) {
      throw new IOException(
          String.format(Locale.ROOT, "ended after %,d of %,d bytes", position, size));
    }
    size = position;
  }

  private void append(ByteBuffer buffer, FileChannel channel) {
    long most = size >= 0 ? size : settings.mostUnannounced();
    if (position + buffer.remaining() > most) {
      empty(channel);
      throw HubFailure.refused(
          String.format(
              Locale.ROOT,
              size >= 0
                  ? "%s sends more of %s than the %,d bytes that it promised"
                  : "%s does not say how long %s is, and sends more than %,d bytes: it is given up",
              settings.site(),
              what(),
              most));
    }
    try {
      while (buffer.hasRemaining()) {
        int written = channel.write(buffer, position);
        position += written;
        furthest = Math.max(furthest, position);
      }
    } catch (IOException e) {
      throw HubCache.unwritable(incomplete, e);
    }
  }

  private void empty(FileChannel channel) {
    try {
      channel.truncate(0);
      position = 0;
      pieced = false;
    } catch (IOException e) {
      throw HubCache.unwritable(incomplete, e);
    }
  }

  /**
   * What is wrong with the bytes that came, or nothing: an ETag of 64 hexadecimal digits is the
   * SHA-256 of a file in LFS, one of 40 is git's SHA-1 of any other.
   */
  private String damage() {
    if (!SafeNames.isHash(etag)) {
      return "";
    }
    boolean lfs = etag.length() == SHA256_DIGITS;
    String hash = hash(lfs);
    return hash.equals(etag)
        ? ""
        : "came damaged: its " + (lfs ? "SHA-256" : "git hash") + " is " + hash + ", not " + etag;
  }

  private String hash(boolean lfs) {
    try (InputStream in = Files.newInputStream(incomplete)) {
      MessageDigest digest = MessageDigest.getInstance(lfs ? "SHA-256" : "SHA-1");
      if (!lfs) {
        String header = "blob " + Files.size(incomplete) + "\0";
        digest.update(header.getBytes(StandardCharsets.UTF_8));
      }
      byte[] bytes = new byte[1 << 20];
      for (int n = in.read(bytes); n >= 0; n = in.read(bytes)) {
        digest.update(bytes, 0, n);
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (IOException e) {
      throw new LorikeetException(incomplete + " cannot be read: " + e.getMessage(), e);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every Java platform must have both
    }
  }
}
