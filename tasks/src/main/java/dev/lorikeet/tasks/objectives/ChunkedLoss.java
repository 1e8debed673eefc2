package dev.lorikeet.tasks.objectives;

import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.Tape;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.training.LossGradients;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;

/**
 * The upper end of a pass: the loss of states, and its gradients with respect to the head's
 * parameters and to the states themselves. Each chunk of states goes forward and backward before
 * the next begins.
 *
 * <p>Axes: n states, D width, C classes.
 */
final class ChunkedLoss {
  private final Model model;
  private final LogitLoss loss;
  private final LogitChunks chunks;

  ChunkedLoss(Model model, LogitLoss loss, LogitChunks chunks) {
    this.model = model;
    this.loss = loss;
    this.chunks = chunks;
  }

  /**
   * The loss of states, and the gradients of its product with {@code factor}, in the present scope.
   *
   * @param states [n, D], n at least 1
   * @param labels [n] or [n, C]
   */
  LossGradients gradients(Tensor states, Tensor labels, double factor, List<Parameter> parameters) {
    double[] sum = {0};
    Map<Parameter, Tensor> sums = new LinkedHashMap<>();
    List<Tensor> ofStates = new ArrayList<>();
    chunks.each(
        states.detach(),
        labels,
        (chunk, own) -> {
          try (Scope scope = Scope.open();
              GradMode on = GradMode.enabled();
              Tape tape = Tape.of(model)) {
            List<Tensor> leaves =
                states.requiresGrad() ? List.of(chunk.detach().requiresGrad(true)) : List.of();
            Tensor logits = model.head(leaves.isEmpty() ? chunk : leaves.get(0)); // [c, C]
            Optional<LogitLoss.LogitGradient> known = loss.gradient(logits, own, factor);
            Tensor part =
                known.map(LogitLoss.LogitGradient::sum).orElseGet(() -> loss.sum(logits, own));
            sum[0] += part.item();
            Tape.Gradients gradients =
                known.isPresent()
                    ? tape.gradients(logits, known.get().ofLogits(), parameters, leaves)
                    : tape.gradients(part.mul(factor), parameters, leaves);
            LossGradients.add(sums, gradients.ofParameters());
            gradients.ofLeaves().forEach(gradient -> ofStates.add(scope.keep(gradient)));
            sums.values().forEach(scope::keep);
          }
        });
    return new LossGradients(sum[0], sums, ofStates.isEmpty() ? null : joined(ofStates));
  }

  /**
   * The loss of states alone.
   *
   * @param answers takes the logits of each chunk, [c, C], and its labels
   */
  double sum(Tensor states, Tensor labels, BiConsumer<Tensor, Tensor> answers) {
    double[] sum = {0};
    chunks.each(
        states,
        labels,
        (chunk, own) -> {
          try (Scope scope = Scope.open()) {
            Tensor logits = model.head(chunk);
            answers.accept(logits, own);
            sum[0] += loss.sum(logits, own).item();
          }
        });
    return sum[0];
  }

  static Tensor joined(List<Tensor> chunks) {
    return chunks.size() == 1 ? chunks.get(0) : Tensor.cat(chunks, 0);
  }
}
