package dev.lorikeet.training;

import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Updates;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What an {@link Objective} gives for some states.
 *
 * @param sum the summed loss
 * @param ofParameters gradients of all parameters asked for; an empty tensor where the head does
 *     not depend on one
 * @param ofStates gradient [n, D]; null where the states ask for none
 */
public record LossGradients(
    double sum, Map<Parameter, Tensor> ofParameters, @Nullable Tensor ofStates) {

  /** Of a loss that reads states without a head. */
  public static LossGradients withoutHead(
      double sum, List<Parameter> parameters, @Nullable Tensor ofStates) {
    Tensor nothing = Tensor.zeros(DType.FLOAT32, Device.CPU, 0);
    Map<Parameter, Tensor> ofParameters = new LinkedHashMap<>();
    parameters.forEach(parameter -> ofParameters.put(parameter, nothing));
    return new LossGradients(sum, ofParameters, ofStates);
  }

  /**
   * Adds gradients to sums in place, those that are not empty; what has no sum yet becomes one.
   *
   * @param sums by parameter, in the order of {@code more}; perhaps empty tensors
   */
  public static void add(Map<Parameter, Tensor> sums, Map<Parameter, Tensor> more) {
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
