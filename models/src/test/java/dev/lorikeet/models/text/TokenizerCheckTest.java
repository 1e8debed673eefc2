package dev.lorikeet.models.text;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lorikeet.torch.LorikeetException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Each refused value ended the process, with status 134, when the library was given it. */
class TokenizerCheckTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String MODEL = "'model':{'type':'WordLevel','vocab':{'a':0,'[S]':1}}";

  private static void check(String parts) throws JsonProcessingException {
    String json = "{" + MODEL + (parts.isEmpty() ? "" : "," + parts) + "}";
    TokenizerCheck.check(JSON.readTree(json.replace('\'', '"')), "tokenizer.json");
  }

  private static String template(String single, String pair, String tokens) {
    return "'post_processor':{'type':'TemplateProcessing','single':["
        + single
        + "],'pair':["
        + pair
        + "],'special_tokens':{"
        + tokens
        + "}}";
  }

  private static final String A = "{'Sequence':{'id':'A','type_id':0}}";
  private static final String B = "{'Sequence':{'id':'B','type_id':1}}";
  private static final String S = "{'SpecialToken':{'id':'[S]','type_id':0}}";
  private static final String KNOWN = "'[S]':{'id':'[S]','ids':[1],'tokens':['[S]']}";

  @Test
  void wholeTokenizersAreAccepted() {
    assertThatCode(() -> check("")).doesNotThrowAnyException();
    assertThatCode(() -> check(template(S + "," + A, A + "," + S + "," + B, KNOWN)))
        .doesNotThrowAnyException();
    assertThatCode(
            () ->
                check(
                    "'post_processor':{'type':'Sequence','processors':[{'type':'ByteLevel'},{"
                        + template(A, A, "").replaceFirst(".*?\\{", "")
                        + "]}"))
        .doesNotThrowAnyException();
  }

  private static void assertRefused(String parts, String why) {
    assertThatThrownBy(() -> check(parts))
        .isInstanceOf(LorikeetException.class)
        .hasMessage("tokenizer.json: " + why + ": take the file from the model again");
  }

  @Test
  void templatesOfTokensThatAreNotThereAreRefused() {
    assertRefused(
        template(S + "," + A, A, ""),
        "post_processor: its template names the token \"[S]\", which special_tokens lacks");
    assertRefused(
        template(A + "," + B, A, ""), "post_processor: its template of one text asks for a second");
    assertRefused(
        template(A, A, KNOWN.replace("[1]", "[1,0]")),
        "post_processor: special token \"[S]\" has 2 ids and 1 tokens");
    assertRefused(
        template(A, A, KNOWN.replace("[1]", "[9]")),
        "post_processor: it writes token 9, which the vocabulary lacks");
    assertRefused(
        "'post_processor':{'type':'BertProcessing','sep':['[S]',1],'cls':['[S]',4294967296]}",
        "post_processor: it writes token 4294967296, which the vocabulary lacks");
    assertRefused(
        template(A, A.replace("'type_id':0", "'type_id':4294967295"), KNOWN),
        "post_processor: 4294967295 is no type of a token");
    assertRefused(
        "'post_processor':{'type':'Sequence','processors':[{"
            + template(A, A, "").replaceFirst(".*?\\{", "")
            + ",{'type':'ByteLevel'}]}",
        "post_processor: a template is not its last step");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      value = {
        "'decoder':{'type':'Strip','content':'a','start':1,'stop':1}; decoder: Strip strips the"
            + " ends of tokens, which is not supported",
        "'normalizer':{'type':'Prepend','prepend':''}; normalizer: Prepend prepends nothing",
        "'normalizer':{'type':'Precompiled'}; normalizer: Precompiled has no precompiled_charsmap",
        "'decoder':['\\ud800']; it holds half a surrogate pair",
        "'added_tokens':[{'id':-1,'content':'b'}]; token \"b\" has id -1, which is no number from 0"
            + " to 2147483647",
        "'added_tokens':[{'id':4294967295,'content':'b'}]; token \"b\" has id 4294967295, which is"
            + " no number from 0 to 2147483647",
        "'added_tokens':[{'id':0,'content':'a','rstrip':true},{'id':2,'content':' '}];"
            + " added_tokens: one token has rstrip and another begins with a space, which cannot be"
            + " told apart",
      })
  void otherPartsThatEndTheProcessAreRefused(String parts, String why) {
    assertRefused(parts, why);
  }

  @Test
  void mergesWithoutTheirPrefixAndDeepNestingAreRefused() {
    assertThatThrownBy(
            () ->
                TokenizerCheck.check(
                    JSON.readTree(
                        "{\"model\":{\"vocab\":{},\"continuing_subword_prefix\":\"##\","
                            + "\"merges\":[\"a b\"]}}"),
                    "t"))
        .hasMessage(
            "t: merge \"a b\" does not go on with continuing_subword_prefix \"##\": take the file"
                + " from the model again");
    assertRefused(
        "'decoder':" + "[".repeat(120) + "]".repeat(120), "it is nested more than 100 deep");
    assertRefused(
        "'normalizer':{'type':'Sequence','normalizers':["
            + "{'type':'Replace','pattern':{'String':'a'},'content':'aaaaaaaaa'},".repeat(4)
            + "{'type':'Replace','pattern':{'String':''},'content':'a'}]}",
        "normalizer: it makes texts more than 10000 times as long");
  }
}
