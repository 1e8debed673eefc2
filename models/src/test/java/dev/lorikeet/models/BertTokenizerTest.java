package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class BertTokenizerTest {
  /** all-MiniLM-L6-v2 has bert-base-uncased's vocabulary, in a tokenizer.json of Hugging Face's. */
  @Test
  void tokenizerOfAVocabularyIsHuggingFaces() throws IOException {
    ObjectNode reference;
    try (InputStream in =
        Objects.requireNonNull(
            getClass().getResourceAsStream("/all-minilm-l6-v2-tokenizer.json"))) {
      reference = (ObjectNode) new ObjectMapper().readTree(in);
    }
    JsonNode vocab = reference.path("model").path("vocab");
    String[] tokens = new String[vocab.size()];
    vocab.properties().forEach(token -> tokens[token.getValue().intValue()] = token.getKey());
    List<String> vocabulary = Arrays.asList(tokens);
    assertThat(vocabulary).hasSize(30522).doesNotContainNull();

    ObjectNode made = BertTokenizer.json(vocabulary, true, "vocab.txt");
    reference.putNull("truncation").putNull("padding"); // fixed for a server there
    assertThat(made).isEqualTo(reference);
    assertThat(BertTokenizer.json(vocabulary, false, "vocab.txt").path("normalizer"))
        .isEqualTo(((ObjectNode) reference.path("normalizer")).put("lowercase", false));
  }
}
