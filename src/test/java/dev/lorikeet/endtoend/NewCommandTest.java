package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Recipes to begin with: {@code lorikeet new} writes them, and {@code train} runs them. */
class NewCommandTest {
  private static final String ROWS =
      """
      {"sentence": "an apple", "topic": "fruit", "sentence2": "it is red"}
      {"sentence": "the dog", "topic": "animal", "sentence2": "it barks"}
      """;

  private static final String CHATS =
      """
      {"id": 1, "messages": [{"role": "user", "content": "who?"}, {"role": "assistant", "content": "me"}]}
      """;

  private static final Pattern COMMENT = Pattern.compile("(?m)^ *#.*\n");

  @TempDir Path temporary;

  private Path data(String name, String text) {
    return Tiny.file(temporary.resolve(name), text);
  }

  /** Writes a recipe, trains by it for a step, and gives its text without comments. */
  private String trained(Path model, Path data, String flags) {
    Path recipe = temporary.resolve("recipe.yaml");
    Cli.done("new --model %s --data %s --output %s " + flags, model, data, recipe);
    Cli.done("train %s --set training.max_steps=1", recipe);
    assertThat(temporary.resolve("recipe-tuned/adapter_model.safetensors")).exists();
    return COMMENT.matcher(Tiny.read(recipe)).replaceAll("");
  }

  @Test
  void textsWithALabel() {
    Path model = Tiny.model("bert-classify-lora", temporary);
    assertThat(trained(model, data("a.jsonl", ROWS), ""))
        .contains("task: sequence-classification\n", "  text: sentence\n")
        .contains("  text_pair: sentence2\n", "  label: topic\n", "  lr: 0.001\n");
  }

  @Test
  void evaluationDataBesideTheTrainingDataAreTaken() {
    Path model = Tiny.model("bert-classify-lora", temporary);
    Path held = data("my-test.jsonl", ROWS);
    assertThat(trained(model, data("my-train.jsonl", ROWS), ""))
        .contains("  eval: " + held + "\n")
        .doesNotContain("eval_fraction");
    assertThat(trained(model, data("alone.jsonl", ROWS), "--overwrite")).doesNotContain("  eval: ");
  }

  @Test
  void numbersAreForRegressionAndListsAreSeveralLabels() {
    Path model = Tiny.model("bert-classify-lora", temporary);
    assertThat(trained(model, data("a.csv", "text,score\na cat,1.5\na dog,0.25\n"), ""))
        .contains("problem_type: regression\n", "  label: score\n");
    Path several = data("b.jsonl", "{\"text\": \"a\", \"labels\": [\"x\", \"y\"]}\n");
    assertThat(
            trained(
                model,
                several,
                "--overwrite --set output="
                    + temporary.resolve("other")
                    + " --set training.epochs=1"))
        .contains("problem_type: multi_label_classification\n", "  label: labels\n");
  }

  @Test
  void wordsWithTags() {
    Path model = Tiny.model("bert-tag-lora", temporary);
    assertThat(trained(model, data("a.conll", "Ann B-PER\nran O\n\nBen B-PER\n"), ""))
        .contains("task: token-classification\n");
    Path rows = data("b.jsonl", "{\"tokens\": [\"Ann\", \"ran\"], \"ner_tags\": [\"P\", \"O\"]}\n");
    assertThat(trained(model, rows, "--overwrite --set output=" + temporary.resolve("other")))
        .contains("  text: tokens\n", "  label: ner_tags\n");
  }

  @Test
  void textsAloneAreForTheModelsOwnHead() {
    Path stories = Tiny.stories(temporary);
    assertThat(trained(TinyBase.in(temporary.resolve("bert")), stories, ""))
        .contains("task: masked-lm\n", "  text: text\n");
  }

  @Test
  void textsToContinue() {
    assertThat(trained(Tiny.model("llama-lm-lora", temporary), Tiny.stories(temporary), ""))
        .contains("task: causal-lm\n", "  text: text\n");
  }

  @Test
  void chatsAndPrompts() {
    Path model = Tiny.model("llama-lm-lora", temporary);
    assertThat(trained(model, data("a.jsonl", CHATS), ""))
        .contains("task: causal-lm\n", "  messages: messages\n");
    Path prompts = data("b.jsonl", "{\"instruction\": \"who?\", \"response\": \"me\"}\n");
    assertThat(trained(model, prompts, "--overwrite --set output=" + temporary.resolve("other")))
        .contains("  prompt: instruction\n", "  completion: response\n");
  }

