package dev.lorikeet.training;

import dev.lorikeet.data.Batch;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** A step gave NaN or infinity: where it shows first, and the likely cause. */
final class NonFinite extends LorikeetException {
  private static final int NAMED = 5;

  private NonFinite(String message) {
    super(message);
  }

  /** The step has no label to learn from: a mean over nothing is 0 / 0. */
  static NonFinite noLabels(int rows) {
    return new NonFinite(
        "none of the labels of its "
            + rows
            + " examples counts: raise max_length, or look for examples without labels");
  }

  /**
   * The loss is not finite.
   *
   * @param sum over the rows of {@code batch}
   * @param states that the objective read, [n, D]
   */
  static NonFinite loss(
      double sum,
      Batch batch,
      Tensor states,
      Objective objective,
      Model model,
      List<Trainable> trainables) {
    try (Scope scope = Scope.open();
        GradMode off = GradMode.disabled()) {
      Tensor logits = model.head(states);
      return new NonFinite(
          "the loss is "
              + sum
              + " for "
              + examples(badRows(batch, states, objective))
              + ": "
              + cause(batch, logits, model, trainables));
    }
  }

  /** The gradients' norm is not finite, although the loss is. */
  static NonFinite gradient(
      double norm, Map<Parameter, Tensor> gradients, Model model, List<Trainable> trainables) {
    for (Trainable trainable : trainables) {
      Tensor gradient = Objects.requireNonNull(gradients.get(trainable.parameter()));
      if (!gradient.isFinite()) {
        return new NonFinite(
            "the loss is finite, but the gradient of "
                + trainable.name()
                + " is not: "
                + (isHalf(model)
                    ? "float16 overflows in the backward pass; use bfloat16"
                    : "a function of the loss or model has no slope there, as log and sqrt have"
                        + " none at 0; lower the learning rate"));
      }
    }
    return new NonFinite(
        "the gradients are finite, but their norm is " + norm + ": lower the learning rate");
  }

  /** The indices of the rows whose own loss is not finite; all where only their sum is not. */
  private static List<Integer> badRows(Batch batch, Tensor states, Objective objective) {
    List<Integer> bad = new ArrayList<>();
    List<Integer> all = IntStream.of(batch.indices()).distinct().boxed().toList();
    if (batch.documents().length > 0 || objective.pairing() != Objective.Pairing.ROWS) {
      return all;
    }
    int[] counts = objective.states(batch);
    long start = 0;
    for (int row = 0; row < batch.rows(); row++) {
      Tensor own = states.narrow(0, start, counts[row]);
      start += counts[row];
      double value =
          counts[row] == 0
              ? 0
              : objective.sum(own, batch.rows(row, row + 1), (logits, labels) -> {});
      if (!Double.isFinite(value)) {
        bad.add(batch.indices()[row]);
      }
    }
    return bad.isEmpty() ? all : bad;
  }

  private static String examples(List<Integer> indices) {
    String named =
        indices.stream().limit(NAMED).map(String::valueOf).collect(Collectors.joining(", "));
    int more = indices.size() - NAMED;
    return (indices.size() == 1 ? "training example " : "training examples ")
        + named
        + (more > 0 ? " and " + more + " more" : "")
        + " (counted from 0)";
  }

  private static String cause(Batch batch, Tensor logits, Model model, List<Trainable> trainables) {
    for (float target : batch.targets()) {
      if (!Float.isFinite(target)) {
        return "a target is " + target + ": mend the row";
      }
    }
    for (Trainable trainable : trainables) {
      if (!trainable.parameter().original().isFinite()) {
        return trainable.name() + " has NaN or infinite elements: lower the learning rate";
      }
    }
    for (Parameter parameter : model.parameters().values()) {
      if (!parameter.original().isFinite()) {
        return parameter.name()
            + " has NaN or infinite elements and is not trained: mend the checkpoint";
      }
    }
    if (!logits.isFinite()) {
      String layer = FirstNonFinite.layer(model, batch);
      return (layer == null
              ? "the model's answers overflow"
              : "the output of " + layer + " overflows")
          + (isHalf(model)
              ? ", for which float16 is too narrow: use bfloat16"
              : " although all weights are finite: lower the learning rate");
    }
    return "the answers are finite, their loss is not, as a log of 0: lower the learning rate, or"
        + " look for broken rows in the data";
  }

  private static boolean isHalf(Model model) {
    return model.mode().dtype() == DType.FLOAT16;
  }
}
