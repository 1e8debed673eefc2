package dev.lorikeet.training;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * BERT of two layers, 32 wide, with each of its heads; and texts of which it can learn something.
 */
public final class TinyBert {
  public static final String CLASSIFY = "bert-classify-lora";
  public static final String TAG = "bert-tag-rslora-pattern";
  public static final String MLM = "bert-mlm";
  public static final String MULTI_LABEL = "bert-multilabel-bitfit-bias";
  public static final String REGRESS = "bert-regress-lora-all-linear";

  private static final int FIRST_WORD = 10;
  private static final int WORDS_OF_A_CLASS = 17;

  private TinyBert() {}

  public static Model open(String name) {
    return Model.open(folder(name), ModelOptions.DEFAULT);
  }

  public static Path folder(String name) {
    try {
      return Path.of(Objects.requireNonNull(TinyBert.class.getResource("/golden/" + name)).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  /** A copy of {@link #CLASSIFY} with dropout of 0.1 everywhere. */
  public static Path withDropout(Path copy) {
    try {
      String config = Files.readString(folder(CLASSIFY).resolve("config.json"));
      Files.writeString(
          copy.resolve("config.json"), config.replace("_prob\": 0.0", "_prob\": 0.1"));
      Path weights = copy.resolve("model.safetensors");
      Files.copy(
          folder(CLASSIFY).resolve("model.safetensors"),
          weights,
          StandardCopyOption.REPLACE_EXISTING);
      return copy;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The bytes of all tensors that the model answers with now. */
  public static Map<String, byte[]> bytes(Model model) {
    Map<String, byte[]> bytes = new LinkedHashMap<>();
    model.stateDict().forEach((name, tensor) -> bytes.put(name, tensor.toBytes()));
    return bytes;
  }

  // ---- examples ----

  /** Texts of {@code shortest} to {@code longest} tokens, each of words of its own class. */
  private static List<int[]> texts(int count, int classes, int shortest, int longest, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    List<int[]> texts = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int firstWord = FIRST_WORD + WORDS_OF_A_CLASS * (i % classes);
      texts.add(
          random
              .ints(random.nextInt(shortest, longest + 1), firstWord, firstWord + WORDS_OF_A_CLASS)
              .toArray());
    }
    return texts;
  }

  private static EncodedExample example(int[] ids, long[] classes, float... targets) {
    return new EncodedExample(ids, new int[ids.length], classes, targets);
  }

  /** Of three classes. */
  public static List<EncodedExample> classified(int count, int shortest, int longest, long seed) {
    return relabelled(texts(count, 3, shortest, longest, seed), 0);
  }

  /** The same texts as {@link #classified}, each with the class after its own. */
  public static List<EncodedExample> misclassified(
      int count, int shortest, int longest, long seed) {
    return relabelled(texts(count, 3, shortest, longest, seed), 1);
  }

  private static List<EncodedExample> relabelled(List<int[]> texts, int shift) {
    return IntStream.range(0, texts.size())
        .mapToObj(i -> example(texts.get(i), new long[] {(i + shift) % 3}))
        .toList();
  }

  /** A class a token, by the token; every fifth token has none that counts. */
  public static List<EncodedExample> tagged(int count, int shortest, int longest, long seed) {
    return texts(count, 5, shortest, longest, seed).stream()
        .map(ids -> example(ids, Arrays.stream(ids).mapToLong(TinyBert::tag).toArray()))
        .toList();
  }

  private static long tag(int id) {
    return id % 5 == 4 ? EncodedExample.IGNORED : (id - FIRST_WORD) / WORDS_OF_A_CLASS;
  }

  /** A number a text. */
  public static List<EncodedExample> measured(int count, int shortest, int longest, long seed) {
    List<int[]> texts = texts(count, 3, shortest, longest, seed);
    return IntStream.range(0, count)
        .mapToObj(i -> example(texts.get(i), new long[0], i % 3 - 1))
        .toList();
  }

  /** Five labels a text, of which its class and the next hold. */
  public static List<EncodedExample> labelled(int count, int shortest, int longest, long seed) {
    List<int[]> texts = texts(count, 5, shortest, longest, seed);
    List<EncodedExample> examples = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      float[] targets = new float[5];
      targets[i % 5] = 1;
      targets[(i + 1) % 5] = 1;
      examples.add(example(texts.get(i), new long[0], targets));
    }
    return examples;
  }
}
