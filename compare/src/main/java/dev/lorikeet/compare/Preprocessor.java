package dev.lorikeet.compare;

import dev.lorikeet.data.ExampleEncoder;
import dev.lorikeet.data.ImageEncoder;
import dev.lorikeet.data.Labels;
import dev.lorikeet.data.TrainOn;
import dev.lorikeet.models.ImageProcessor;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.TextTokenizer;
import dev.lorikeet.tasks.EncoderSettings;
import dev.lorikeet.tasks.Task;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** What makes a model's input of examples: a tokenizer of texts, or a processor of images. */
final class Preprocessor implements AutoCloseable {
  private static final String TOKENIZER = "tokenizer.json";

  private final Task task;
  private final @Nullable TextTokenizer tokenizer;
  private final @Nullable ImageProcessor images;

  private Preprocessor(
      Task task, @Nullable TextTokenizer tokenizer, @Nullable ImageProcessor images) {
    this.task = task;
    this.tokenizer = tokenizer;
    this.images = images;
  }

  /**
   * The one of a checkpoint, or the one that was saved beside its adapter.
   *
   * @param padToken the padding token; null for that of the files
   * @throws LorikeetException when there is none, or one that cannot be read
   */
  static Preprocessor open(
      Task task, Path checkpoint, @Nullable Path adapterFolder, @Nullable String padToken) {
    boolean ofImages = task.readsImages();
    Path folder = folder(ofImages ? ImageProcessor.FILE : TOKENIZER, checkpoint, adapterFolder);
    return ofImages
        ? new Preprocessor(task, null, ImageProcessor.open(folder))
        : new Preprocessor(task, TextTokenizer.open(folder, padToken), null);
  }

  private static Path folder(String file, Path checkpoint, @Nullable Path adapterFolder) {
    return adapterFolder != null && Files.exists(adapterFolder.resolve(file))
        ? adapterFolder
        : checkpoint;
  }

  /**
   * The id of a padding token, before the model is open.
   *
   * @throws UsageException when the tokenizer has no such token
   */
  static @Nullable Integer idOf(
      @Nullable String padToken, Path checkpoint, @Nullable Path adapterFolder) {
    if (padToken == null) {
      return null;
    }
    Path folder = folder(TOKENIZER, checkpoint, adapterFolder);
    try (TextTokenizer tokenizer = TextTokenizer.open(folder, padToken)) {
      return tokenizer.padTokenId();
    }
  }

  /** The padding token that was given, and is none of the files'. */
  @Nullable String padToken() {
    return tokenizer == null ? null : tokenizer.givenPadToken();
  }

  /**
   * Checks that the model can read what comes out.
   *
   * @param maxLength texts are cut to this many tokens
   * @throws LorikeetException when the files do not belong to the model
   * @throws UsageException when it has no places for so many tokens
   */
  void mustFit(Model model, int maxLength) {
    ModelConfig config = model.config();
    if (images != null) {
      if (config.problemType() != ProblemType.SINGLE_LABEL) {
        throw new LorikeetException(
            config.place()
                + (": problem_type " + config.problemType().id() + " is not supported for ")
                + (task.id() + ", one label a picture is"));
      }
      images.mustFit(config);
      return;
    }
    tokenizer().mustFit(config.integer("vocab_size"));
    tokenizer().mustFitTypes(config.integer("type_vocab_size", 0));
    mustHavePositions(model, maxLength);
  }

  /**
   * Checks that a model has places for texts of some length; of images it always has.
   *
   * @throws UsageException when it has not
   */
  void mustHavePositions(Model model, int maxLength) {
    int positions = model.config().mostTokens();
    if (images == null && maxLength > positions) {
      throw new UsageException(
          "max_length is "
              + maxLength
              + ", the model has "
              + positions
              + " positions: use at most that");
    }
  }

  /** The most tokens that the tokenizer's files name; of images there is no bound. */
  int modelMaxLength() {
    return tokenizer == null ? Integer.MAX_VALUE : tokenizer.modelMaxLength();
  }

  /** Whether images are prepared as for the first ViT, since nothing says how. */
  boolean isDefault() {
    return images != null && images.isDefault();
  }

  /**
   * The tokenizer.
   *
   * @throws UsageException when the model reads images
   */
  TextTokenizer tokenizer() {
    if (tokenizer == null) {
      throw new UsageException("a model for " + task.id() + " reads no texts");
    }
    return tokenizer;
  }

  /**
   * The token that fills short rows; of no meaning for images. A decoder that classifies finds the
   * ends of texts by its own {@code pad_token_id}, so that comes first.
   */
  int padTokenId(Model model) {
    return tokenizer == null ? 0 : model.config().integer("pad_token_id", tokenizer.padTokenId());
  }

  /**
   * An encoder of examples.
   *
   * @param maxLength texts are cut to this many tokens
   */
  ExampleEncoder encoder(
      Model model,
      @Nullable Labels labels,
      ProblemType problemType,
      int maxLength,
      TrainOn trainOn) {
    return images != null
        ? new ImageEncoder(images, model.config().maxTokens(), labels)
        : task.encoder(tokenizer(), new EncoderSettings(labels, problemType, maxLength, trainOn));
  }

  /** Writes its files into a folder. */
  void save(Path folder) {
    if (images != null) {
      images.save(folder);
    } else {
      tokenizer().save(folder);
    }
  }

  @Override
  public void close() {
    if (tokenizer != null) {
      tokenizer.close();
    }
  }
}
