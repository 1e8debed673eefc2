package dev.lorikeet.fuzz;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.ImageOutputStream;

/**
 * What lies in the folder of a model: weights, settings, tokenizer, chat template; and pictures.
 */
final class ModelFiles {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Path MODELS = RealFiles.ROOT.resolve("models/src/test/resources");
  private static final String CLASSIFY =
      "predict --model @ --task sequence-classification --threads 1 w\u00f6rd";
  private static final String GENERATE = "generate --model @ --prompt ab --max-new-tokens 2";
  private static final int TOKENS = 320;
  private static final String BOS = "{\"bos_token\": \"<|endoftext|>\",";

  /** Templates that refuse a system's message. */
  private static final Set<String> WITHOUT_SYSTEM = Set.of("gemma-2.jinja", "mistral-v1.jinja");

  private static final int EVERY = 5;

  private ModelFiles() {}

  /** The command that reads a golden model. */
  private static String command(String golden) {
    if (golden.contains("-tag")) {
      return "predict --model @ --task token-classification --threads 1 ab";
    }
    return golden.contains("-lm-") ? GENERATE : CLASSIFY;
  }

  private static List<String> textModels() throws IOException {
    List<String> names = new ArrayList<>(RealFiles.golden("-classify-"));
    names.addAll(RealFiles.golden("-lm-"));
    names.addAll(RealFiles.golden("-tag-"));
    names.removeIf(name -> name.startsWith("vit"));
    return names;
  }

  static List<Specimen> weights(RealFiles files) throws IOException {
    List<Specimen> specimens = new ArrayList<>();
    Mutation mutation = ((Mutation) SafetensorsDamage::damaged).orBytes(EVERY);
    for (String golden : textModels()) {
      specimens.add(
          new Specimen(files.model(golden), "model.safetensors", mutation, command(golden)));
    }
    return specimens;
  }

  static List<Specimen> index(RealFiles files) throws IOException {
    List<Specimen> specimens = new ArrayList<>();
    Mutation mutation = ((Mutation) JsonDamage::damaged).orBytes(EVERY);
    for (String golden : List.of("bert-classify-lora", "llama-lm-lora", "gpt2-lm-lora")) {
      Path folder =
          files.folder(
              golden,
              made -> {
                Path config = RealFiles.config(golden, 96, made.resolve("config"));
                Path output = made.resolve("output");
                RealFiles.lorikeet(
                    "init --config %s --output %s --max-shard-size 20KB", config, output);
                RealFiles.copyFolder(output, made);
                try (Stream<Path> written = Files.list(output)) {
                  for (Path file : written.toList()) {
                    Files.delete(file);
                  }
                }
                Files.delete(output);
                Files.delete(config);
                RealFiles.copy(
                    RealFiles.TINY_TOKENIZER, made, "tokenizer.json", "tokenizer_config.json");
              });
      specimens.add(
          new Specimen(folder, "model.safetensors.index.json", mutation, command(golden)));
    }
    return specimens;
  }

  static List<Specimen> config(RealFiles files) throws IOException {
    List<Specimen> specimens = new ArrayList<>();
    Mutation mutation = ((Mutation) JsonDamage::damaged).orBytes(2 * EVERY);
    for (String golden : textModels()) {
      specimens.add(new Specimen(files.model(golden), "config.json", mutation, command(golden)));
    }
    for (String golden : RealFiles.golden("")) {
      Path folder =
          files.folder(
              "config-" + golden,
              made -> RealFiles.copy(RealFiles.GOLDEN.resolve(golden), made, "config.json"));
      specimens.add(
          new Specimen(
              folder,
              "config.json",
              mutation,
              "adapter plan --model @/config.json --method lora" + task(golden)));
    }
    return specimens;
  }

  private static String task(String golden) {
    if (golden.contains("seq2seq")) {
      return " --task seq2seq-lm";
    }
    return golden.startsWith("vit") ? " --task image-classification" : " --num-labels 3";
  }

  static List<Specimen> tokenizer(RealFiles files) throws IOException {
    List<Specimen> specimens = new ArrayList<>();
    Mutation mutation = ((Mutation) JsonDamage::damaged).orBytes(2 * EVERY);
    List<Path> tokenizers = new ArrayList<>();
    try (Stream<Path> found = Files.list(MODELS.resolve("tokenizers"))) {
      found.sorted().forEach(tokenizers::add);
    }
    Path data = RealFiles.ROOT.resolve("data/src/test/resources");
    tokenizers.add(data.resolve("tiny-tokenizer/tokenizer.json"));
    tokenizers.add(data.resolve("chat/bytes/tokenizer.json"));
    tokenizers.add(RealFiles.TINY_TOKENIZER.resolve("tokenizer.json"));
    for (int i = 0; i < tokenizers.size(); i++) {
      Path tokenizer = tokenizers.get(i);
      Path folder = files.folder("tokenizer-" + i, made -> tokenizerAlone(tokenizer, made));
      specimens.add(new Specimen(folder, "tokenizer.json", mutation, CLASSIFY + " --max-length 6"));
      specimens.add(new Specimen(folder, "tokenizer.json", mutation, CLASSIFY));
      specimens.add(new Specimen(folder, "tokenizer_config.json", mutation, CLASSIFY));
    }
    return specimens;
  }

