package dev.lorikeet.models;

import dev.lorikeet.torch.LorikeetException;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.FileImageInputStream;
import javax.imageio.stream.ImageInputStream;

/**
 * A picture of red, green and blue.
 *
 * @param values from 0 to 255 without a sign, [channels, height, width] row-major
 */
@SuppressWarnings("ArrayRecordComponent") // pictures are never compared
record Pixels(int channels, int height, int width, byte[] values) {
  /** Where Pillow begins to warn of a decompression bomb: at 3 bytes each, a quarter of a GiB. */
  static final long MOST = (1L << 30) / 4 / 3;

  private static final int LONGEST_EDGE = (1 << 16) - 1; // JPEG's
  private static final int RGB = 3;

  /** All black. */
  Pixels(int channels, int height, int width) {
    this(channels, height, width, new byte[channels * height * width]);
  }

  /**
   * Reads a PNG or JPEG file; grey becomes red, green and blue alike, transparency is left out.
   *
   * @throws LorikeetException when there is no such file, or none of a whole picture of eight bits
   *     a value, or one above {@value #MOST} pixels, which is not decoded
   */
  static Pixels read(Path file) {
    return of(decode(file));
  }

  /** Decodes a file, so that what is wrong with it shows, as {@link #read} does. */
  static BufferedImage decode(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new LorikeetException(file + " does not exist");
    }
    try (ImageInputStream stream = new FileImageInputStream(file.toFile())) {
      Iterator<ImageReader> readers = ImageIO.getImageReaders(stream);
      if (!readers.hasNext()) {
        throw new LorikeetException(
            file + " is no picture that can be read: save it as PNG or JPEG");
      }
      BufferedImage image = decode(file, readers.next(), stream);
      if (image.getSampleModel().getSampleSize(0) > 8) {
        throw new LorikeetException(file + " has more than 8 bits a value: save it with 8");
      }
      return image;
    } catch (LorikeetException e) {
      throw e;
    } catch (IOException | RuntimeException e) { // the latter for headers that make no sense
      throw new LorikeetException(file + " cannot be read: " + e.getMessage(), e);
    }
  }

  private static BufferedImage decode(Path file, ImageReader reader, ImageInputStream stream)
      throws IOException {
    // What is missing at the end of a JPEG file is grey, and only a warning tells.
    List<String> warnings = new ArrayList<>();
    reader.addIIOReadWarningListener((source, warning) -> warnings.add(warning));
    try {
      reader.setInput(stream, true, true);
      mustBeFew(file, reader.getHeight(0), reader.getWidth(0));
      BufferedImage image = reader.read(0);
      if (warnings.stream().anyMatch(warning -> warning.startsWith("Truncated"))) {
        throw new LorikeetException(file + " is cut off: copy it again");
      }
      return image;
    } finally {
      reader.dispose();
    }
  }

  /** A small file can claim any size: what its header says is looked at before memory is taken. */
  private static void mustBeFew(Path file, int height, int width) {
    if ((long) height * width > MOST || Math.max(height, width) > LONGEST_EDGE) {
      throw new LorikeetException(
          String.format(
              Locale.ROOT,
              "%s has too many pixels: it is %,d high and %,d wide, and at most %,d are read, and"
                  + " %,d in a row or column: make it smaller",
              file,
              height,
              width,
              MOST,
              LONGEST_EDGE));
    }
  }

  private static Pixels of(BufferedImage image) {
    Pixels pixels = new Pixels(RGB, image.getHeight(), image.getWidth());
    // Java takes grey files as linear light and would brighten them.
    boolean grey = image.getColorModel().getNumColorComponents() == 1;
    int plane = pixels.height * pixels.width;
    for (int i = 0; i < plane; i++) {
      int x = i % pixels.width;
      int y = i / pixels.width;
      int rgb = grey ? image.getRaster().getSample(x, y, 0) * 0x010101 : image.getRGB(x, y);
      pixels.values[i] = (byte) (rgb >> 16);
      pixels.values[plane + i] = (byte) (rgb >> 8);
      pixels.values[2 * plane + i] = (byte) rgb;
    }
    return pixels;
  }

  /** A value, by its place in {@link #values}. */
  int value(int place) {
    return values[place] & 0xFF;
  }

  /** Rows as columns. */
  Pixels turned() {
    Pixels turned = new Pixels(channels, /* height= */ width, /* width= */ height);
    for (int c = 0; c < channels; c++) {
      for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
          turned.values[(c * width + x) * height + y] = values[(c * height + y) * width + x];
        }
      }
    }
    return turned;
  }

  /** The middle; black around it where the picture is smaller. */
  Pixels middle(int newHeight, int newWidth) {
    Pixels middle = new Pixels(channels, newHeight, newWidth);
    int top = Math.floorDiv(height - newHeight, 2);
    int left = Math.floorDiv(width - newWidth, 2);
    for (int c = 0; c < channels; c++) {
      for (int y = Math.max(0, -top); y < Math.min(newHeight, height - top); y++) {
        for (int x = Math.max(0, -left); x < Math.min(newWidth, width - left); x++) {
          middle.values[(c * newHeight + y) * newWidth + x] =
              values[(c * height + top + y) * width + left + x];
        }
      }
    }
    return middle;
  }
}
