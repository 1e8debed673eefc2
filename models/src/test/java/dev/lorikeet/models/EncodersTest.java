package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * BERT and its descendants from random weights: what holds whatever the weights are. That the
 * answers are those of transformers is seen on recorded checkpoints, end to end.
 */
@Tag("numeric")
class EncodersTest {
  private static final String BERT = "{'model_type':'bert',";
  private static final String ROBERTA = "{'model_type':'roberta','type_vocab_size':1,";
  private static final String ELECTRA = "{'model_type':'electra','embedding_size':24,";
  private static final String OF_BERT =
      "'vocab_size':50,'hidden_size':32,'num_hidden_layers':2,'num_attention_heads':4,"
          + "'intermediate_size':48,'max_position_embeddings':20,'layer_norm_eps':1e-5,"
          + "'hidden_dropout_prob':0,'attention_probs_dropout_prob':0,'initializer_range':0.2}";

  private static final Map<String, String> CONFIGS =
      Map.of(
          "bert", BERT + OF_BERT,
          "roberta", ROBERTA + OF_BERT,
          "electra", ELECTRA + OF_BERT,
          "distilbert",
              "{'model_type':'distilbert','vocab_size':50,'dim':32,'n_layers':2,'n_heads':4,"
                  + "'hidden_dim':48,'max_position_embeddings':20,'dropout':0,"
                  + "'attention_dropout':0,'seq_classif_dropout':0,'initializer_range':0.2}");

  /** Products of some 50 terms near 1, in another order where a row is alone or shorter. */
  private static final float ANOTHER_ORDER = 2e-5f;

  @TempDir Path folder;

  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private Model model(String config) throws IOException {
    return model(config, null);
  }

  private Model model(String config, @Nullable HeadType task) throws IOException {
    Files.writeString(folder.resolve("config.json"), config.replace('\'', '"'));
    ModelOptions options = ModelOptions.DEFAULT.fromScratch(Initialization.PAPER).withSeed(7);
    return Model.open(folder, task == null ? options : options.withHead(task, List.of("a", "b")));
  }

  private static Tensor ids(int tokens) {
    return row(10, tokens);
  }

  /** One row of successive numbers, [1, T]. */
  private static Tensor row(long first, int tokens) {
    return Tensor.of(LongStream.range(first, first + tokens).toArray(), 1, tokens);
  }

  @ParameterizedTest
  @ValueSource(strings = {"bert", "roberta", "electra", "distilbert"})
  void aPromptOfWordVectorsAnswersAsTheWordsDo(String type) throws IOException {
    try (Model model = model(config(type))) {
      Tensor whole = model.logits(new ModelInput(ids(7), null, null));
      EmbeddingSlot words =
          Objects.requireNonNull(model.embeddings().get("embeddings.word_embeddings"));
      Tensor ids = ids(7);
      ModelInput rest = new ModelInput(ids.narrow(1, 3, 4).contiguous(), null, null);
      Tensor vectors = words.forward(ids.narrow(1, 0, 3));
      assertClose(model.logits(rest.withPrompt(vectors)), whole);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"bert", "roberta", "electra", "distilbert"})
  void givenPlacesReplaceThoseInTheRow(String type) throws IOException {
    try (Model model = model(config(type))) {
      ModelInput input = new ModelInput(ids(4), null, null);
      long first = type.equals("roberta") ? 2 : 0;
      Tensor own = row(first, 4);
      assertClose(model.logits(input.withPositionIds(own)), model.logits(input));
      Tensor others = row(first + 5, 4);
      assertThat(model.logits(input.withPositionIds(others)).sameAs(model.logits(input))).isFalse();
    }
  }

  /** RoBERTa's places skip padding wherever it stands; its tokenizers pad with id 1. */
  @Test
  void robertaAnswersTheSameBehindPaddingOnTheLeft() throws IOException {
    try (Model model = model(config("roberta"))) {
      Tensor alone = model.logits(new ModelInput(ids(4), null, null));
      Tensor padded = Tensor.of(new long[] {1, 1, 10, 11, 12, 13}, 1, 6);
      Tensor mask = Tensor.of(new long[] {0, 0, 1, 1, 1, 1}, 1, 6);
      Tensor behind = model.logits(new ModelInput(padded, mask, null)).narrow(1, 2, 4);
      assertClose(behind, alone);
    }
  }

