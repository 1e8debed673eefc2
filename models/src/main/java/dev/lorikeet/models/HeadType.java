package dev.lorikeet.models;

import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;
import org.jspecify.annotations.Nullable;

/**
 * A kind of head, as transformers' classes have it: which states it reads, and what it answers.
 *
 * @param id what users call it: {@code token-classification}
 * @param classSuffix how the names of transformers' classes with it end: {@code
 *     ForTokenClassification}
 * @param peftTaskType PEFT's {@code task_type}; empty where PEFT has none
 * @param module of heads of tokens the linear layer, by the name that most architectures give it
 * @param outputs of heads of tokens how many that layer has; 0 for as many as there are labels
 */
public record HeadType(
    String id, Reads reads, String classSuffix, String peftTaskType, String module, int outputs) {
  /** One answer a text: logits [B, C]. */
  public static final HeadType SEQUENCE_CLASSIFICATION =
      new HeadType(
          "sequence-classification", Reads.TEXT, "ForSequenceClassification", "SEQ_CLS", "", 0);

  /** One answer a token: logits [B, T, C]. */
  public static final HeadType TOKEN_CLASSIFICATION =
      new HeadType(
          "token-classification",
          Reads.TOKENS,
          "ForTokenClassification",
          "TOKEN_CLS",
          "classifier",
          0);

  /** The masked tokens: logits [B, T, V]. */
  public static final HeadType MASKED_LM =
      new HeadType("masked-lm", Reads.MASKED_TOKENS, "ForMaskedLM", "", "", 0);

  /** The next token: logits [B, T, V]. */
  public static final HeadType CAUSAL_LM =
      new HeadType("causal-lm", Reads.TOKENS_BEFORE, "ForCausalLM", "CAUSAL_LM", "", 0);

  /** The next token of an answer to a text: logits [B, U, V]. */
  public static final HeadType SEQ_2_SEQ_LM =
      new HeadType("seq2seq-lm", Reads.DECODER, "ForConditionalGeneration", "SEQ_2_SEQ_LM", "", 0);

  /** One answer an image: logits [B, C]. */
  public static final HeadType IMAGE_CLASSIFICATION =
      new HeadType("image-classification", Reads.TEXT, "ForImageClassification", "", "", 0);

  /** How GPT-2's class for causal language models ends. */
  private static final String LM_HEAD = "LMHeadModel";

  /** Which states a head reads. */
  public enum Reads {
    /** The one that stands for a text, or an image. */
    TEXT,
    /** Those of all tokens, each for its own answer. */
    TOKENS,
    /** Those of all tokens, for the word that stands there. */
    MASKED_TOKENS,
    /** Those of all tokens, for the word that follows. */
    TOKENS_BEFORE,
    /** Those of an encoder-decoder's decoder, for the word that follows. */
    DECODER
  }

  /** Heads that are no architecture's own: a service, named in {@code META-INF/services}. */
  public interface Provider {
    /** A head that models can have. */
    HeadType headType();
  }

  /** All heads that the class path has. */
  private static final class Known {
    static final List<HeadType> TYPES = found();

    private static List<HeadType> found() {
      List<HeadType> types =
          new ArrayList<>(
              List.of(
                  SEQUENCE_CLASSIFICATION,
                  TOKEN_CLASSIFICATION,
                  MASKED_LM,
                  CAUSAL_LM,
                  SEQ_2_SEQ_LM,
                  IMAGE_CLASSIFICATION));
      for (Provider provider :
          ServiceLoader.load(Provider.class, HeadType.class.getClassLoader())) {
        if (!types.contains(provider.headType())) {
          types.add(provider.headType());
        }
      }
      return types;
    }
  }

  /** A head of one linear layer over the states of tokens. */
  public static HeadType ofTokens(
      String id, String classSuffix, String peftTaskType, String module, int outputs) {
    return new HeadType(id, Reads.TOKENS, classSuffix, peftTaskType, module, outputs);
  }

  /** The head of the transformers class of that name, or null for a model without a head. */
  static @Nullable HeadType ofClass(String className) {
    if (className.endsWith(LM_HEAD)) {
      return CAUSAL_LM;
    }
    return Known.TYPES.stream()
        .filter(type -> className.endsWith(type.classSuffix))
        .findFirst()
        .orElse(null);
  }

  /** The head of PEFT's {@code task_type}, or null when there is none. */
  public static @Nullable HeadType ofPeft(String taskType) {
    return Known.TYPES.stream()
        .filter(type -> !taskType.isEmpty() && type.peftTaskType.equals(taskType))
        .findFirst()
        .orElse(null);
  }

  /** Whether its outputs are the words of the vocabulary. */
  public boolean isLanguageModel() {
    return reads != Reads.TEXT && reads != Reads.TOKENS;
  }

  /** Whether an answer is made for each token that is read, where it stands. */
  public boolean answersInPlace() {
    return reads == Reads.TOKENS || reads == Reads.MASKED_TOKENS;
  }

  /** Whether PEFT saves it with an adapter unasked. */
  public boolean isSavedWithAdapters() {
    return !isLanguageModel() && !peftTaskType.isEmpty();
  }

  /** Whether an architecture that has this head can have another: heads of tokens are alike. */
  boolean standsFor(HeadType other) {
    return equals(other) || (reads == Reads.TOKENS && other.reads == Reads.TOKENS);
  }
}
