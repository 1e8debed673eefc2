package dev.lorikeet.models;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Tensor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Pictures as an image model reads them, as its {@code preprocessor_config.json} asks: resized,
 * their middle cut out, scaled and normalised, in this order, as transformers' ViTImageProcessor
 * does it on Pillow. Pictures are read as red, green and blue.
 */
public final class ImageProcessor {
  /** The file beside a checkpoint. */
  public static final String FILE = "preprocessor_config.json";

  private static final int CHANNELS = 3;
  private static final int DEFAULT_SIZE = 224;

  /** What a processor of the first ViT's settings writes: where it is silent, they hold. */
  private static final String DEFAULTS = "{\"image_processor_type\": \"ViTImageProcessor\"}\n";

  private final @Nullable Path file; // null where there is none
  private final @Nullable Size size; // null to leave pictures as they are
  private final ImageResize filter;
  private final @Nullable Size crop; // the middle that is kept; null for all
  private final double factor;
  private final List<Double> mean;
  private final List<Double> std;

  private ImageProcessor(@Nullable Path file, ModelConfig json) {
    this.file = file;
    mustBeVit(json);
    json.mustBe("do_pad", "false");
    boolean normalised = json.flag("do_normalize", true);
    size = json.flag("do_resize", true) ? size(json, "size", DEFAULT_SIZE) : null;
    filter = filter(json);
    crop = json.flag("do_center_crop", false) ? size(json, "crop_size", 0) : null;
    factor = json.flag("do_rescale", true) ? json.number("rescale_factor", 1 / 255.0) : 1;
    mean = normalised ? channels(json, "image_mean", 0.5) : List.of(0.0, 0.0, 0.0);
    std = normalised ? channels(json, "image_std", 0.5) : List.of(1.0, 1.0, 1.0);
  }

  /**
   * A size in pixels.
   *
   * @param shortest of the two edges, whose ratio is kept; 0 where both are given
   */
  private record Size(int height, int width, int shortest) {
    Size of(Pixels picture) {
      if (shortest == 0) {
        return this;
      }
      boolean upright = picture.width() <= picture.height();
      long shortEdge = Math.min(picture.height(), picture.width());
      int longest =
          (int) ((long) shortest * Math.max(picture.height(), picture.width()) / shortEdge);
      return upright ? new Size(longest, shortest, 0) : new Size(shortest, longest, 0);
    }
  }

  /**
   * Reads {@code folder/preprocessor_config.json}; without it pictures are prepared as for the
   * first ViT, 224 pixels wide and high, with values from −1 to 1.
   *
   * @throws LorikeetException when a setting is of the wrong kind, or one that is not built here
   */
  public static ImageProcessor open(Path folder) {
    Path file = folder.resolve(FILE);
    boolean there = Files.isRegularFile(file);
    JsonNode json = there ? JsonFile.read(file) : JsonNodeFactory.instance.objectNode();
    return new ImageProcessor(there ? file : null, ModelConfig.of(file.toString(), json));
  }

  /** Other processors take other values where the file is silent, or other steps. */
  private static void mustBeVit(ModelConfig json) {
    String type = json.text("image_processor_type", json.text("feature_extractor_type", "ViT"));
    if (!type.startsWith("ViT")) {
      throw new LorikeetException(
          json.place()
              + ": image_processor_type "
              + type
              + " is not supported, ViTImageProcessor is");
    }
  }

  private static ImageResize filter(ModelConfig json) {
    int number = json.integer("resample", 2);
    return switch (number) {
      case 2 -> ImageResize.BILINEAR;
      case 3 -> ImageResize.BICUBIC;
      default ->
          throw new LorikeetException(
              json.place() + ": resample is " + number + ": use 2 (bilinear) or 3 (bicubic)");
    };
  }

  /**
   * A number for a square, {height, width} or {shortest_edge}; {@code otherwise} 0 for no default.
   */
  private static Size size(ModelConfig json, String key, int otherwise) {
    JsonNode value = json.get(key);
    if (value.isInt() || (!json.has(key) && otherwise > 0)) {
      int edge = value.asInt(otherwise);
      return positive(json, key, new Size(edge, edge, 0));
    }
    if (value.path("height").isInt() && value.path("width").isInt()) {
      return positive(
          json, key, new Size(value.path("height").intValue(), value.path("width").intValue(), 0));
    }
    if (value.path("shortest_edge").isInt() && !value.hasNonNull("longest_edge")) {
      int edge = value.path("shortest_edge").intValue();
      return positive(json, key, new Size(edge, edge, edge));
    }
    throw new LorikeetException(
        json.place()
            + ": "
            + key
            + " must be a number, {\"height\", \"width\"} or {\"shortest_edge\"}, not "
            + value);
  }

  private static Size positive(ModelConfig json, String key, Size size) {
    int most = SizeLimits.of("image_size").most();
    if (Math.min(size.height, size.width) < 1 || Math.max(size.height, size.width) > most) {
      throw new LorikeetException(
          json.place() + ": " + key + " is " + json.get(key) + ": it must be from 1 to " + most);
    }
    return size;
  }

