package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.data.Offset.offset;

import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.zip.CRC32;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Beside what transformers 5.18.0 makes of the same files (src/test/interop/record_images.py). */
@Tag("numeric")
class ImageProcessorTest {
  /** Scaling and normalising round to float32 in the same places. */
  private static final float SAME = 1e-6f;

  @TempDir private Path folder;

  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static Path image(String name) throws URISyntaxException {
    return Path.of(
        Objects.requireNonNull(ImageProcessorTest.class.getResource("/images/" + name)).toURI());
  }

  private ImageProcessor settings(String json) throws IOException {
    Files.writeString(folder.resolve(ImageProcessor.FILE), json);
    return ImageProcessor.open(folder);
  }

  private Tensor read(String file, String settings) throws IOException, URISyntaxException {
    return settings(Files.readString(image(settings + ".json"))).read(List.of(image(file)));
  }

  private static Tensor expected(String file, String settings) throws URISyntaxException {
    return Safetensors.open(image("expected.safetensors")).tensor(file + "/" + settings);
  }

  @ParameterizedTest
  @CsvSource({
    "colours.png, bilinear-down",
    "colours.png, bicubic-down",
    "colours.png, bilinear-up",
    "colours.png, bicubic-mixed",
    "colours.png, shortest-edge-and-crop",
    "colours.png, crop-only",
    "grey.png, bilinear-down",
    "transparent.png, bilinear-down",
    "palette.png, bilinear-down",
  })
  void picturesBecomeWhatTransformersMakesOfThem(String file, String settings)
      throws IOException, URISyntaxException {
    Tensor found = read(file, settings);
    Tensor wanted = expected(file, settings);
    assertThat(found.shape()).containsExactly(1, wanted.size(0), wanted.size(1), wanted.size(2));
    assertThat(found.toFloats()).containsExactly(wanted.toFloats(), offset(SAME));
  }

  @Test
  void decodersOfJpegDifferByRoundingsAtTheMost() throws IOException, URISyntaxException {
    float[] found = read("smooth.jpg", "bilinear-down").toFloats();
    float[] wanted = expected("smooth.jpg", "bilinear-down").toFloats();
    // One step of 255, between -1 and 1; and a resized pixel is a mean of several decoded ones.
    assertThat(found).containsExactly(wanted, offset(2 / 255f + SAME));
  }

  @Test
  void withoutAFileTheFirstVitsSettingsCount() throws IOException, URISyntaxException {
    Tensor picture = ImageProcessor.open(folder).read(List.of(image("grey.png")));
    assertThat(picture.shape()).containsExactly(1, 3, 224, 224);
    String spelt =
        "{\"size\": 224, \"resample\": 2, \"image_mean\": 0.5, \"image_std\": [0.5, 0.5, 0.5]}";
    assertThat(picture.sameAs(settings(spelt).read(List.of(image("grey.png"))))).isTrue();
  }

  @Test
  void aCropBeyondTheEdgesIsBlackThere() throws IOException, URISyntaxException {
    ImageProcessor processor =
        settings(
            "{\"do_resize\": false, \"do_center_crop\": true, \"crop_size\": 41,"
                + " \"do_rescale\": false, \"do_normalize\": false}");
    Tensor picture = processor.read(List.of(image("colours.png"))); // 37 wide, 23 high
    assertThat(picture.shape()).containsExactly(1, 3, 41, 41);
    assertThat(picture.narrow(2, 0, 9).abs().max().item()).isZero();
    assertThat(picture.narrow(3, 0, 2).abs().max().item()).isZero();
    float[] row = picture.select(0, 0).select(0, 0).select(0, 9).toFloats(); // red grows to 255
    assertThat(row[2]).isZero();
    assertThat(row[38]).isEqualTo(255);
  }

  @Test
  void severalPicturesMakeABatch() throws IOException, URISyntaxException {
    ImageProcessor processor = settings("{\"size\": 16}");
    List<Path> files = List.of(image("colours.png"), image("grey.png"));
    Tensor batch = processor.read(files);
    assertThat(batch.shape()).containsExactly(2, 3, 16, 16);
    assertThat(batch.narrow(0, 1, 1).sameAs(processor.read(files.subList(1, 2)))).isTrue();
  }

