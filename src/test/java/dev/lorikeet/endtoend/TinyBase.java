package dev.lorikeet.endtoend;

import dev.lorikeet.data.Example;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** A BERT of two layers with random weights and a tokenizer of a few words, quick to train. */
final class TinyBase {
  private static final String CONFIG =
      """
      {"model_type": "bert", "architectures": ["BertForMaskedLM"], "vocab_size": 32,
       "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 256,
       "max_position_embeddings": 128, "type_vocab_size": 2, "hidden_dropout_prob": 0.1,
       "attention_probs_dropout_prob": 0.1}
      """;

  private static final String TOKENIZER =
      """
      {"version": "1.0",
       "added_tokens": [%s],
       "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                      "strip_accents": null, "lowercase": true},
       "pre_tokenizer": {"type": "BertPreTokenizer"},
       "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
       "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                 "max_input_chars_per_word": 100, "vocab": {%s}}}
      """;

  private static final List<String> SPECIAL = List.of("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]");

  private static final List<String> BIRD = List.of("a", "small", "bird", "with", "red", "breast");
  private static final List<String> BREAD = List.of("a", "flat", "bread", "baked", "of", "rye");

  private TinyBase() {}

  /** Writes it into a folder that does not exist yet. */
  static Path in(Path folder) {
    try {
      Path config = Files.writeString(folder.resolveSibling("config.json"), CONFIG);
      Cli.done("init --config %s --output %s --seed 3", config, folder);
      Files.writeString(folder.resolve("tokenizer.json"), tokenizer());
      return folder;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String tokenizer() {
    List<String> vocabulary = new ArrayList<>(SPECIAL);
    BIRD.forEach(vocabulary::add);
    BREAD.stream().filter(word -> !vocabulary.contains(word)).forEach(vocabulary::add);
    List<String> special = new ArrayList<>();
    for (String token : SPECIAL) {
      special.add(
          """
          {"id": %d, "content": "%s", "single_word": false, "lstrip": false, "rstrip": false,
           "normalized": false, "special": true}"""
              .formatted(special.size(), token));
    }
    String entries =
        vocabulary.stream()
            .map(word -> "\"" + word + "\": " + vocabulary.indexOf(word))
            .collect(Collectors.joining(", "));
    return TOKENIZER.formatted(String.join(", ", special), entries);
  }

  /** Different texts of two labels, of up to 20 words. */
  static List<Example> examples(int count) {
    List<Example> examples = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      List<String> words = i % 2 == 0 ? BIRD : BREAD;
      StringBuilder text = new StringBuilder(words.get(i % words.size()));
      for (int j = 0; j < 5 + i % 15; j++) {
        text.append(' ').append(words.get((i + j * (i / 6 + 1)) % words.size()));
      }
      examples.add(Example.of(text.toString(), i % 2 == 0 ? "animal" : "food"));
    }
    return examples;
  }
}
