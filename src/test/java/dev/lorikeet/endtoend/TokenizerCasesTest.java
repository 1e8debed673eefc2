package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Tokenizer files that were misread, or ended the process. */
class TokenizerCasesTest {
  private static final String CASES = "resources/cases/";

  /** Logits by transformers 5.18 and torch 2.13; float32 sums of 2 layers agree to some 1e-6. */
  @Test
  void textsLoseTheirBeginningWhereTheTokenizerSaysSo() {
    Cli cli =
        Cli.done(
            "predict --model %s --data %s --task sequence-classification --max-length 12",
            CASES + "truncation-left/model", CASES + "truncation-left/s.jsonl");
    List<JsonNode> answers = cli.jsonLines();
    double[][] logits = {
      {0.18669483, -0.60353649, -0.42836052}, {-0.21292342, -0.61954153, -0.18922731}
    };
    for (int row = 0; row < 2; row++) {
      for (int label = 0; label < 3; label++) {
        assertThat(answers.get(row).path("logits").path(label).doubleValue())
            .isEqualTo(logits[row][label], within(2e-6));
      }
    }
  }

  @Test
  void aTemplateWithoutItsTokenIsOneLine() {
    Cli cli =
        Cli.run(
            "evaluate --model %s --data %s --task sequence-classification",
            CASES + "tokenizer-abort/model", CASES + "tokenizer-abort/d.jsonl");
    assertThat(cli.status()).isEqualTo(1);
    assertThat(cli.err())
        .isEqualTo(
            "error: "
                + CASES
                + "tokenizer-abort/model/tokenizer.json: post_processor: its template names the"
                + " token \"[CLS]\", which special_tokens lacks: take the file from the model"
                + " again\n");
  }
}
