package dev.lorikeet.models.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.torch.LorikeetException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What transformers 5.18 makes of the same files. */
class TokenizerSettingsTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  private static JsonNode json(String json) throws JsonProcessingException {
    return JSON.readTree(json.replace('\'', '"'));
  }

  private static TokenizerSettings settings(String json) throws JsonProcessingException {
    return new TokenizerSettings(json(json), "tokenizer_config.json");
  }

  private static JsonNode applied(String settings, String tokenizer)
      throws JsonProcessingException {
    ObjectNode node = (ObjectNode) json(tokenizer);
    settings(settings).applyTo(node);
    return node;
  }

  @Test
  void theSideOfTruncationIsTheSettingsOrTheTokenizers() throws JsonProcessingException {
    JsonNode left = json("{'truncation':{'direction':'Left'}}");
    assertThat(settings("{}").truncatesLeft(json("{}"))).isFalse();
    assertThat(settings("{}").truncatesLeft(left)).isTrue();
    assertThat(settings("{'truncation_side':'right'}").truncatesLeft(left)).isFalse();
    assertThat(settings("{'truncation_side':'left'}").truncatesLeft(json("{}"))).isTrue();
  }

  @Test
  void theMostTokensAreNumbers() throws JsonProcessingException {
    assertThat(settings("{}").modelMaxLength()).isEqualTo(Integer.MAX_VALUE);
    assertThat(settings("{'model_max_length':null}").modelMaxLength()).isEqualTo(Integer.MAX_VALUE);
    assertThat(settings("{'model_max_length':512}").modelMaxLength()).isEqualTo(512);
    assertThat(settings("{'model_max_length':1000000000000000019884624838656}").modelMaxLength())
        .isEqualTo(Integer.MAX_VALUE);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      value = {
        "{'truncation_side':'middle'}; truncation_side is \"middle\", not left or right",
        "{'padding_side':7}; padding_side is 7, not left or right",
        "{'model_max_length':0}; model_max_length is 0, not a number of tokens",
        "{'model_max_length':'512'}; model_max_length is \"512\", not a number of tokens",
        "{'add_bos_token':1}; add_bos_token is 1, not true or false",
        "{'split_special_tokens':true}; split_special_tokens is true, which is not supported: set"
            + " it to false",
        "{'add_eos_token':true,'eos_token':'</x>'}; eos_token is \"</x>\", which tokenizer.json"
            + " lacks",
        "{'tokenizer_class':'DebertaV2Tokenizer','do_lower_case':true}; do_lower_case is true, but"
            + " the normalizer of tokenizer.json does not lower texts: make the two agree",
        "{'additional_special_tokens':['<t>']}; additional_special_tokens has the token \"<t>\","
            + " which tokenizer.json lacks: save the tokenizer again with it (transformers:"
            + " tokenizer.save_pretrained(folder))",
      })
  void whatCannotBeFollowedIsRefused(String settings, String why) {
    assertThatThrownBy(
            () -> {
              TokenizerSettings read = settings(settings);
              read.truncatesLeft(json("{}"));
              read.modelMaxLength();
              read.applyTo((ObjectNode) json("{'model':{'vocab':{'<s>':1}}}"));
            })
        .isInstanceOf(LorikeetException.class)
        .hasMessage("tokenizer_config.json: " + why);
  }

  /** BertTokenizer makes its normaliser by do_lower_case, true by default; the backend does not. */
  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      value = {
        "{'tokenizer_class':'BertTokenizer','do_lower_case':false}; false",
        "{'tokenizer_class':'BertTokenizerFast','do_lower_case':true}; true",
        "{'tokenizer_class':'DistilBertTokenizer'}; true",
        "{'tokenizer_class':'TokenizersBackend','do_lower_case':true}; false",
        "{}; false",
      })
  void bertLowersByItsSettings(String settings, boolean lowercase) throws JsonProcessingException {
    JsonNode applied =
        applied(settings, "{'normalizer':{'type':'BertNormalizer','lowercase':false}}");
    assertThat(applied.path("normalizer").path("lowercase").booleanValue()).isEqualTo(lowercase);
  }

  @Test
  void beginningAndEndAreWrittenWhereTheSettingsSaySo() throws JsonProcessingException {
    String tokenizer = "{'model':{'vocab':{'<s>':1,'</s>':2}},'post_processor':{'type':'X'}}";
    assertThat(applied("{'bos_token':'<s>'}", tokenizer).path("post_processor"))
        .isEqualTo(json("{'type':'X'}"));
    assertThat(
            applied(
                    "{'bos_token':'<s>','eos_token':{'content':'</s>'},'add_bos_token':true,"
                        + "'add_eos_token':true}",
                    tokenizer)
                .path("post_processor"))
        .isEqualTo(
            json(
                "{'type':'TemplateProcessing','single':["
                    + "{'SpecialToken':{'id':'<s>','type_id':0}},{'Sequence':{'id':'A','type_id':0}},"
                    + "{'SpecialToken':{'id':'</s>','type_id':0}}],'pair':["
                    + "{'SpecialToken':{'id':'<s>','type_id':0}},{'Sequence':{'id':'A','type_id':0}},"
                    + "{'SpecialToken':{'id':'</s>','type_id':0}},"
                    + "{'SpecialToken':{'id':'<s>','type_id':1}},{'Sequence':{'id':'B','type_id':1}},"
                    + "{'SpecialToken':{'id':'</s>','type_id':1}}],'special_tokens':{"
                    + "'<s>':{'id':'<s>','ids':[1],'tokens':['<s>']},"
                    + "'</s>':{'id':'</s>','ids':[2],'tokens':['</s>']}}}"));
    assertThat(
            applied("{'bos_token':'<s>','add_bos_token':false}", tokenizer)
                .path("post_processor")
                .path("single"))
        .isEqualTo(json("[{'Sequence':{'id':'A','type_id':0}}]"));
  }
}
