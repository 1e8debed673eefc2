package dev.lorikeet.data.rows;

import com.github.luben.zstd.ZstdInputStream;
import dev.lorikeet.torch.LorikeetException;
import java.io.BufferedInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Locale;
import java.util.zip.GZIPInputStream;

/**
 * The bytes of a file, unpacked while they are read where it is packed by gzip (RFC 1952) or
 * Zstandard (RFC 8878); its first bytes tell, which begin no text in UTF-8.
 *
 * <p>Rows are kept in memory, so a small file must not become a huge one unnoticed: from {@link
 * #SUSPICIOUS} bytes on, one that grows to more than {@link #MOST_GROWTH} times its size is
 * refused. Texts come to a tenth of that.
 */
final class Unpacked extends FilterInputStream {
  static final long SUSPICIOUS = 1L << 30;
  static final long MOST_GROWTH = 200;

  private static final int GZIP = 0x1F8B;
  private static final int ZSTD = 0x28B52FFD;

  private final String source;
  private final Packed packed;
  private long count;

  private Unpacked(String source, Packed packed, InputStream unpacked) {
    super(unpacked);
    this.source = source;
    this.packed = packed;
  }

  /**
   * The unpacked bytes.
   *
   * @throws LorikeetException when the file begins like a packed one and is none
   */
  static InputStream of(String source, InputStream bytes) {
    try {
      BufferedInputStream buffered = new BufferedInputStream(bytes, 1 << 16);
      buffered.mark(4);
      int first = 0;
      for (int i = 0; i < 4; i++) {
        first = first << 8 | Math.max(0, buffered.read());
      }
      buffered.reset();
      Packed packed = new Packed(buffered);
      if (first >>> 16 == GZIP) {
        return new Unpacked(source, packed, new GZIPInputStream(packed, 1 << 16));
      }
      return first == ZSTD ? new Unpacked(source, packed, new ZstdInputStream(packed)) : buffered;
    } catch (IOException e) {
      throw Lines.unreadable(source, e);
    }
  }

  @Override
  public int read() throws IOException {
    int next = super.read();
    count(next < 0 ? 0 : 1);
    return next;
  }

  @Override
  public int read(byte[] bytes, int offset, int length) throws IOException {
    int read = super.read(bytes, offset, length);
    count(Math.max(0, read));
    return read;
  }

  private void count(int more) {
    count += more;
    if (count > SUSPICIOUS && count / MOST_GROWTH > packed.count) {
      throw new LorikeetException(
          String.format(
              Locale.ROOT,
              "%s: %,d packed bytes have become more than %,d: unpack it first if that is right",
              source,
              packed.count,
              count));
    }
  }

  /** Packed bytes, counted. */
  private static final class Packed extends FilterInputStream {
    private long count;

    Packed(InputStream bytes) {
      super(bytes);
    }

    @Override
    public int read() throws IOException {
      int next = super.read();
      count += next < 0 ? 0 : 1;
      return next;
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
      int read = super.read(bytes, offset, length);
      count += Math.max(0, read);
      return read;
    }

    /** GZIPInputStream looks for another member only where something is said to be there. */
    @Override
    public int available() throws IOException {
      return Math.max(1, super.available());
    }
  }
}