  private static void tokenizerAlone(Path tokenizer, Path made) throws IOException {
    Path config =
        RealFiles.config("bert-classify-lora", TOKENS, Files.createTempFile("config", ".json"));
    RealFiles.lorikeet("init --config %s --output %s", config, made);
    Files.delete(config);
    Files.copy(tokenizer, made.resolve("tokenizer.json"));
    Files.write(
        made.resolve("tokenizer_config.json"), JSON.writeValueAsBytes(tokenizerConfig(tokenizer)));
  }

  /** What transformers writes beside a tokenizer.json, with the special tokens that it has. */
  private static ObjectNode tokenizerConfig(Path tokenizer) throws IOException {
    ObjectNode config =
        (ObjectNode)
            JSON.readTree(
                """
                {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 40,
                 "padding_side": "right", "truncation_side": "right", "do_lower_case": true,
                 "clean_up_tokenization_spaces": false}
                """);
    ObjectNode decoder = config.putObject("added_tokens_decoder");
    for (JsonNode token : JSON.readTree(tokenizer.toFile()).path("added_tokens")) {
      ObjectNode copy = ((ObjectNode) token).deepCopy();
      decoder.set(copy.remove("id").asText(), copy);
      if (!config.has("pad_token")) {
        config.set("pad_token", token.get("content"));
        config.set("unk_token", copy);
      }
    }
    return config;
  }

  static List<Specimen> template(RealFiles files) throws IOException {
    List<Specimen> specimens = new ArrayList<>();
    List<Path> templates;
    try (Stream<Path> found = Files.list(MODELS.resolve("chat"))) {
      templates = found.filter(file -> file.toString().endsWith(".jinja")).sorted().toList();
    }
    for (Path template : templates) {
      String name = template.getFileName().toString();
      Path folder =
          files.folder(
              name,
              made -> {
                RealFiles.copyModel("llama-lm-lora", made);
                Files.copy(template, made.resolve("chat_template.jinja"));
                Path model = made.resolve("config.json");
                ObjectNode roomy = (ObjectNode) JSON.readTree(model.toFile());
                roomy.put("max_position_embeddings", 2048);
                Files.write(model, JSON.writeValueAsBytes(roomy));
                Path config = made.resolve("tokenizer_config.json");
                String withBos = Files.readString(config).replaceFirst("\\{", BOS);
                Files.writeString(config, withBos);
              });
      String chat = "generate --model @ --chat --prompt a --max-new-tokens 1";
      Mutation words = TextDamage.jinja().orBytes(2 * EVERY);
      specimens.add(new Specimen(folder, "chat_template.jinja", words, chat));
      if (!WITHOUT_SYSTEM.contains(name)) {
        specimens.add(new Specimen(folder, "chat_template.jinja", words, chat + " --system b"));
      }
    }
    return specimens;
  }

  static List<Specimen> pictures(RealFiles files) throws IOException {
    List<Specimen> specimens = new ArrayList<>();
    String predict = "predict --model @ --task image-classification --threads 1 @/";
    Mutation mutation = ((Mutation) PictureDamage::damaged).orBytes(2);
    Path folder =
        files.folder(
            "pictures",
            made -> {
              RealFiles.copy(
                  RealFiles.GOLDEN.resolve("vit-classify-lora"),
                  made,
                  "config.json",
                  "model.safetensors");
              RealFiles.copy(
                  MODELS.resolve("images"),
                  made,
                  "colours.png",
                  "grey.png",
                  "palette.png",
                  "transparent.png",
                  "smooth.jpg");
              Files.write(made.resolve("progressive.jpg"), jpeg(true));
              Files.write(made.resolve("baseline.jpg"), jpeg(false));
              Files.writeString(
                  made.resolve("preprocessor_config.json"),
                  """
                  {"image_processor_type": "ViTImageProcessor", "do_resize": true, "do_rescale": true,
                   "size": {"height": 16, "width": 16}, "image_mean": [0.5, 0.5, 0.5], "resample": 3,
                   "image_std": [0.5, 0.5, 0.5], "rescale_factor": 0.00392, "do_convert_rgb": true}
                  """);
            });
    for (String picture :
        List.of(
            "colours.png",
            "grey.png",
            "palette.png",
            "transparent.png",
            "smooth.jpg",
            "progressive.jpg",
            "baseline.jpg")) {
      specimens.add(new Specimen(folder, picture, mutation, predict + picture));
    }
    specimens.add(
        new Specimen(
            folder, "preprocessor_config.json", JsonDamage::damaged, predict + "colours.png"));
    return specimens;
  }

  private static byte[] jpeg(boolean progressive) throws IOException {
    BufferedImage image = new BufferedImage(40, 30, BufferedImage.TYPE_INT_RGB);
    Graphics2D graphics = image.createGraphics();
    Random random = new Random(7);
    for (int i = 0; i < 40; i++) {
      graphics.setColor(new Color(random.nextInt(1 << 24)));
      graphics.fillRect(random.nextInt(40), random.nextInt(30), 9, 9);
    }
    graphics.dispose();
    ImageWriter writer = ImageIO.getImageWritersByFormatName("jpeg").next();
    ImageWriteParam settings = writer.getDefaultWriteParam();
    settings.setProgressiveMode(
        progressive ? ImageWriteParam.MODE_DEFAULT : ImageWriteParam.MODE_DISABLED);
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ImageOutputStream out = ImageIO.createImageOutputStream(bytes)) {
      writer.setOutput(out);
      writer.write(null, new IIOImage(image, null, null), settings);
    }
    writer.dispose();
    return bytes.toByteArray();
  }
}
