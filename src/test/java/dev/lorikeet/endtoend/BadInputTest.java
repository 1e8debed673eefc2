package dev.lorikeet.endtoend;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Models and adapters that are not what they should be. */
class BadInputTest {
  @TempDir Path temporary;

  private Path output;
  private BrokenModel model;

  @BeforeEach
  void linkModel() {
    output = temporary.resolve("out");
    model = BrokenModel.in(temporary.resolve("model"));
  }

  private void training(int status, String message) {
    String typed = "train --model %s --data %s --output %s";
    Refusal.of(temporary, status, message, typed, model, Embedded.FEW, output);
  }

  @Test
  void folderThatIsNotThere() {
    model = new BrokenModel(temporary.resolve("nowhere"));
    training(1, model + " has no config.json: give the folder of a Hugging Face checkpoint");
  }

  @Test
  void missingWeights() {
    model.without("model.safetensors");
    training(1, model + " has neither model.safetensors nor model.safetensors.index.json");
  }

  @Test
  void weightsInPickleOnly() {
    model.without("model.safetensors").with("pytorch_model.bin", "pickle".getBytes(UTF_8));
    training(
        1,
        model
            + " has its weights in pytorch_model.bin only, and opening a pickle can run any code:"
            + " convert it to safetensors (transformers: model.save_pretrained(folder,"
            + " safe_serialization=True))");
  }

  @Test
  void weightsCutShort() throws IOException {
    byte[] whole = Files.readAllBytes(Embedded.MODEL.resolve("model.safetensors"));
    model.with("model.safetensors", Arrays.copyOf(whole, 1_000_000));
    long header = 8 + ByteBuffer.wrap(whole).order(ByteOrder.LITTLE_ENDIAN).getLong();
    training(
        1,
        model
            + "/model.safetensors is truncated: tensor \"embeddings.word_embeddings.weight\" ends"
            + " at byte 47674368 of "
            + (1_000_000 - header)
            + ": copy or download it again");
  }

  @Test
  void headerThatClaimsMoreBytesThanTheFileHas() {
    ByteBuffer file = ByteBuffer.allocate(10).order(ByteOrder.LITTLE_ENDIAN);
    model.with("model.safetensors", file.putLong(1_000_000).put("{}".getBytes(UTF_8)).array());
    training(
        1,
        model
            + "/model.safetensors is truncated: it claims a header of 1000000 bytes, and has 2 for"
            + " it: copy or download it again");
  }

  @Test
  void shapesOfAnotherConfig() {
    model.edited("config.json", "\"hidden_size\" : 384", "\"hidden_size\" : 192");
    training(
        1,
        model
            + ": tensor \"embeddings.word_embeddings.weight\" is [30522, 384], config.json asks for"
            + " [30522, 192]: is this config.json from another checkpoint?");
  }

  @Test
  void unknownModelType() throws IOException {
    model.edited("config.json", "\"bert\"", "\"mamba\"");
    training(
        1,
        "model_type \"mamba\" is not supported; supported: "
            + String.join(", ", FamiliesTableTest.table().keySet()));
  }

  @Test
  void tokenizerThatKnowsMoreWordsThanTheModel() {
    model.edited(
        "tokenizer.json",
        "\"added_tokens\" : \\[",
        "\"added_tokens\" : [{\"id\": 30522, \"content\": \"[NEW]\", \"single_word\": false,"
            + " \"lstrip\": false, \"rstrip\": false, \"normalized\": false, \"special\": true},");
    training(
        1,
        model
            + "/tokenizer.json: token \"[NEW]\" has id 30522, the model's vocabulary has 30522"
            + " entries: use the tokenizer that belongs to the model");
  }

  @Test
  void missingTokenizer() {
    model.without("tokenizer.json");
    training(
        1,
        model
            + " has no tokenizer.json: copy it from the model, or make it (transformers:"
            + " AutoTokenizer.from_pretrained(model).save_pretrained(folder))");
  }

  @Test
  void headThatWasNeverTrained() {
    Refusal.of(
        temporary,
        2,
        model + " has no head: give --task, or the adapter that was trained on it",
        "evaluate --model %s --data %s",
        model,
        Embedded.FEW);
    Refusal.of(
        temporary,
        1,
        model
            + " has no weights for bert.pooler and classifier: give the adapter that was trained on"
            + " it, or train one",
        "predict --model %s --task sequence-classification --data %s",
        model,
        Embedded.FEW);
  }

  @Test
  void adapterCutShort() throws IOException {
    Path adapter = copyOfAdapter();
    Path weights = adapter.resolve("adapter_model.safetensors");
    Files.write(weights, Arrays.copyOf(Files.readAllBytes(weights), 5));
    Refusal.of(
        temporary,
        1,
        weights
            + " is truncated: it has 5 bytes, the size of its header alone takes 8: copy or"
            + " download it again",
        "merge --model %s --adapter %s --output %s",
        model,
        adapter,
        output);
  }

  @Test
  void adapterOfAnotherRank() throws IOException {
    Path adapter = copyOfAdapter();
    Path config = adapter.resolve("adapter_config.json");
    Files.writeString(config, Files.readString(config).replaceFirst("\"r\"\\s*:\\s*8", "\"r\": 4"));
    Refusal.of(
        temporary,
        1,
        adapter
            + ": tensor \"base_model.model.bert.encoder.layer.0.attention.self.query.lora_A.weight\""
            + " is [8, 384], this model asks for [4, 384]: was the adapter made for another base?",
        "export --model %s --adapter %s --output %s",
        model,
        adapter,
        output);
  }

  @Test
  void adapterOfAnUnknownMethod() throws IOException {
    Path adapter = copyOfAdapter();
    Path config = adapter.resolve("adapter_config.json");
    Files.writeString(config, Files.readString(config).replace("\"LORA\"", "\"XLORA\""));
    Refusal.of(
        temporary,
        1,
        config
            + ": peft_type \"XLORA\" is not supported; supported: ADALORA, IA3, LN_TUNING, LOHA, LOKR, LORA,"
            + " OFT, PREFIX_TUNING, PROMPT_TUNING, P_TUNING, VERA",
        "adapter export --adapter %s --to merged --output %s",
        adapter,
        output);
  }

  @Test
  void adapterWhoseBaseIsGone() throws IOException {
    Path adapter = copyOfAdapter();
    Path config = adapter.resolve("adapter_config.json");
    Path gone = temporary.resolve("gone");
    Files.writeString(
        config, Files.readString(config).replace(Embedded.MODEL.toString(), gone.toString()));
    Refusal.of(
        temporary,
        1,
        adapter + " was trained on " + gone + ", which is not here: give --model",
        "adapter export --adapter %s --to merged --output %s",
        adapter,
        output);
  }

  private Path copyOfAdapter() throws IOException {
    Path copy = Files.createDirectory(temporary.resolve("adapter"));
    for (String name : new String[] {"adapter_config.json", "adapter_model.safetensors"}) {
      Files.copy(Trained.ADAPTER.resolve(name), copy.resolve(name));
    }
    return copy;
  }
}
