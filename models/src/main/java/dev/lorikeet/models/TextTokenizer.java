package dev.lorikeet.models;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.CharSpan;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.models.text.NormalizedTokens;
import dev.lorikeet.models.text.TokenizerCheck;
import dev.lorikeet.models.text.TokenizerSettings;
import dev.lorikeet.models.text.Truncation;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Turns texts into token ids, by a model's {@code tokenizer.json} and Hugging Face's tokenizers
 * library. Texts are cut to the length that the caller gives, at the side that the model's files
 * name, and never padded.
 *
 * <p>Threads that share a tokenizer take turns; a batch uses all cores by itself. Closing it waits
 * for its turn, and whatever comes later throws.
 */
public final class TextTokenizer implements AutoCloseable {
  private static final String TOKENIZER_JSON = "tokenizer.json";
  private static final String TOKENIZER_CONFIG = "tokenizer_config.json";
  private static final String SPECIAL_TOKENS_MAP = "special_tokens_map.json";

  /** The files that a tokenizer may consist of, some for other tools only. */
  private static final List<String> FILES =
      List.of(
          TOKENIZER_JSON,
          TOKENIZER_CONFIG,
          SPECIAL_TOKENS_MAP,
          "added_tokens.json",
          "vocab.txt",
          "vocab.json",
          "merges.txt",
          "spiece.model",
          "sentencepiece.bpe.model",
          "tokenizer.model",
          "chat_template.jinja",
          "chat_template.json");

  private static final int LONGEST_TEXT = 5_000_000;
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Path folder;
  private final Vocabulary vocabulary;
  private final @Nullable String givenPadToken;
  private final int padTokenId;
  private final @Nullable Integer maskTokenId;
  private final @Nullable Integer eosTokenId;
  private final HuggingFaceTokenizer library;
  private final boolean spaceBeforeWords;
  private final Truncation truncation;
  private final int modelMaxLength;
  private final boolean tokenTypes;
  private final int highestType;
  private final int specialsOfText;
  private final int specialsOfPair;
  private boolean closed;

  /**
   * Opens the tokenizer of a model's folder.
   *
   * @throws LorikeetException when it has no tokenizer.json, or one that cannot be read
   */
  public static TextTokenizer open(Path folder) {
    return open(folder, null);
  }

  /**
   * {@link #open(Path)}, with a padding token where its files name none.
   *
   * @param padToken of its vocabulary; null for the one that the files name
   * @throws UsageException when the vocabulary has no such token
   */
  public static TextTokenizer open(Path folder, @Nullable String padToken) {
    if (!Files.isRegularFile(folder.resolve(TOKENIZER_JSON))) {
      throw new LorikeetException(
          folder
              + " has no "
              + TOKENIZER_JSON
              + ": copy it from the model, or make it (transformers:"
              + " AutoTokenizer.from_pretrained(model).save_pretrained(folder))");
    }
    return new TextTokenizer(folder, padToken);
  }

  private TextTokenizer(Path folder, @Nullable String padToken) {
    this.folder = folder;
    JsonNode json = json(TOKENIZER_JSON);
    TokenizerCheck.check(json, folder.resolve(TOKENIZER_JSON).toString());
    JsonNode config = json(TOKENIZER_CONFIG);
    var settings = new TokenizerSettings(config, folder.resolve(TOKENIZER_CONFIG).toString());
    truncation = new Truncation(settings.truncatesLeft((ObjectNode) json));
    modelMaxLength = settings.modelMaxLength();
    tokenTypes = settings.tokenTypes();
    settings.applyTo((ObjectNode) json);
    vocabulary = new Vocabulary(json, List.of(config, json(SPECIAL_TOKENS_MAP)));
    highestType =
        json.path("post_processor").findValues("type_id").stream()
            .mapToInt(JsonNode::intValue)
            .max()
            .orElse(0);
    maskTokenId = vocabulary.named("mask_token", "[MASK]", "<mask>");
    givenPadToken = padToken;
    Integer pad =
        padToken == null ? vocabulary.named("pad_token", "[PAD]", "<pad>") : mustHave(padToken);
    eosTokenId = vocabulary.named("eos_token");
    padTokenId = pad != null ? pad : eosTokenId != null ? eosTokenId : 0;
    spaceBeforeWords = marksWordsByTheirSpace(json.path("pre_tokenizer"));
    library = openLibrary(json);
    specialsOfText = called(() -> library.encode("")).getIds().length;
    specialsOfPair = called(() -> library.encode("", "")).getIds().length;
  }

