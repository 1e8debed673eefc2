package dev.lorikeet.models;

import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.UnaryOperator;

/**
 * Layers that form their parameters' gradients by hand. An adapter folded into its weight for one
 * step, y = x (W + s·BA)ᵀ, costs one product forward and one backward; autograd alone would add a
 * third for the whole weight's gradient. So such a layer records its input x and output y here, the
 * trainer asks autograd for dy, and the layer makes dA and dB of x and dy, which is cheap.
 *
 * <p>A tape may also keep of the model's blocks of layers nothing but what they read, and have each
 * computed again when its gradients are due: memory for one block's activations instead of all, at
 * the price of a second forward pass (Chen et al. 2016, arXiv:1604.06174).
 *
 * <p>One tape serves one forward and backward pass. Closing it frees what it kept.
 */
public final class Tape implements AutoCloseable {
  /** Seeds below this are exact in float32. */
  private static final double SEEDS = 1 << 24;

  private final Mode mode;
  private final boolean recomputes;
  private final Scope kept = Scope.unbound();
  private final List<Entry> entries = new ArrayList<>();
  private final List<Block> blocks = new ArrayList<>();
  private boolean listens = true;

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

  private record Entry(Tensor x, Tensor y, Set<Parameter> parameters, Rule rule) {}

  /**
   * Layers whose activations are computed again.
   *
   * @param x what they read
   * @param y what they answered, a leaf
   * @param seed of their random draws
   */
  private record Block(Tensor x, Tensor y, long seed, UnaryOperator<Tensor> layers) {}

  /** A tape that the model's layers record on until it is closed. */
  public static Tape of(Model model) {
    return new Tape(model.mode(), false);
  }

  /** One that keeps of each block of layers only what it reads, and computes the rest again. */
  public static Tape recomputing(Model model) {
    return new Tape(model.mode(), true);
  }

  private Tape(Mode mode, boolean recomputes) {
    this.mode = mode;
    this.recomputes = recomputes;
    mode.tape(this);
  }

  /** Whether what blocks read must live as long as the tape. */
  boolean recomputes() {
    return recomputes;
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
    if (listens) {
      entries.add(new Entry(kept.adopt(x.detach()), kept.adopt(output.alias()), parameters, rule));
    }
    return output;
  }

  /** What a block of layers answers; see {@link Mode#block}. */
  Tensor block(Tensor x, UnaryOperator<Tensor> layers) {
    if (!recomputes || !GradMode.isEnabled()) {
      return Scope.tidy(() -> layers.apply(x));
    }
    long seed = (long) Tensor.uniform(0, SEEDS, 1).item();
    Torch.seed(seed);
    try (Scope scope = Scope.open()) {
      listens = false;
      Tensor y = layers.apply(x);
      if (!y.requiresGrad()) {
        return scope.keep(y); // nothing trains in it or below
      }
      Tensor leaf = y.detach().requiresGrad(true);
      blocks.add(new Block(kept.adopt(x.alias()), kept.adopt(leaf.alias()), seed, layers));
      return scope.keep(leaf);
    } finally {
      listens = true;
    }
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
    return gradients(
        parameters,
        leaves,
        inputs -> blocks.isEmpty() ? Ops.grad(loss, inputs) : Ops.gradAgain(loss, null, inputs));
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
    return gradients(
        parameters,
        leaves,
        inputs ->
            blocks.isEmpty()
                ? Ops.grad(output, gradient, inputs)
                : Ops.gradAgain(output, gradient, inputs));
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
    List<Entry> outside = takeEntries();
    List<Tensor> asked = new ArrayList<>(leaves);
    outside.forEach(entry -> asked.add(entry.y));
    blocks.forEach(block -> asked.add(block.y));
    Map<Parameter, Tensor> sums = new HashMap<>();
    List<Tensor> ofAsked = new ArrayList<>(backward(parameters, asked, sums, autograd));
    int below = leaves.size() + outside.size();
    for (int i = blocks.size() - 1; i >= 0; i--) {
      Tensor dy = ofAsked.get(below + i);
      if (dy.count() > 0) {
        again(blocks.get(i), dy, parameters, asked.subList(0, below + i), sums, ofAsked);
      }
    }
    for (int i = 0; i < outside.size(); i++) {
      add(outside.get(i), ofAsked.get(leaves.size() + i), sums);
    }
    // In the order asked for: sums over all gradients must come out the same to the last bit.
    Map<Parameter, Tensor> inOrder = new LinkedHashMap<>();
    parameters.forEach(p -> inOrder.put(p, Objects.requireNonNull(sums.get(p))));
    return new Gradients(inOrder, ofAsked.subList(0, leaves.size()));
  }

  /**
   * Computes a block again and takes its gradients to what it read.
   *
   * @param dy of what it answers
   * @param asked whose gradients it adds to those of the same places in {@code ofAsked}
   */
  private void again(
      Block block,
      Tensor dy,
      List<Parameter> parameters,
      List<Tensor> asked,
      Map<Parameter, Tensor> sums,
      List<Tensor> ofAsked) {
    Tape other = mode.tape();
    mode.tape(this);
    Torch.seed(block.seed);
    try (Scope scope = Scope.open();
        GradMode on = GradMode.enabled()) {
      Tensor y = block.layers.apply(block.x);
      List<Entry> inside = takeEntries();
      List<Tensor> inputs = new ArrayList<>(asked);
      inside.forEach(entry -> inputs.add(entry.y));
      List<Tensor> more = backward(parameters, inputs, sums, all -> Ops.gradAgain(y, dy, all));
      for (int i = 0; i < asked.size(); i++) {
        ofAsked.set(i, scope.keep(sum(ofAsked.get(i), more.get(i))));
      }
      for (int i = 0; i < inside.size(); i++) {
        add(inside.get(i), more.get(asked.size() + i), sums);
      }
      sums.values().forEach(scope::keep);
    } finally {
      mode.tape(other);
    }
  }

  private List<Entry> takeEntries() {
    List<Entry> taken = List.copyOf(entries);
    entries.clear();
    return taken;
  }

  /**
   * What autograd makes of one pass.
   *
   * @param sums to which it adds the gradients of parameters; those that rules make get none here
   * @return the gradients of {@code asked}
   */
  private static List<Tensor> backward(
      List<Parameter> parameters,
      List<Tensor> asked,
      Map<Parameter, Tensor> sums,
      UnaryOperator<List<Tensor>> autograd) {
    List<Tensor> inputs = new ArrayList<>(asked);
    parameters.forEach(parameter -> inputs.add(parameter.original()));
    List<Tensor> all = autograd.apply(inputs);
    for (int i = 0; i < parameters.size(); i++) {
      sums.merge(parameters.get(i), all.get(asked.size() + i), Tape::sum);
    }
    return all.subList(0, asked.size());
  }

  /** Adds the gradients of a recorded layer's parameters, and frees what was kept of it. */
  private void add(Entry entry, Tensor dy, Map<Parameter, Tensor> sums) {
    if (dy.count() > 0) {
      entry.rule.gradients(entry.x, dy).forEach((p, g) -> sums.merge(p, g, Tape::sum));
    }
    kept.release(entry.x);
    kept.release(entry.y);
  }

  /** Of gradients, of which an empty one is none. */
  private static Tensor sum(Tensor x, Tensor y) {
    if (x.count() == 0) {
      return y;
    }
    return y.count() == 0 ? x : x.add(y);
  }

  /** Ends the recording and frees what was kept. */
  @Override
  public void close() {
    mode.tape(null);
    kept.close();
  }
}
