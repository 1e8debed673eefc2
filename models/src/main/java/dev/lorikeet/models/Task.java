package dev.lorikeet.models;

import dev.lorikeet.torch.UsageException;
import java.util.Arrays;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What a model's head answers. */
public enum Task {
  /** One answer a text: logits [B, C]. */
  SEQUENCE_CLASSIFICATION("sequence-classification", "ForSequenceClassification", "SEQ_CLS"),
  /** One answer a token: logits [B, T, C]. */
  TOKEN_CLASSIFICATION("token-classification", "ForTokenClassification", "TOKEN_CLS"),
  /** The masked tokens: logits [B, T, V]. */
  MASKED_LM("masked-lm", "ForMaskedLM", ""),
  /** The next token: logits [B, T, V]. */
  CAUSAL_LM("causal-lm", "ForCausalLM", "CAUSAL_LM"),
  /** The next token of an answer to a text: logits [B, U, V]. */
  SEQ_2_SEQ_LM("seq2seq-lm", "ForConditionalGeneration", "SEQ_2_SEQ_LM"),
  /** One answer an image: logits [B, C]. */
  IMAGE_CLASSIFICATION("image-classification", "ForImageClassification", "");

  /** How GPT-2's class for causal language models ends. */
  private static final String LM_HEAD = "LMHeadModel";

  private final String id;
  private final String classSuffix;
  private final String peftTaskType;

  Task(String id, String classSuffix, String peftTaskType) {
    this.id = id;
    this.classSuffix = classSuffix;
    this.peftTaskType = peftTaskType;
  }

  /** The name that users type. */
  public String id() {
    return id;
  }

  /** How the names of transformers' classes for this task end. */
  public String classSuffix() {
    return classSuffix;
  }

  /** The task of the transformers class of that name, or null for a model without a head. */
  static @Nullable Task ofClass(String className) {
    return Arrays.stream(values())
        .filter(
            task ->
                className.endsWith(task.classSuffix)
                    || (task == CAUSAL_LM && className.endsWith(LM_HEAD)))
        .findFirst()
        .orElse(null);
  }

  /** Whether the labels are tokens. */
  public boolean isLanguageModel() {
    return this == MASKED_LM || this == CAUSAL_LM || this == SEQ_2_SEQ_LM;
  }

  /** PEFT's {@code task_type}; empty where PEFT has none. */
  public String peftTaskType() {
    return peftTaskType;
  }

  /**
   * The task that users call {@code id}; {@code fill-mask} is another name of {@code masked-lm}.
   *
   * @throws UsageException when there is none, listing those there are
   */
  public static Task of(String id) {
    String name = id.equals("fill-mask") ? MASKED_LM.id : id;
    return Arrays.stream(values())
        .filter(task -> task.id.equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new UsageException(
                    "unknown task \""
                        + id
                        + "\": use "
                        + Arrays.stream(values()).map(Task::id).collect(Collectors.joining(", "))));
  }
}