  /** The id of the padding token that was asked for. */
  private Integer mustHave(String padToken) {
    Integer id = vocabulary.id(padToken);
    if (id == null) {
      throw new UsageException(
          ("the padding token \"" + padToken + "\" is not in the vocabulary of ")
              + folder.resolve(TOKENIZER_JSON)
              + ": give one that is, such as the one that ends texts");
    }
    return id;
  }

  /**
   * Whether a word begins with the space before it, and the tokenizer adds none to a text: as for
   * RoBERTa, whose byte-level BPE has other tokens for the words of a text than for its beginning.
   */
  private static boolean marksWordsByTheirSpace(JsonNode preTokenizer) {
    List<JsonNode> steps = new ArrayList<>(List.of(preTokenizer));
    preTokenizer.path("pretokenizers").forEach(steps::add);
    return steps.stream()
        .anyMatch(
            step ->
                step.path("type").asText().equals("ByteLevel")
                    && !step.path("add_prefix_space").asBoolean(true));
  }

  private JsonNode json(String name) {
    Path file = folder.resolve(name);
    return Files.exists(file) ? JsonFile.read(file) : MissingNode.getInstance();
  }

  private HuggingFaceTokenizer openLibrary(JsonNode json) {
    if (System.getProperty("ai.djl.offline") == null) {
      System.setProperty("ai.djl.offline", "true"); // else DJL would look for other builds online
    }
    NormalizedTokens.check(json, folder.resolve(TOKENIZER_JSON).toString());
    try (InputStream bytes = new ByteArrayInputStream(JSON.writeValueAsBytes(json))) {
      return HuggingFaceTokenizer.newInstance(
          bytes, Map.of("truncation", "do_not_truncate", "padding", "do_not_pad"));
    } catch (IOException | RuntimeException e) {
      throw unreadable(folder.resolve(TOKENIZER_JSON), e);
    }
  }

  private static LorikeetException unreadable(Path file, Exception e) {
    String reason = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
    return new LorikeetException(file + " cannot be read: " + reason, e);
  }

  // ---- texts to ids ----

  /**
   * Encodes a text, or a pair of texts.
   *
   * @param pair the second text; null for none
   * @param maxLength the most tokens, special ones included; the longer of two texts is cut first
   * @throws UsageException when maxLength leaves no room beside the special tokens
   */
  public Encoding encode(String text, @Nullable String pair, int maxLength) {
    return encodeAll(List.of(text), pair == null ? null : List.of(pair), maxLength).get(0);
  }

  /**
   * Encodes texts, or pairs of texts, in one go, each as {@link #encode} does.
   *
   * @param pairs the second texts, as many as the first; null for none
   * @throws UsageException when maxLength leaves no room beside the special tokens
   */
  public synchronized List<Encoding> encodeAll(
      List<String> texts, @Nullable List<String> pairs, int maxLength) {
    mustHaveRoom(maxLength, pairs == null ? specialsOfText : specialsOfPair);
    texts.forEach(TextTokenizer::mustBeShort);
    if (pairs != null) {
      pairs.forEach(TextTokenizer::mustBeShort);
    }
    // the library's own batches end the process where a text cannot be encoded
    return IntStream.range(0, texts.size())
        .parallel()
        .mapToObj(i -> encoded(texts.get(i), pairs == null ? null : pairs.get(i), maxLength))
        .toList();
  }

