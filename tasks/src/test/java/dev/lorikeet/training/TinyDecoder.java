package dev.lorikeet.training;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.Initialization;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/** Decoders of two layers, 32 wide, with weights large enough to tell tokens apart. */
public final class TinyDecoder {
  public static final String LLAMA = "'model_type': 'llama', 'tie_word_embeddings': false";
  public static final String TIED = "'model_type': 'qwen2', 'tie_word_embeddings': true";
  public static final String WINDOW = "'model_type': 'mistral', 'sliding_window': 4";
  public static final String CAPPED =
      "'model_type': 'gemma2', 'head_dim': 8, 'sliding_window': 4, 'attn_logit_softcapping': 1.5,"
          + " 'final_logit_softcapping': 2.0";
  public static final String GPT2 =
      "'model_type': 'gpt2', 'n_embd': 32, 'n_layer': 2, 'n_head': 4, 'n_positions': 64,"
          + " 'embd_pdrop': 0, 'attn_pdrop': 0, 'resid_pdrop': 0";

  private static final String SIZES =
      "'vocab_size': 96, 'hidden_size': 32, 'num_hidden_layers': 2, 'num_attention_heads': 4,"
          + " 'num_key_value_heads': 2, 'intermediate_size': 48, 'max_position_embeddings': 64,"
          + " 'initializer_range': 0.2, 'rms_norm_eps': 1e-6, 'bos_token_id': 1";

  private TinyDecoder() {}

  /** A causal language model, the same for the same settings. */
  public static Model open(Path folder, String settings) {
    String json = ("{" + SIZES + ", " + settings + "}").replace('\'', '"');
    try {
      Files.writeString(folder.resolve("config.json"), json);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return Model.open(
        folder,
        ModelOptions.DEFAULT
            .withHead(HeadType.CAUSAL_LM, List.of())
            .withSeed(1)
            .fromScratch(Initialization.PAPER));
  }

  /** Documents of {@code shortest} to {@code longest} tokens; the first three are not learnt. */
  public static List<EncodedExample> documents(int count, int shortest, int longest) {
    SplittableRandom random = new SplittableRandom(7);
    List<EncodedExample> documents = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int[] ids = random.ints(random.nextInt(shortest, longest + 1), 3, 96).toArray();
      long[] classes = Arrays.stream(ids).asLongStream().toArray();
      Arrays.fill(classes, 0, Math.min(3, ids.length), EncodedExample.IGNORED);
      documents.add(new EncodedExample(ids, new int[ids.length], classes, new float[0]));
    }
    return documents;
  }
}
