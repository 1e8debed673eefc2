package dev.lorikeet.models;

import dev.lorikeet.torch.UsageException;
import java.util.Arrays;
import java.util.stream.Collectors;

/** What a model's head answers. */
public enum Task {
  /** One answer a text: logits [B, C]. */
  SEQUENCE_CLASSIFICATION("sequence-classification", "ForSequenceClassification", "SEQ_CLS"),
  /** One answer a token: logits [B, T, C]. */
  TOKEN_CLASSIFICATION("token-classification", "ForTokenClassification", "TOKEN_CLS"),
  /** The masked tokens: logits [B, T, V]. */
  MASKED_LM("masked-lm", "ForMaskedLM", "");

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
