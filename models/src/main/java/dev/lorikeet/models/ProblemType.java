package dev.lorikeet.models;

import dev.lorikeet.torch.UsageException;
import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * What a sequence's labels are, as {@code problem_type} in config.json says it; decides the loss.
 */
public enum ProblemType {
  /** One class of several: softmax cross entropy. */
  SINGLE_LABEL("single_label_classification"),
  /** Any number of classes: a sigmoid cross entropy each. */
  MULTI_LABEL("multi_label_classification"),
  /** A number: squared error. */
  REGRESSION("regression");

  private final String id;

  ProblemType(String id) {
    this.id = id;
  }

  /** The name in config.json, which is also what users type. */
  public String id() {
    return id;
  }

  /**
   * The problem type called {@code id}.
   *
   * @throws UsageException when there is none, listing those there are
   */
  public static ProblemType of(String id) {
    return Arrays.stream(values())
        .filter(type -> type.id.equals(id))
        .findFirst()
        .orElseThrow(
            () ->
                new UsageException(
                    "unknown problem_type \""
                        + id
                        + "\": use "
                        + Arrays.stream(values())
                            .map(ProblemType::id)
                            .collect(Collectors.joining(", "))));
  }
}