  /** A number for all channels, or one for each. */
  private static List<Double> channels(ModelConfig json, String key, double otherwise) {
    JsonNode value = json.get(key);
    List<Double> channels = new ArrayList<>();
    for (int channel = 0; channel < CHANNELS; channel++) {
      channels.add((value.isArray() ? value.path(channel) : value).asDouble(otherwise));
    }
    boolean numbers = !json.has(key) || value.isNumber() || value.size() == CHANNELS;
    if (!numbers || (key.equals("image_std") && channels.contains(0.0))) {
      throw new LorikeetException(
          json.place() + ": " + key + " must be three numbers other than 0, not " + value);
    }
    return channels;
  }

  /** Whether the folder had no settings, and the first ViT's are taken. */
  public boolean isDefault() {
    return file == null;
  }

  /**
   * Checks that pictures become as large as a model reads them.
   *
   * @throws LorikeetException when they do not, or the model reads no colours; nothing is known yet
   *     where the size depends on the picture's
   */
  public void mustFit(ModelConfig config) {
    int edge = config.integer("image_size", DEFAULT_SIZE);
    int channels = config.integer("num_channels", CHANNELS);
    if (channels != CHANNELS) {
      throw new LorikeetException(
          config.place() + ": num_channels is " + channels + ": only pictures of 3 can be read");
    }
    Size made = crop != null ? crop : size;
    if (made == null || (crop == null && made.shortest > 0)) {
      return; // it depends on the picture
    }
    if (made.height != edge || made.width != edge) {
      throw new LorikeetException(
          (file == null ? "without " + FILE + " pictures" : file + ": pictures")
              + (" become " + made.height + " pixels high and " + made.width + " wide, ")
              + (config.place() + " asks for image_size " + edge)
              + (": write {\"size\": " + edge + "} into " + FILE + " beside it"));
    }
  }

  /** Writes the settings into a folder. */
  public void save(Path folder) {
    OutputFolder.writeFile(
        folder.resolve(FILE),
        stream -> stream.write(file == null ? DEFAULTS.getBytes(UTF_8) : Files.readAllBytes(file)));
  }

  /**
   * Checks that a file is a picture.
   *
   * @throws LorikeetException when it is not there, is no picture, is cut off, or has too many
   *     pixels
   */
  public static void mustBeImage(Path file) {
    Pixels.decode(file);
  }

  /**
   * Reads PNG or JPEG files.
   *
   * @return [files, 3, height, width], float32, on the host
   * @throws LorikeetException when a file is not there, is no picture or one of too many pixels, or
   *     when the pictures end up in different sizes
   */
  public Tensor read(List<Path> files) {
    List<Pixels> prepared = files.parallelStream().map(this::prepare).toList();
    List<Tensor> pictures = new ArrayList<>();
    for (int i = 0; i < files.size(); i++) {
      Pixels pixels = prepared.get(i);
      Tensor picture = normalise(pixels);
      if (!pictures.isEmpty() && !sameSize(picture, pictures.get(0))) {
        throw new LorikeetException(
            files.get(i)
                + " becomes "
                + pixels.height()
                + " pixels high and "
                + pixels.width()
                + " wide, "
                + files.get(0)
                + " does not: one batch needs one size (height and width, or do_center_crop)");
      }
      pictures.add(picture);
    }
    return Tensor.cat(pictures, 0);
  }

  private static boolean sameSize(Tensor first, Tensor second) {
    return first.size(2) == second.size(2) && first.size(3) == second.size(3);
  }

  private Pixels prepare(Path file) {
    Pixels picture = Pixels.read(file);
    Pixels resized = picture;
    if (size != null) {
      Size asked = size.of(picture);
      mustBeFew(file, picture, asked);
      resized = filter.resize(picture, asked.height, asked.width);
    }
    return crop == null ? resized : resized.middle(crop.height, crop.width);
  }

  /** The shorter edge of a very long picture may become the model's, its longer one does not. */
  private static void mustBeFew(Path file, Pixels picture, Size asked) {
    long most = (long) Math.max(picture.height(), asked.height) * asked.width;
    if (most > Pixels.MOST) {
      throw new LorikeetException(
          String.format(
              Locale.ROOT,
              "%s, %,d pixels high and %,d wide, would become %,d high and %,d wide, and at most"
                  + " %,d pixels are resized: crop it",
              file,
              picture.height(),
              picture.width(),
              asked.height,
              asked.width,
              Pixels.MOST));
    }
  }

  private Tensor normalise(Pixels picture) {
    int plane = picture.height() * picture.width();
    float[] values = new float[CHANNELS * plane];
    for (int i = 0; i < values.length; i++) {
      float scaled = (float) (picture.value(i) * factor);
      float centred = scaled - mean.get(i / plane).floatValue();
      values[i] = centred / std.get(i / plane).floatValue();
    }
    return Tensor.of(values, 1, CHANNELS, picture.height(), picture.width());
  }
}