  /**
   * Encodes a text that is already split into words, so that labels of words can be given to
   * tokens: {@link Encoding#wordIds} are indices of {@code words}. Where a tokenizer marks words by
   * the space before them, each gets one, the first too, as transformers' {@code add_prefix_space}.
   *
   * @throws UsageException when maxLength leaves no room beside the special tokens
   */
  public synchronized Encoding encodeWords(List<String> words, int maxLength) {
    mustHaveRoom(maxLength, specialsOfText);
    words.forEach(TextTokenizer::mustBeShort);
    List<String> marked =
        spaceBeforeWords ? words.stream().map(TextTokenizer::afterSpace).toList() : words;
    return cut(called(() -> library.encode(marked)), maxLength);
  }

  private Encoding encoded(String text, @Nullable String pair, int maxLength) {
    return cut(
        called(() -> pair == null ? library.encode(text) : library.encode(text, pair)), maxLength);
  }

  /** The library says by an exception what its model cannot do, such as a missing unknown token. */
  private <T> T called(Supplier<T> call) {
    mustBeOpen();
    try {
      return call.get();
    } catch (RuntimeException e) {
      throw new LorikeetException(
          folder.resolve(TOKENIZER_JSON) + ": a text cannot be encoded: " + e.getMessage(), e);
    }
  }

  /** Its regular expressions give up, and end the process, after ten million steps. */
  private static void mustBeShort(String text) {
    if (text.length() > LONGEST_TEXT) {
      throw new LorikeetException(
          "a text has "
              + text.length()
              + " characters, at most "
              + LONGEST_TEXT
              + " are read: split it into rows");
    }
  }

  private static String afterSpace(String word) {
    return word.isEmpty() || word.startsWith(" ") ? word : " " + word;
  }

  /**
   * A text's tokens with the part of the text that each stands for; places count code points.
   *
   * @param starts where each token's part begins; 0 of tokens that the text does not contain
   * @param ends behind each token's part; 0 of tokens that the text does not contain
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  public record Written(int[] ids, int[] starts, int[] ends) {}

  /**
   * Encodes a text whole.
   *
   * @param specialTokens whether it gets those that the tokenizer gives a text; a chat that its
   *     template wrote has them already
   */
  public synchronized Written write(String text, boolean specialTokens) {
    mustBeShort(text);
    var encoded = called(() -> library.encode(text, specialTokens, false));
    CharSpan[] spans = encoded.getCharTokenSpans();
    int[] starts = new int[spans.length];
    int[] ends = new int[spans.length];
    for (int i = 0; i < spans.length; i++) {
      if (spans[i] != null) {
        starts[i] = spans[i].getStart();
        ends[i] = spans[i].getEnd();
      }
    }
    return new Written(ints(encoded.getIds()), starts, ends);
  }

  private static void mustHaveRoom(int maxLength, int specials) {
    if (maxLength <= specials) {
      throw new UsageException(
          "max-length " + maxLength + " has no room for a text: special tokens take " + specials);
    }
  }

  private Encoding cut(ai.djl.huggingface.tokenizers.Encoding whole, int maxLength) {
    long[] ids = whole.getIds();
    long[] typeIds = tokenTypes ? whole.getTypeIds() : new long[ids.length];
    long[] wordIds = whole.getWordIds();
    int[] kept = truncation.keep(ints(whole.getSequenceIds()), maxLength);
    return new Encoding(at(kept, ids), at(kept, typeIds), at(kept, wordIds));
  }

  private static int[] at(int[] places, long[] values) {
    return IntStream.of(places).map(place -> Math.toIntExact(values[place])).toArray();
  }

  private static int[] ints(long[] values) {
    return Arrays.stream(values).mapToInt(Math::toIntExact).toArray();
  }

  // ---- ids to texts ----

  /** The text of token ids, without special tokens. */
  public synchronized String decode(int[] tokenIds) {
    mustBeOpen();
    return library.decode(IntStream.of(tokenIds).asLongStream().toArray(), true);
  }

