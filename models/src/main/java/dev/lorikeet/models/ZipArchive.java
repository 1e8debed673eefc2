package dev.lorikeet.models;

import dev.lorikeet.torch.LorikeetException;
import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.function.Predicate;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;
import java.util.zip.ZipInputStream;
import org.jspecify.annotations.Nullable;

/**
 * A zip or jar that is read with distrust: what is damaged in it is said in one line, and a small
 * one does not become a huge one. From {@link #SUSPICIOUS} unpacked bytes on, at most {@link
 * #MOST_GROWTH} times its size is read from it, with what is in a zip within it. Weights come to
 * nine tenths of their size in a zip, texts to a tenth.
 *
 * <p>Used by one thread.
 */
final class ZipArchive implements AutoCloseable {
  static final long SUSPICIOUS = 64L << 20;
  static final long MOST_GROWTH = 100;

  private final Path file;
  private final ZipFile zip;
  private final long packed;
  private long unpacked;

  /** What is done with a file that lies in an archive. */
  interface Visitor {
    void visit(String name, InputStream bytes) throws IOException;
  }

  private ZipArchive(Path file) throws IOException {
    this.file = file;
    packed = Files.size(file);
    zip = new ZipFile(file.toFile());
  }

  /**
   * Reads the list of what is in it.
   *
   * @throws LorikeetException when it is no whole zip
   */
  static ZipArchive open(Path file) {
    try {
      return new ZipArchive(file);
    } catch (IOException | IllegalArgumentException e) {
      throw unreadable(file, e);
    }
  }

  /** The files in it whose names are as asked, in their order. */
  List<String> names(Predicate<String> wanted) {
    return zip.stream()
        .filter(entry -> !entry.isDirectory())
        .map(ZipEntry::getName)
        .filter(wanted)
        .toList();
  }

  /**
   * Opens a file in it.
   *
   * @param name one of {@link #names}
   * @throws LorikeetException when it cannot be read; its stream throws it, too, and when more has
   *     been unpacked than there should be
   */
  InputStream open(String name) {
    try {
      return new Distrusted(zip.getInputStream(zip.getEntry(name)));
    } catch (IOException | IllegalArgumentException e) {
      throw unreadable(file, e);
    }
  }

  /**
   * Visits the files in a zip that lies in it, or those in itself. All are first read to their
   * ends, so that what is wrong with any shows before something is done with one.
   *
   * @param inner one of {@link #names}; null for itself
   * @throws LorikeetException when a file cannot be read, or all are too large
   * @throws IOException when the visitor throws it
   */
  void visit(@Nullable String inner, Visitor visitor) throws IOException {
    pass(inner, (name, bytes) -> bytes.transferTo(OutputStream.nullOutputStream()));
    pass(inner, visitor);
  }

  private void pass(@Nullable String inner, Visitor visitor) throws IOException {
    unpacked = 0;
    InputStream bytes = inner == null ? Files.newInputStream(file) : open(inner);
    try (ZipInputStream in = new ZipInputStream(new BufferedInputStream(bytes, 1 << 16))) {
      for (ZipEntry entry = next(in); entry != null; entry = next(in)) {
        if (!entry.isDirectory()) {
          visitor.visit(entry.getName(), new Distrusted(in));
        }
      }
    }
  }

  private @Nullable ZipEntry next(ZipInputStream in) {
    try {
      return in.getNextEntry();
    } catch (IOException | IllegalArgumentException e) {
      throw unreadable(file, e);
    }
  }

  /** Illegal arguments are names that are no text. */
  private static LorikeetException unreadable(Path file, Exception e) {
    boolean damaged = !(e instanceof IOException) || isOfZips(e);
    return new LorikeetException(
        file
            + (damaged ? " is damaged: it is no whole zip (" : " cannot be read (")
            + e.getMessage()
            + (damaged ? "): copy or download it again" : ")"),
        e);
  }

  private static boolean isOfZips(Exception e) {
    return e instanceof ZipException || e instanceof EOFException;
  }

  @Override
  public void close() throws IOException {
    zip.close();
  }

  /** Unpacked bytes, counted; closing it closes what they come from. */
  private final class Distrusted extends InputStream {
    private final InputStream in;

    Distrusted(InputStream in) {
      this.in = in;
    }

    @Override
    public int read() {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
    }

    @Override
    public int read(byte[] bytes, int offset, int length) {
      try {
        int read = in.read(bytes, offset, length);
        count(Math.max(0, read));
        return read;
      } catch (IOException e) {
        throw unreadable(file, e);
      }
    }

    private void count(int more) {
      unpacked += more;
      if (unpacked > SUSPICIOUS && unpacked / MOST_GROWTH > packed) {
        throw new LorikeetException(
            String.format(
                Locale.ROOT,
                "%s has %,d bytes, which unpacked are more than %,d: unpack it first if that is"
                    + " right",
                file,
                packed,
                unpacked));
      }
    }

    @Override
    public void close() throws IOException {
      in.close();
    }
  }
}