  /** Tokenizers may number the second text of a pair 1, and RoBERTa's table has one row. */
  @Test
  void aModelOfOneTypeReadsPairsAsOneText() throws IOException {
    try (Model model = model(config("roberta"))) {
      Tensor types = Tensor.of(new long[] {0, 0, 1, 1}, 1, 4);
      Tensor untyped = model.logits(new ModelInput(ids(4), null, null));
      assertThat(model.logits(new ModelInput(ids(4), null, types)).sameAs(untyped)).isTrue();
    }
  }

  @ParameterizedTest
  @CsvSource({"bert, 20", "electra, 20", "distilbert, 20", "roberta, 18"})
  void textsAreAsLongAsThereArePlaces(String type, int most) throws IOException {
    try (Model model = model(config(type))) {
      assertThat(model.config().maxTokens()).isEqualTo(most);
      Tensor logits = model.logits(new ModelInput(ids(most), null, null));
      assertThat(logits.shape()).containsExactly(1, most, 32);
    }
  }

  @Test
  void anElectraAsWideAsItsEmbeddingsHasNoProjection() throws IOException {
    String wide = config("electra").replace("'embedding_size':24", "'embedding_size':32");
    try (Model narrow = model(config("electra"));
        Model same = model(wide)) {
      assertThat(narrow.projections()).containsKey("embeddings_project");
      assertThat(same.projections()).doesNotContainKey("embeddings_project");
    }
  }

  @Test
  void electrasDiscriminatorOpensAsAnEncoder() throws IOException {
    String config = config("electra").replace("{", "{'architectures':['ElectraForPreTraining'],");
    try (Model model = model(config)) {
      assertThat(model.headType()).isNull();
      assertThat(model.logits(new ModelInput(ids(3), null, null)).shape())
          .containsExactly(1, 3, 32);
    }
  }

  /** transformers: {@code classifier_dropout} where it is a number, else hidden_dropout_prob. */
  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '`',
      value = {
        "bert, 'classifier_dropout':0.5",
        "roberta, 'classifier_dropout':0.5",
        "electra, 'classifier_dropout':0.5",
        "roberta, 'classifier_dropout':null;'hidden_dropout_prob':0.5",
        "distilbert, 'seq_classif_dropout':0.5"
      })
  void theHeadHasItsDropout(String type, String settings) throws IOException {
    String config = config(type);
    for (String setting : settings.split(";", -1)) {
      config = config.replaceFirst(setting.substring(0, setting.indexOf(':')) + ":[0-9.]+,?", "");
    }
    config = config.replaceFirst("\\{", "{" + settings.replace(';', ',') + ",");
    ModelInput input = new ModelInput(ids(5), null, null);
    try (Model model = model(config, HeadType.SEQUENCE_CLASSIFICATION)) {
      Tensor still = model.logits(input);
      assertThat(model.logits(input).sameAs(still)).isTrue();
      model.training(true);
      Torch.seed(1);
      assertThat(model.logits(input).sameAs(still)).isFalse();
    }
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '`',
      value = {
        "bert, 'position_embedding_type':'relative_key', position_embedding_type is \"relative_key\"",
        "roberta, 'is_decoder':true, is_decoder is true"
      })
  void whatIsNotBuiltIsRefused(String type, String setting, String complaint) {
    String config = config(type).replaceFirst("\\{", "{" + setting + ",");
    assertThatThrownBy(() -> model(config, HeadType.MASKED_LM))
        .isInstanceOf(LorikeetException.class)
        .hasMessageContaining(complaint);
  }

  @Test
  void headsThatDoNotShareTheWidthAreRefused() {
    String config = config("distilbert").replace("'n_heads':4", "'n_heads':5");
    assertThatThrownBy(() -> model(config))
        .isInstanceOf(LorikeetException.class)
        .hasMessage("config.json: dim 32 is no multiple of n_heads 5: is it from this checkpoint?");
  }

  private static String config(String type) {
    return Objects.requireNonNull(CONFIGS.get(type));
  }

  private static void assertClose(Tensor actual, Tensor expected) {
    assertThat(actual.shape()).isEqualTo(expected.shape());
    assertThat(actual.toFloats()).containsExactly(expected.toFloats(), within(ANOTHER_ORDER));
  }
}