  @Test
  void textsWithATarget() {
    Path rows = data("a.jsonl", "{\"text\": \"one two\", \"target\": \"eins zwei\"}\n");
    assertThat(trained(Tiny.model("t5-seq2seq-lora", temporary), rows, ""))
        .contains("task: seq2seq-lm\n", "  text: text\n", "  target: target\n");
  }

  @Test
  void foldersOfPictures() throws IOException {
    Path model = Tiny.model("vit-classify-lora", temporary);
    Files.writeString(
        model.resolve("preprocessor_config.json"),
        "{\"image_processor_type\": \"ViTImageProcessor\", \"size\": {\"height\": 16, \"width\": 16}}");
    Path pictures = temporary.resolve("pictures");
    for (String kind : new String[] {"a", "b"}) {
      BufferedImage image = new BufferedImage(20, 20, BufferedImage.TYPE_INT_RGB);
      Path folder = Files.createDirectories(pictures.resolve(kind));
      ImageIO.write(image, "png", folder.resolve("x.png").toFile());
    }
    assertThat(trained(model, pictures, "")).contains("task: image-classification\n");
  }

  @Test
  void withoutArgumentsItIsTheEmbeddedModelAndData() {
    assertThat(Embedded.MODEL).exists();
    Path recipe = temporary.resolve("recipe.yaml");
    Cli cli = Cli.done("new --output %s", recipe);
    assertThat(cli.out()).startsWith("written to " + recipe + "; try next: ./lorikeet train");
    Cli.done(
        "train %s --set training.max_steps=1 --set training.eval_strategy=no"
            + " --set data.max_length=16",
        recipe);
    assertThat(temporary.resolve("recipe-tuned/adapter_model.safetensors")).exists();
  }

  @Test
  void everyMethodsRecipeIsRead() {
    Path model = Tiny.model("bert-classify-lora", temporary);
    assertThat(trained(model, Tiny.texts(temporary), "--set method=ia3 --set training.beta1=0.8"))
        .contains("method: ia3\n", "  beta1: 0.8\n");
  }

  @Test
  void aRecipeIsNotReplacedUnlessTheUserSaysSo() {
    Path recipe = data("recipe.yaml", "mine");
    Path texts = Tiny.texts(temporary);
    Path model = Tiny.model("bert-classify-lora", temporary);
    Cli cli = Cli.run("new --model %s --data %s --output %s", model, texts, recipe);
    assertThat(cli.status()).isEqualTo(1);
    assertThat(cli.err())
        .isEqualToNormalizingNewlines(
            "error: "
                + recipe
                + " exists: choose another output, or give --overwrite to replace it\n");
    assertThat(recipe).hasContent("mine");
    Cli.done("new --model %s --data %s --output %s --overwrite", model, texts, recipe);
    assertThat(Tiny.read(recipe)).contains("task: sequence-classification");
  }

  @Test
  void columnsThatCannotBeToldAreAsked() {
    Path model = Tiny.model("bert-classify-lora", temporary);
    Path rows = data("a.csv", "words of it,kind\na cat,x\na dog,y\n");
    Path recipe = temporary.resolve("recipe.yaml");
    Cli cli = Cli.run("new --model %s --data %s --output %s", model, rows, recipe);
    assertThat(cli.status()).isEqualTo(2);
    assertThat(cli.err())
        .isEqualToNormalizingNewlines(
            "error: "
                + rows
                + ": which columns have the text and label of sequence-classification? There are"
                + " words of it, kind; name them: --set data.text=COLUMN --set data.label=COLUMN\n");
    assertThat(recipe).doesNotExist();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          --task causal-lm         | there are no embedded data for causal-lm: give --data, with rows for it
          --task nothing           | unknown task
          --data -                 | --data - is standard input, which is read once: give a file
          --data no.csv            | no.csv: no such file
          """)
  void whatCannotBeWrittenIsRefused(String flags, String message) {
    Path recipe = temporary.resolve("recipe.yaml");
    assertThat(Cli.run("new %s --output %s", flags, recipe).err()).startsWith("error: " + message);
    assertThat(recipe).doesNotExist();
  }
}
