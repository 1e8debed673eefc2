package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.awt.Color;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A tiny ViT (the golden one's weights, which are random) learns to tell striped pictures apart by
 * where their stripes run, whatever their colours, width and place.
 */
class ImagesTest {
  private static final Path GOLDEN = Path.of("resources/golden/vit-classify-lora");
  private static final List<String> KINDS = List.of("diagonal", "level", "upright");
  private static final String PROCESSOR =
      "{\"image_processor_type\": \"ViTImageProcessor\", \"size\": {\"height\": 16, \"width\": 16}}";
  private static final String TRAIN =
      "--task image-classification --method lora --rank 8 --alpha 16 --modules-to-save classifier"
          + " --lr 5e-3 --batch-size 16 --seed 5";

  @TempDir Path temporary;
  private Path model;

  @BeforeEach
  void copyModel() throws IOException {
    model = Files.createDirectory(temporary.resolve("model"));
    for (String name : List.of("config.json", "model.safetensors")) {
      Files.copy(GOLDEN.resolve(name), model.resolve(name));
    }
    Files.writeString(model.resolve("preprocessor_config.json"), PROCESSOR);
  }

  /** Stripes of two colours, 2 to 4 pixels wide. */
  private static BufferedImage stripes(String kind, Random random) {
    BufferedImage image = new BufferedImage(20, 20, BufferedImage.TYPE_INT_RGB);
    int bright = new Color(150 + random.nextInt(106), 150 + random.nextInt(106), 200).getRGB();
    int dark = new Color(random.nextInt(80), random.nextInt(80), 40).getRGB();
    int width = 2 + random.nextInt(3);
    int shift = random.nextInt(2 * width);
    for (int y = 0; y < 20; y++) {
      for (int x = 0; x < 20; x++) {
        int across = kind.equals("level") ? y : kind.equals("upright") ? x : x + y;
        image.setRGB(x, y, (across + shift) / width % 2 == 0 ? bright : dark);
      }
    }
    return image;
  }

  /** A folder with a sub-folder of pictures for each kind. */
  private Path pictures(String name, int ofEach, long seed) throws IOException {
    Path folder = temporary.resolve(name);
    Random random = new Random(seed);
    for (String kind : KINDS) {
      Path own = Files.createDirectories(folder.resolve(kind));
      for (int i = 0; i < ofEach; i++) {
        String ending = i % 2 == 0 ? "png" : "jpg";
        ImageIO.write(
            stripes(kind, random), ending, own.resolve("%02d.%s".formatted(i, ending)).toFile());
      }
    }
    return folder;
  }

  /** Rows that name the pictures of a folder, written into it. */
  private static Path rows(Path folder, int ofEach) throws IOException {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < ofEach; i++) {
      for (String kind : KINDS) {
        lines.append(
            "{\"file\": \"%s/%02d.%s\", \"kind\": \"%s\"}%n"
                .formatted(kind, i, i % 2 == 0 ? "png" : "jpg", kind));
      }
    }
    return Files.writeString(folder.resolve("rows.jsonl"), lines.toString());
  }

  private static JsonNode evaluate(String typed, Object... arguments) {
    return Cli.done("evaluate --json " + typed, arguments).json();
  }

  @Test
  void picturesAreLearnedSavedScoredAndMerged() throws IOException {
    Path data = rows(pictures("train", 40, 1), 40);
    Path held = rows(pictures("held", 20, 2), 20);
    Path adapter = temporary.resolve("adapter");
    JsonNode results =
        Cli.done(
                "train --json --model %s --data %s --eval-data %s --image file --label kind"
                    + " --epochs 12 --output %s "
                    + TRAIN,
                model,
                data,
                held,
                adapter)
            .json();
    assertThat(results.path("eval_accuracy").asDouble()).isGreaterThan(0.95);
    // Of 16 × 16 pixels in patches of 4 × 4 with a token before them, 17 an image.
    assertThat(results.path("tokens").asLong()).isEqualTo(12 * 120 * 17);
    assertThat(adapter.resolve("preprocessor_config.json")).hasContent(PROCESSOR);
    JsonNode record = Cli.parse(Files.readString(adapter.resolve("lorikeet.json")));
    assertThat(record.path("task").asText()).isEqualTo("image-classification");
    assertThat(record.path("labels")).extracting(JsonNode::asText).isEqualTo(KINDS);
    assertThat(record.has("max_length")).isFalse();

    String columns = "--image file --label kind";
    JsonNode tuned =
        evaluate("--model %s --adapter %s --data %s %s", model, adapter, held, columns);
    // Batches of other sizes: float32 rounding.
    assertThat(tuned.path("eval_loss").asDouble())
        .isCloseTo(results.path("eval_loss").asDouble(), within(1e-5));
    assertThat(tuned.path("eval_accuracy")).isEqualTo(results.path("eval_accuracy"));

    Path merged = temporary.resolve("merged");
    Cli.done("merge --model %s --adapter %s --output %s", model, adapter, merged);
    assertThat(merged.resolve("preprocessor_config.json")).hasContent(PROCESSOR);
    // The same pictures by the folder's layout. Merging rounds each weight once to float32.
    JsonNode again = evaluate("--model %s --data %s", merged, temporary.resolve("held"));
    assertThat(again.path("eval_loss").asDouble())
        .isCloseTo(tuned.path("eval_loss").asDouble(), within(1e-4));
    assertThat(again.path("eval_accuracy")).isEqualTo(tuned.path("eval_accuracy"));
    predicts(merged, tuned.path("eval_accuracy").asDouble());
  }

  private void predicts(Path merged, double accuracy) {
    Path held = temporary.resolve("held");
    List<JsonNode> answers = Cli.done("predict --model %s --data %s", merged, held).jsonLines();
    assertThat(answers).hasSize(60);
    long right =
        answers.stream()
            .filter(
                answer ->
                    Path.of(answer.path("image").asText())
                        .resolveSibling("")
                        .endsWith(answer.path("label").asText()))
            .count();
    assertThat(right / 60.0).isCloseTo(accuracy, within(1e-9));
    JsonNode first = answers.get(0);
    assertThat(first.path("image").asText()).isEqualTo(held.resolve("diagonal/00.png").toString());
    assertThat(first.path("score").asDouble()).isBetween(1 / 3.0, 1.0);
    assertThat(first.path("logits")).hasSize(3);

    Path one = held.resolve("diagonal/00.png");
    Cli typed = Cli.done("predict --model %s %s", merged, one);
    assertThat(typed.out())
        .isEqualToNormalizingNewlines(
            one
                + "\n  %.4f  %s\n"
                    .formatted(first.path("score").asDouble(), first.path("label").asText()));
  }

  @Test
  void aFolderOfFoldersIsADataSet() throws IOException {
    Path data = pictures("train", 4, 1);
    Files.writeString(data.resolve("README.txt"), "not a picture");
    Files.createDirectory(data.resolve(".hidden"));
    Files.writeString(data.resolve(".hidden/x.png"), "not a picture");
    Path output = temporary.resolve("adapter");
    Cli.done("train --model %s --data %s --epochs 1 --output %s " + TRAIN, model, data, output);
    JsonNode record = Cli.parse(Files.readString(output.resolve("lorikeet.json")));
    assertThat(record.path("data").path("train").path("examples").asInt()).isEqualTo(12);
    assertThat(record.path("labels")).extracting(JsonNode::asText).isEqualTo(KINDS);
  }

  /** Beside it the table that datasets has for other labels. */
  @Test
  void aTableMayNameThePictures() throws IOException {
    Path data = pictures("train", 1, 1);
    Path table =
        Files.writeString(
            data.resolve("metadata.csv"),
            "file_name,side\nlevel/00.png,left\nupright/00.png,right\ndiagonal/00.png,left\n");
    Path output = temporary.resolve("adapter");
    Cli.done(
        "train --model %s --data %s --image file_name --label side --epochs 1 --method scratch"
            + " --task image-classification --output %s",
        model, table, output);
    JsonNode config = Cli.parse(Files.readString(output.resolve("config.json")));
    assertThat(config.path("id2label"))
        .extracting(JsonNode::asText)
        .containsExactly("left", "right");
    assertThat(config.path("architectures").path(0).asText())
        .isEqualTo("ViTForImageClassification");
    assertThat(output.resolve("preprocessor_config.json")).hasContent(PROCESSOR);
  }

  @Test
  void allWeightsAreTrainedFromScratchBesideTheAdapter() throws IOException {
    Path data = pictures("train", 8, 1);
    JsonNode runs =
        Cli.done(
                "compare --json --model %s --data %s --eval-data %s --epochs 2 --output %s "
                    + TRAIN,
                model,
                data,
                data,
                temporary.resolve("adapter"))
            .json();
    assertThat(runs.path("scratch").path("tokens"))
        .isEqualTo(runs.path("fine-tune").path("tokens"));
    assertThat(runs.path("scratch").path("eval_accuracy").asDouble()).isBetween(0.0, 1.0);
  }

  // ---- what is wrong ----

  private void refused(int status, String problem, Path data, String flags) {
    Refusal.of(
        temporary,
        status,
        problem,
        "train --model %s --data %s --output %s %s " + TRAIN,
        model,
        data,
        temporary.resolve("out"),
        flags);
  }

  @Test
  void aPictureThatIsNotThereIsABadRow() throws IOException {
    Path data = rows(pictures("train", 2, 1), 3);
    String columns = "--image file --label kind";
    Path missing = data.resolveSibling("diagonal/02.png");
    refused(
        1,
        data + ":7: " + missing + " does not exist; mend the row, or have bad rows skipped",
        data,
        columns);
    Cli cli =
        Cli.done(
            "train --model %s --data %s --epochs 1 --output %s --on-bad-row skip %s " + TRAIN,
            model,
            data,
            temporary.resolve("adapter"),
            columns);
    assertThat(cli.err())
        .contains("skipped 3 malformed rows")
        .contains(missing + " does not exist");
  }

  @Test
  void aFileThatIsNoPictureOrIsCutOffIsABadRow() throws IOException {
    Path data = pictures("train", 2, 1);
    Path text = Files.writeString(data.resolve("level/zz.png"), "not a picture");
    badPicture(data, text, " is no picture that can be read: save it as PNG or JPEG");
    Files.delete(text);

    BufferedImage image = stripes("level", new Random(7));
    Path png = data.resolve("level/cut.png");
    ImageIO.write(image, "png", png.toFile());
    cut(png, 30);
    badPicture(data, png, " cannot be read: Error reading PNG image data");
    Files.delete(png);

    Path jpeg = data.resolve("level/cut.jpg");
    ImageIO.write(image, "jpg", jpeg.toFile());
    cut(jpeg, 30);
    badPicture(data, jpeg, " is cut off: copy it again");
  }

  private void badPicture(Path data, Path file, String problem) {
    String mend = "; mend the row, or have bad rows skipped";
    refused(1, data + ": " + file + problem + mend, data, "");
  }

  private static void cut(Path file, int bytes) throws IOException {
    byte[] whole = Files.readAllBytes(file);
    Files.write(file, Arrays.copyOf(whole, whole.length - bytes));
  }

  @Test
  void aPictureOutsideOfTheLabelsFoldersIsABadRow() throws IOException {
    Path data = pictures("train", 2, 1);
    Files.copy(data.resolve("level/00.png"), data.resolve("astray.png"));
    refused(
        1,
        data
            + ": astray.png lies in no sub-folder, whose name would be its label: move it into one;"
            + " mend the row, or have bad rows skipped",
        data,
        "");
    refused(1, data + "s: no such file or folder", Path.of(data + "s"), "");
  }

  @Test
  void picturesThatEndUpInAnotherSizeAreRefused() throws IOException {
    Path data = pictures("train", 2, 1);
    Path settings = model.resolve("preprocessor_config.json");
    Files.writeString(settings, "{\"size\": 32}");
    refused(
        1,
        settings
            + ": pictures become 32 pixels high and 32 wide, "
            + model.resolve("config.json")
            + " asks for image_size 16: write {\"size\": 16} into preprocessor_config.json beside it",
        data,
        "");
  }

  /** Where pictures are left as they are, their sizes show only when they are read. */
  @Test
  void picturesThatAreNotResizedMustHaveTheSizeOfTheModel() throws IOException {
    Path data = pictures("train", 2, 1);
    Files.writeString(model.resolve("preprocessor_config.json"), "{\"do_resize\": false}");
    Cli cli = train(data, "--cache-features=false");
    assertThat(cli.status()).isEqualTo(1);
    assertThat(cli.err())
        .endsWith(
            "error: pixel values are [6, 3, 20, 20], the model reads [6, 3, 16, 16] (batch,"
                + " num_channels, image_size): resize the images%n".formatted());
    BufferedImage small = new BufferedImage(16, 16, BufferedImage.TYPE_INT_RGB);
    Path other = data.resolve("level/other.png");
    ImageIO.write(small, "png", other.toFile());
    assertThat(train(data, "--cache-features=false").err())
        .contains(" becomes ")
        .contains(other.toString())
        .contains("one batch needs one size");
  }

  private Cli train(Path data, String... more) {
    return Cli.run(
        "train --model %s --data %s --output %s " + TRAIN + " " + String.join(" ", more),
        model,
        data,
        temporary.resolve("out"));
  }

  @Test
  void withoutSettingsPicturesArePreparedAsForTheFirstViT() throws IOException {
    Path data = pictures("train", 2, 1);
    Files.delete(model.resolve("preprocessor_config.json"));
    refused(
        1,
        "without preprocessor_config.json pictures become 224 pixels high and 224 wide, "
            + model.resolve("config.json")
            + " asks for image_size 16: write {\"size\": 16} into preprocessor_config.json beside it",
        data,
        "");

    // As many patches, but larger ones.
    Path config = model.resolve("config.json");
    Files.writeString(
        config,
        Files.readString(config)
            .replace("\"image_size\": 16", "\"image_size\": 224")
            .replace("\"patch_size\": 4", "\"patch_size\": 56"));
    Path output = temporary.resolve("scratch");
    Cli cli =
        Cli.done(
            "train --model %s --data %s --epochs 1 --method scratch --task image-classification"
                + " --output %s",
            model, data, output);
    assertThat(cli.err())
        .contains(
            model
                + " has no preprocessor_config.json: pictures are prepared as for the first ViT,"
                + " 224 pixels wide and high, with values from -1 to 1");
    assertThat(output.resolve("preprocessor_config.json"))
        .hasContent("{\"image_processor_type\": \"ViTImageProcessor\"}");
    assertThat(evaluate("--model %s --data %s", output, data).path("eval_examples").asInt())
        .isEqualTo(6);
  }

  @Test
  void whatIsForTextsIsRefused() throws IOException {
    Path data = pictures("train", 2, 1);
    refused(
        2,
        "image-classification has no use for the text column \"x\": leave it out",
        data,
        "--text x");
    refused(
        2,
        "image-classification takes one label a picture, and the problem type is regression",
        data,
        "--problem-type regression");
    Cli texts =
        Cli.run(
            "train --model %s --data %s --text file --label kind --output %s",
            model, rows(data, 2), temporary.resolve("out"));
    assertThat(texts.status()).isEqualTo(1);
    assertThat(texts.err())
        .contains(
            "error: model_type \"vit\" has no head for sequence-classification; it has heads for"
                + " image-classification");
    Cli export = Cli.run("export --model %s --output %s", model, temporary.resolve("onnx"));
    assertThat(export.status()).isEqualTo(2);
    assertThat(export.err())
        .contains(
            "a model for image-classification has no ONNX export: use lorikeet merge for a checkpoint");
    Cli generate = Cli.run("generate --model %s --prompt hello", model);
    assertThat(generate.status()).isEqualTo(2);
    assertThat(generate.err()).contains("a model for image-classification reads no texts");
  }
}