  /** The token that {@code id} stands for, as the vocabulary spells it. */
  public String token(int id) {
    String token = vocabulary.token(id);
    if (token == null) {
      throw new IllegalArgumentException("no token has id " + id);
    }
    return token;
  }

  // ---- the vocabulary ----

  /** One more than the largest token id. */
  public int vocabSize() {
    return vocabulary.size();
  }

  /**
   * The most tokens of a text by {@code model_max_length} of tokenizer_config.json; {@link
   * Integer#MAX_VALUE} where there is no bound. No text is cut to it by itself.
   */
  public int modelMaxLength() {
    return modelMaxLength;
  }

  /**
   * Checks that a model has an embedding for every token.
   *
   * @param vocabSize the model's
   * @throws LorikeetException when it has not
   */
  public void mustFit(int vocabSize) {
    if (vocabSize() > vocabSize) {
      throw new LorikeetException(
          folder.resolve(TOKENIZER_JSON)
              + ": token \""
              + token(vocabSize() - 1)
              + "\" has id "
              + (vocabSize() - 1)
              + ", the model's vocabulary has "
              + vocabSize
              + " entries: use the tokenizer that belongs to the model");
    }
  }

  /**
   * Checks that a model has an embedding for every type of token that texts are given.
   *
   * @param types the model's {@code type_vocab_size}; one that has a single type, or none, gives it
   *     to all tokens
   * @throws LorikeetException when it has not
   */
  public void mustFitTypes(int types) {
    if (types > 1 && tokenTypes && highestType >= types) {
      throw new LorikeetException(
          folder.resolve(TOKENIZER_JSON)
              + ": post_processor gives tokens the type_id "
              + highestType
              + ", the model has "
              + types
              + " types (type_vocab_size): use the tokenizer that belongs to the model");
    }
  }

  /**
   * What to fill short rows of a batch with: the padding token, or the end-of-text token of a
   * tokenizer that has none, or 0. A mask hides it from the model.
   */
  public int padTokenId() {
    return padTokenId;
  }

  /** The padding token that it was opened with; null where its files decide. */
  public @Nullable String givenPadToken() {
    return givenPadToken;
  }

  /** The token that ends a text; null where the tokenizer's files name none. */
  public @Nullable Integer eosTokenId() {
    return eosTokenId;
  }

  /**
   * How the model's chats are written; null where the tokenizer's files do not say.
   *
   * @throws LorikeetException when the template is malformed
   */
  public @Nullable ChatTemplate chatTemplate() {
    return ChatTemplate.find(folder);
  }

  /** The token that stands for a hidden one in masked language models; null where there is none. */
  public @Nullable Integer maskTokenId() {
    return maskTokenId;
  }

  /** The ids of tokens that no text contains: padding, separators, masks. */
  public Set<Integer> specialTokenIds() {
    return vocabulary.specialIds();
  }

  /** The tokens that no text contains, as the vocabulary spells them. */
  public List<String> specialTokens() {
    return specialTokenIds().stream().map(this::token).toList();
  }

  // ---- files ----

  /**
   * Copies the tokenizer's files, byte for byte.
   *
   * @throws LorikeetException when the folder cannot be written
   */
  public void save(Path target) {
    OutputFolder.write(
        target,
        temporary -> {
          for (String name : FILES) {
            if (Files.exists(folder.resolve(name))) {
              Files.copy(folder.resolve(name), temporary.resolve(name));
            }
          }
          if (givenPadToken != null) {
            JsonNode settings = json(TOKENIZER_CONFIG);
            ObjectNode padded = settings.isObject() ? settings.deepCopy() : JSON.createObjectNode();
            JSON.writeValue(
                temporary.resolve(TOKENIZER_CONFIG).toFile(),
                padded.put("pad_token", givenPadToken));
          }
        });
  }

  private void mustBeOpen() {
    if (closed) {
      throw new IllegalStateException("the tokenizer was closed");
    }
  }

  @Override
  public synchronized void close() {
    closed = true;
    library.close();
  }
}
