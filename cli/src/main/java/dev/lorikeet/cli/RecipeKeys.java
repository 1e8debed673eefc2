package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.compare.FineTuningConfig;
import dev.lorikeet.compare.Regime;
import dev.lorikeet.data.TrainOn;
import dev.lorikeet.lora.LoraConfig;
import dev.lorikeet.models.Initialization;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.settings.Component;
import dev.lorikeet.models.settings.Setting;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.TrainingConfig;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The keys of a recipe by their sections: those of the library's records, and the rest here. */
final class RecipeKeys {
  private static final FineTuningConfig LIBRARY = FineTuningConfig.DEFAULT;

  private RecipeKeys() {}

  /**
   * A key of a recipe.
   *
   * @param section empty for the top
   */
  record RecipeKey(String section, Component component) {
    String path() {
      return section.isEmpty() ? component.key() : section + "." + component.key();
    }
  }

  /** All keys, in the order of help and documents; of adapters those of LoRA. */
  static List<RecipeKey> all() {
    List<RecipeKey> keys = new ArrayList<>();
    sections()
        .forEach(
            (section, type) ->
                Component.settingsOf(type)
                    .forEach(component -> keys.add(new RecipeKey(section, component))));
    return keys;
  }

  /** A recipe that says nothing but what it must, spelt out. */
  static ObjectNode defaults() {
    RecipeTree tree = new RecipeTree();
    tree.set("model", "");
    return Recipe.withoutData(tree.root()).json();
  }

  /** The records of the sections by name, the top's under the empty one. */
  static Map<String, Class<? extends Record>> sections() {
    Map<String, Class<? extends Record>> sections = new LinkedHashMap<>();
    sections.put("data", Data.class);
    sections.put("", Top.class);
    sections.put("adapter", LoraConfig.class);
    sections.put("training", TrainingConfig.class);
    sections.put("baseline", Baseline.class);
    return sections;
  }

  /** What stands at the top. */
  @Setting.Group("Precision, device and seed")
  record Top(
      @Setting(
              value = "A checkpoint's folder, or ORG/NAME[@REVISION] on the hub.",
              label = "MODEL",
              group = "Model and result")
          @Nullable String model,
      @Setting(value = "Where to write the result.", label = "DIR", group = "Model and result")
          @Nullable String output,
      @Setting("Of everything that is drawn.") long seed,
      @Setting(
              value =
                  "sequence-classification, token-classification, image-classification, masked-lm,"
                      + " causal-lm or seq2seq-lm.",
              label = "TASK",
              group = "Data")
          String task,
      @Setting(
              value = "single_label_classification, multi_label_classification or regression.",
              label = "TYPE",
              group = "Data")
          @Nullable ProblemType problemType,
      @Setting(
              value =
                  "Classifying with a decoder that has no padding token: use this one of its"
                      + " vocabulary.",
              label = "TOKEN",
              group = "Data")
          @Nullable String padToken,
      @Setting(
              value =
                  "lora, adalora, ia3, vera, loha, lokr, oft, prompt, ptuning, prefix, ln_tuning,"
                      + " bitfit, full, probe or scratch.",
              label = "METHOD",
              group = "Method")
          String method,
      @Setting(
              value = "Defaults: a small rate and few epochs, or a high rate until a plateau.",
              label = "fine-tune|train",
              group = "Training")
          @Nullable String preset,
      @Setting(value = "float32, bfloat16, float16 or auto.", label = "TYPE") String precision,
      @Setting(value = "auto, cpu or cuda:N.", label = "DEVICE") String device,
      @Setting("CPU threads; unless given, OMP_NUM_THREADS, else all CPUs.")
          @Nullable Integer threads,
      @Setting(value = "Of weights from scratch.", group = "From scratch")
          Initialization initialization) {
    static final Top DEFAULT =
        new Top(
            null,
            null,
            LIBRARY.training().seed(),
            LIBRARY.task().id(),
            null,
            null,
            LIBRARY.method(),
            null,
            "float32",
            "auto",
            null,
            LIBRARY.initialization());
  }

  /** The section {@code data}: where the examples are, and what is learned of them. */
  @Setting.Group("Data")
  record Data(
      @Setting(
              value =
                  "Training examples: .jsonl, .json, .csv, .tsv, .txt, .conll (also .gz, .zst),"
                      + " .parquet, a folder, - or sql:QUERY.",
              flag = "--data",
              label = "FILE")
          @Nullable String train,
      @Setting(value = "Evaluation examples.", flag = "--eval-data", label = "FILE")
          @Nullable String eval,
      @Setting(
              value =
                  "Without evaluation examples: hold this part of the training examples out, by"
                      + " label.",
              label = "PART")
          @Nullable Double evalFraction,
      @Setting(value = "The texts' column.", label = "COLUMN") @Nullable String text,
      @Setting(value = "The second texts' column.", label = "COLUMN") @Nullable String textPair,
      @Setting(
              value = "The labels' column; several are columns of 0 and 1, a label each.",
              label = "COLUMN[,...]")
          List<String> label,
      @Setting(value = "The chats' column.", label = "COLUMN") @Nullable String messages,
      @Setting(value = "The prompts' column.", label = "COLUMN") @Nullable String prompt,
      @Setting(value = "Their completions' column.", label = "COLUMN") @Nullable String completion,
      @Setting(value = "The target texts' column.", label = "COLUMN") @Nullable String target,
      @Setting(value = "The column of images' files.", label = "COLUMN") @Nullable String image,
      @Setting("What of chats, and of prompts with completions, is learned.") TrainOn trainOn,
      @Setting(value = "Malformed rows end the run, or are counted.", label = "fail|skip")
          String onBadRow,
      @Setting(value = "Texts are cut to this many tokens.", label = "TOKENS") int maxLength) {
    static final Data DEFAULT =
        new Data(
            null,
            null,
            null,
            null,
            null,
            List.of(),
            null,
            null,
            null,
            null,
            null,
            LIBRARY.trainOn(),
            "fail",
            LIBRARY.maxLength());
  }

  /** The section {@code baseline}: what a comparison is with. */
  @Setting.Group("From scratch")
  record Baseline(
      @Setting(value = "The baseline's learning rate.", flag = "--baseline-lr", label = "RATE")
          double lr,
      @Setting(value = "Of the baseline's weights.", flag = Setting.NO_FLAG)
          Initialization initialization,
      @Setting(value = "What to compare with.", flag = "--baseline", label = "scratch")
          String kind) {
    /** Its rate is below the adapter's, since all weights move. */
    static final Baseline DEFAULT = new Baseline(5e-4, Initialization.PAPER, "scratch");

    /** The one baseline there is; other names are mistakes. */
    void mustBeBuilt() {
      Regime regime = Regime.of(kind);
      if (regime != Regime.SCRATCH) {
        throw new UsageException("baseline " + regime.id() + " is not built: use scratch");
      }
    }
  }
}
