package dev.lorikeet.training;

import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.Tape;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Updates;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The upper end of a pass: the loss of states, and its gradients with respect to the head's
 * parameters and to the states themselves, from where the rest of the model takes them on. Each
 * chunk of states goes forward and backward before the next begins.
 *
 * <p>Axes: n states, D width, C classes.
 */
final class HeadPass {
  private final Model model;
  private final Loss loss;
  private final HeadChunks chunks;

  HeadPass(Model model, Loss loss, HeadChunks chunks) {
    this.model = model;
    this.loss = loss;
    this.chunks = chunks;
  }

  /**
   * What a pass gives.
   *
   * @param sum the summed loss
   * @param ofParameters gradients; an empty tensor where the head does not depend on one
   * @param ofStates gradient [n, D]; null where the states ask for none
   */
  record Result(double sum, Map<Parameter, Tensor> ofParameters, @Nullable Tensor ofStates) {}

  /**
   * The loss of states, and the gradients of its product with {@code factor}, in the present scope.
   *
   * @param states [n, D], n at least 1
   * @param labels [n] or [n, C]
   */
  Result run(Tensor states, Tensor labels, double factor, List<Parameter> parameters) {
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
            Optional<Loss.Slope> slope = loss.slope(logits, own, factor);
            Tensor part = slope.map(Loss.Slope::sum).orElseGet(() -> loss.sum(logits, own));
            sum[0] += part.item();
            Tape.Gradients gradients =
                slope.isPresent()
                    ? tape.gradients(logits, slope.get().ofLogits(), parameters, leaves)
                    : tape.gradients(part.mul(factor), parameters, leaves);
            add(sums, gradients.ofParameters());
            gradients.ofLeaves().forEach(gradient -> ofStates.add(scope.keep(gradient)));
            sums.values().forEach(scope::keep);
          }
        });
    return new Result(sum[0], sums, ofStates.isEmpty() ? null : joined(ofStates));
  }

  private static Tensor joined(List<Tensor> chunks) {
    return chunks.size() == 1 ? chunks.get(0) : Tensor.cat(chunks, 0);
  }

  /**
   * Adds gradients to sums in place, those that are not empty; what has no sum yet becomes one.
   *
   * @param sums by parameter, in the order of {@code more}; perhaps empty tensors
   */
  static void add(Map<Parameter, Tensor> sums, Map<Parameter, Tensor> more) {
    List<Tensor> to = new ArrayList<>();
    List<Tensor> from = new ArrayList<>();
    more.forEach(
        (parameter, gradient) -> {
          Tensor sum = sums.get(parameter);
          if (sum == null || sum.count() == 0) {
            sums.put(parameter, gradient);
          } else if (gradient.count() > 0) {
            to.add(sum);
            from.add(gradient);
          }
        });
    if (!to.isEmpty()) {
      Updates.accumulateInPlace(to, from);
    }
  }
}
