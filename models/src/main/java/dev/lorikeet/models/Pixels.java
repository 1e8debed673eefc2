package dev.lorikeet.models;

import dev.lorikeet.torch.LorikeetException;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.imageio.ImageIO;
import org.jspecify.annotations.Nullable;

/**
 * A picture of red, green and blue.
 *
 * @param values from 0 to 255, [channels, height, width] row-major
 */
@SuppressWarnings("ArrayRecordComponent") // pictures are never compared
record Pixels(int channels, int height, int width, int[] values) {
  private static final int RGB = 3;

  /** All black. */
  Pixels(int channels, int height, int width) {
    this(channels, height, width, new int[channels * height * width]);
  }

  /**
   * Reads a PNG or JPEG file; grey becomes red, green and blue alike, transparency is left out.
   *
   * @throws LorikeetException when there is no such file, or none of a picture of eight bits a
   *     value
   */
  static Pixels read(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new LorikeetException(file + " does not exist");
    }
    try {
      @Nullable BufferedImage image = ImageIO.read(file.toFile());
      if (image == null) {
        throw new LorikeetException(
            file + " is no picture that can be read: save it as PNG or JPEG");
      }
      if (image.getSampleModel().getSampleSize(0) > 8) {
        throw new LorikeetException(file + " has more than 8 bits a value: save it with 8");
      }
      return of(image);
    } catch (IOException e) {
      throw new LorikeetException(file + " cannot be read: " + e.getMessage(), e);
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
      pixels.values[i] = rgb >> 16 & 0xFF;
      pixels.values[plane + i] = rgb >> 8 & 0xFF;
      pixels.values[2 * plane + i] = rgb & 0xFF;
    }
    return pixels;
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