  @Test
  void picturesThatCannotBeReadAreRefused() throws IOException {
    ImageProcessor processor = settings("{}");
    Path text = Files.writeString(folder.resolve("picture.png"), "no picture");
    assertThatThrownBy(() -> processor.read(List.of(text)))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(text + " is no picture that can be read: save it as PNG or JPEG");
    Path missing = folder.resolve("missing.png");
    assertThatThrownBy(() -> processor.read(List.of(missing)))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(missing + " does not exist");
  }

  /**
   * A small file claims any size; Pillow refuses 30,000 by 30,000, and warns of 12,000 by 12,000.
   */
  @ParameterizedTest
  @CsvSource({"30000, 30000", "9460, 9459", "1, 65536", "65536, 1", "2147483647, 2147483647"})
  void picturesOfTooManyPixelsAreNotDecoded(int height, int width) throws IOException {
    Path file = claiming(height, width);
    assertThatThrownBy(() -> settings("{}").read(List.of(file)))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "%s has too many pixels: it is %,d high and %,d wide, and at most 89,478,485 are read,"
                + " and 65,535 in a row or column: make it smaller",
            file, height, width);
  }

  @Test
  void asManyPixelsAsPillowReadsAreDecoded() throws IOException {
    Path file = claiming(9459, 9459); // and none of them is there
    assertThatThrownBy(() -> settings("{}").read(List.of(file)))
        .hasMessageStartingWith(file + " cannot be read: ");
  }

  @Test
  void aVeryLongPictureIsNotResizedToEvenMorePixels() throws IOException {
    Path file = folder.resolve("long.png");
    ImageIO.write(new BufferedImage(1, 60_000, BufferedImage.TYPE_BYTE_GRAY), "png", file.toFile());
    assertThatThrownBy(() -> settings("{\"size\": {\"shortest_edge\": 224}}").read(List.of(file)))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            file
                + ", 60,000 pixels high and 1 wide, would become 13,440,000 high and 224 wide, and"
                + " at most 89,478,485 pixels are resized: crop it");
    assertThat(settings("{\"size\": 8}").read(List.of(file)).shape()).containsExactly(1, 3, 8, 8);
  }

  /** A PNG file of a header and the end. */
  private Path claiming(int height, int width) throws IOException {
    byte[] header =
        ByteBuffer.allocate(17)
            .put("IHDR".getBytes(StandardCharsets.US_ASCII))
            .putInt(width)
            .putInt(height)
            .put(new byte[] {1, 0, 0, 0, 0}) // one bit of grey
            .array();
    CRC32 crc = new CRC32();
    crc.update(header);
    ByteBuffer png = ByteBuffer.allocate(8 + 4 + header.length + 4);
    png.put(new byte[] {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'});
    png.putInt(header.length - 4).put(header).putInt((int) crc.getValue());
    return Files.write(folder.resolve("claiming.png"), png.array());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"resample\": 1} | FILE: resample is 1: use 2 (bilinear) or 3 (bicubic)",
        "{\"size\": {\"longest_edge\": 3}} | FILE: size must be a number, {\"height\", \"width\"} or"
            + " {\"shortest_edge\"}, not {\"longest_edge\":3}",
        "{\"size\": 0} | FILE: size is 0: it must be from 1 to 16384",
        "{\"do_center_crop\": true} | FILE: crop_size must be a number, {\"height\", \"width\"} or"
            + " {\"shortest_edge\"}, not ",
        "{\"image_mean\": [0.5]} | FILE: image_mean must be three numbers other than 0, not [0.5]",
        "{\"image_std\": 0} | FILE: image_std must be three numbers other than 0, not 0",
        "{\"do_pad\": true} | FILE: do_pad is true, and only false is supported: the model would"
            + " compute something else",
        "{\"image_processor_type\": \"CLIPImageProcessor\"} | FILE: image_processor_type"
            + " CLIPImageProcessor is not supported, ViTImageProcessor is",
        "[] | FILE is not a JSON object",
      })
  void settingsThatAreNotBuiltAreRefused(String json, String message) {
    assertThatThrownBy(() -> settings(json))
        .isInstanceOf(LorikeetException.class)
        .hasMessageStartingWith(
            message.replace("FILE", folder.resolve(ImageProcessor.FILE).toString()));
  }
}
