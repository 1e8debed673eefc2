package dev.lorikeet.models;

import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;

/**
 * Layers that form their parameters' gradients by hand. An adapter folded into its weight for one
 * step, y = x (W + s·BA)ᵀ, costs one product forward and one backward; autograd alone would add a
 * third for the whole weight's gradient. So such a layer records its input x and output y here, the
 * trainer asks autograd for dy, and the layer makes dA and dB of x and dy, which is cheap.
 *
 * <p>One tape serves one forward and backward pass. Closing it frees what it kept.
 */
public final class Tape implements AutoCloseable {
  private final Mode mode;
  private final Scope kept = Scope.unbound();
  private final List<Entry> entries = new ArrayList<>();

  /** How a layer makes its parameters' gradients. */
  @FunctionalInterface
  public interface Rule {
    /**
     * The gradients of the layer's parameters.
     *
     * @param x [..., in], what {@link Tape#record} was given
     * @param dy [..., out], the loss's gradient with respect to y
     */
    Map<Parameter, Tensor> gradients(Tensor x, Tensor dy);
  }

  private record Entry(Tensor x, Tensor y, Set<Parameter> parameters, Rule rule) {
    Map<Parameter, Tensor> gradients(Tensor dy) {
      return dy.count() > 0
          ? rule.gradients(x, dy)
          : parameters.stream().collect(Collectors.toMap(p -> p, p -> dy));
    }
  }

  /** A tape that the model's layers record on until it is closed. */
  public static Tape of(Model model) {
    Tape tape = new Tape(model.mode());
    model.mode().tape(tape);
    return tape;
  }

  private Tape(Mode mode) {
    this.mode = mode;
  }

  /**
   * Records a layer's pass.
   *
   * @param x [..., in]
   * @param y [..., out], computed from x without recording gradients of {@code parameters}
   * @param parameters what {@code rule} makes the gradients of
   * @return y, or where y needs no gradient a leaf with its values that does; where all of {@code
   *     parameters} are frozen, y itself
   */
  public Tensor record(Tensor x, Tensor y, Set<Parameter> parameters, Rule rule) {
    if (parameters.stream().noneMatch(Parameter::isTrainable)) {
      return y;
    }
    Tensor output = y.requiresGrad() ? y : y.detach().requiresGrad(true);
    entries.add(new Entry(kept.adopt(x.detach()), kept.adopt(output.alias()), parameters, rule));
    return output;
  }

  /**
   * The gradients of a loss, those of recorded layers by their rules.
   *
   * @return by parameter; an empty tensor where the loss does not depend on it
   */
  public Map<Parameter, Tensor> gradients(Tensor loss, List<Parameter> parameters) {
    return gradients(loss, parameters, List.of()).ofParameters();
  }

  /**
   * The same, and the gradients of some leaves that are no parameters.
   *
   * @param leaves which ask for gradients
   */
  public Gradients gradients(Tensor loss, List<Parameter> parameters, List<Tensor> leaves) {
    return gradients(parameters, leaves, inputs -> Ops.grad(loss, inputs));
  }

  /**
   * The gradients of a loss of which only its gradient with respect to {@code output} is known.
   *
   * @param gradient in the shape of {@code output}
   * @return as {@link #gradients(Tensor, List)}
   */
  public Map<Parameter, Tensor> gradients(
      Tensor output, Tensor gradient, List<Parameter> parameters) {
    return gradients(output, gradient, parameters, List.of()).ofParameters();
  }

  /** The same, and the gradients of some leaves that are no parameters. */
  public Gradients gradients(
      Tensor output, Tensor gradient, List<Parameter> parameters, List<Tensor> leaves) {
    return gradients(parameters, leaves, inputs -> Ops.grad(output, gradient, inputs));
  }

  /**
   * Gradients of a pass.
   *
   * @param ofParameters an empty tensor where the loss does not depend on one
   * @param ofLeaves likewise
   */
  public record Gradients(Map<Parameter, Tensor> ofParameters, List<Tensor> ofLeaves) {}

  private Gradients gradients(
      List<Parameter> parameters, List<Tensor> leaves, UnaryOperator<List<Tensor>> autograd) {
    Set<Parameter> byRule = new HashSet<>();
    entries.forEach(entry -> byRule.addAll(entry.parameters));
    List<Parameter> byAutograd = parameters.stream().filter(p -> !byRule.contains(p)).toList();
    List<Tensor> inputs = new ArrayList<>(leaves);
    byAutograd.forEach(parameter -> inputs.add(parameter.original()));
    entries.forEach(entry -> inputs.add(entry.y));
    List<Tensor> all = autograd.apply(inputs);
    List<Tensor> gradients = all.subList(leaves.size(), all.size());
    Map<Parameter, Tensor> unordered = new HashMap<>();
    for (int i = 0; i < byAutograd.size(); i++) {
      unordered.put(byAutograd.get(i), gradients.get(i));
    }
    for (int i = 0; i < entries.size(); i++) {
      entries
          .get(i)
          .gradients(gradients.get(byAutograd.size() + i))
          .forEach((parameter, gradient) -> unordered.merge(parameter, gradient, Tensor::add));
    }
    // In the order asked for: sums over all gradients must come out the same to the last bit.
    Map<Parameter, Tensor> inOrder = new LinkedHashMap<>();
    parameters.forEach(p -> inOrder.put(p, Objects.requireNonNull(unordered.get(p))));
    return new Gradients(inOrder, all.subList(0, leaves.size()));
  }

  /** Ends the recording and frees what was kept. */
  @Override
  public void close() {
    mode.tape(null);
    kept.close();
  }
}
