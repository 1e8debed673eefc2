package dev.lorikeet.models;

import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Takes gradients back through a pass step by step, the last step first. Some steps it takes by
 * hand, where that costs less than autograd: an adapter folded into its weight for one step, y = x
 * (W + s·BA)ᵀ, needs one product forward and one backward, and dA and dB of x and dy, which are
 * cheap while dy is still in the processor's cache; autograd alone would make the whole weight's
 * gradient. What lies between two such steps is autograd's.
 *
 * <p>So a pass is cut into pieces. Where a step by hand begins, and at the borders of the model's
 * blocks of layers, stands a <i>value</i>: a leaf for what comes after it, whose gradient is
 * collected until all that read it has been taken back. As soon as a step is taken, what was kept
 * for it is freed.
 *
 * <p>A tape may also keep of the model's blocks nothing but what they read, and have each computed
 * again when its gradients are due: memory for one block's activations instead of all, at the price
 * of a second forward pass (Chen et al. 2016, arXiv:1604.06174).
 *
 * <p>One tape serves one forward and backward pass. Closing it frees what it kept.
 */
public final class Tape implements AutoCloseable {
  /** Seeds below this are exact in float32. */
  private static final double SEEDS = 1 << 24;

  private static final int OUTSIDE = -1;

  private final Mode mode;
  private final boolean recomputes;
  private final Scope kept = Scope.unbound();
  private final IdentityHashMap<Tensor, TapeValue> values = new IdentityHashMap<>();
  private final Deque<Step> steps = new ArrayDeque<>(); // the last first
  private final Set<Parameter> byRule = new HashSet<>();
  private final Map<Parameter, Tensor> sums = new LinkedHashMap<>();
  private List<TapeValue> roots = List.of();
  private int blocks;
  private int block = OUTSIDE;

  /** How a layer makes its parameters' gradients. */
  @FunctionalInterface
  public interface Rule {
    /**
     * The gradients of the layer's parameters.
     *
     * @param x [..., in], what the layer read
     * @param dy [..., out], the loss's gradient with respect to what it answered
     */
    Map<Parameter, Tensor> gradients(Tensor x, Tensor dy);
  }

  /** How a step takes a gradient from what it answered to what it read. */
  @FunctionalInterface
  interface Back {
    void take(Tensor dy, InputGradients into);
  }

  /** What leads to a value. */
  private abstract static class Step {
    final TapeValue answer;
    final List<Tensor> saved;

    Step(TapeValue answer, List<Tensor> saved) {
      this.answer = answer;
      this.saved = saved;
    }

    abstract void take(Tensor dy);
  }

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

  // ---- forward ----

  /**
   * A value of the pass with what {@code x} holds, to be read instead of it: where several layers
   * read x, their gradients are then added up before they go further back.
   *
   * @return x itself where nothing asks for its gradient
   */
  Tensor cut(Tensor x) {
    TapeValue known = values.get(x);
    if (known != null) {
      return known.leaf;
    }
    if (!x.requiresGrad()) {
      return x;
    }
    TapeValue value = value(x.detach().requiresGrad(true));
    name(value, x);
    Tensor graph = kept.adopt(x.alias());
    int from = block;
    steps.push(
        new Step(value, List.of(graph)) {
          @Override
          void take(Tensor dy) {
            autograd(from, inputs -> Ops.gradAgain(graph, dy, inputs));
          }
        });
    return value.leaf;
  }

  /** Whether a tensor is a value of the pass: what a step by hand, or a block, answered. */
  boolean has(Tensor x) {
    return values.containsKey(x);
  }

  private TapeValue value(Tensor leaf) {
    TapeValue value = new TapeValue(kept.adopt(leaf.alias()), block, kept);
    name(value, leaf);
    name(value, value.leaf);
    return value;
  }

  private void name(TapeValue value, Tensor name) {
    values.put(name, value);
    value.names.add(name);
  }

  /** The value that an input is, or stands for; null where nothing asks for its gradient. */
  private @Nullable TapeValue read(Tensor x) {
    cut(x);
    return values.get(x);
  }

  /**
   * Records a step that is taken back by hand.
   *
   * @param y what it answers, computed without recording gradients
   * @param inputs what it read
   * @param saved what {@code back} needs, kept until then
   * @return y, which asks for its gradient if an input does
   */
  Tensor record(Tensor y, List<Tensor> inputs, List<Tensor> saved, Back back) {
    return record(y, inputs, saved, false, back);
  }

  private Tensor record(
      Tensor y, List<Tensor> inputs, List<Tensor> saved, boolean trains, Back back) {
    List<@Nullable TapeValue> read = new ArrayList<>();
    inputs.forEach(input -> read.add(read(input)));
    if (!trains && read.stream().allMatch(input -> input == null)) {
      return y;
    }
    Tensor leaf = y.requiresGrad(true);
    saved.forEach(kept::adopt);
    steps.push(
        new Step(value(leaf), saved) {
          @Override
          void take(Tensor dy) {
            back.take(dy, new InputGradients(read));
          }
        });
    return leaf;
  }

  /**
   * y = x Wᵀ + b, where W was made of parameters.
   *
   * @param x [..., in]
   * @param weight W [out, in], made without recording gradients
   * @param bias b [out], or null
   * @param parameters what {@code rule} makes the gradients of; where they are trained, only layers
   *     on this tape read them
   * @return [..., out]
   */
  public Tensor linear(
      Tensor x, Tensor weight, @Nullable Tensor bias, Set<Parameter> parameters, Rule rule) {
    if (!GradMode.isEnabled()) {
      return Ops.linear(x, weight, bias);
    }
    if (bias != null && bias.requiresGrad()) {
      return linear(x, weight, null, parameters, rule).add(bias);
    }
    boolean trains = parameters.stream().anyMatch(Parameter::isTrainable);
    Tensor y;
    try (GradMode off = GradMode.disabled()) {
      y = Ops.linear(x, weight, bias);
    }
    if (trains) {
      byRule.addAll(parameters);
    }
    TapeValue read = read(x);
    Tensor input = (read == null ? x : read.leaf).alias();
    Tensor matrix = weight.alias();
    return record(
        y,
        List.of(x),
        List.of(input, matrix),
        trains,
        (dy, into) -> {
          if (trains) {
            rule.gradients(input, dy).forEach(this::add);
          }
          if (into.needs(0)) {
            Tensor sum = into.sum(0);
            Tensor dx = Ops.linearInputGradient(input, dy, matrix, sum);
            if (sum == null) {
              into.add(0, dx);
            }
          }
        });
  }

  /** Whether what blocks read must live as long as the tape. */
  boolean recomputes() {
    return recomputes;
  }

  /** What a block of layers answers; see {@link Mode#block}. */
  Tensor block(Tensor x, UnaryOperator<Tensor> layers) {
    if (block != OUTSIDE || !GradMode.isEnabled()) {
      return Scope.tidy(() -> layers.apply(x));
    }
    Tensor read = cut(x);
    int before = steps.size();
    long seed = recomputes ? drawSeed() : 0;
    try (Scope scope = Scope.open()) {
      block = blocks++;
      Tensor y = layers.apply(read);
      if (!recomputes || !y.requiresGrad()) {
        return scope.keep(answer(y));
      }
      while (steps.size() > before) {
        release(steps.pop());
      }
      Tensor leaf = y.detach().requiresGrad(true);
      block = OUTSIDE;
      Tensor input = kept.adopt(read.alias());
      steps.push(again(value(leaf), input, read, seed, layers));
      return scope.keep(leaf);
    } finally {
      block = OUTSIDE;
    }
  }

  /** A block's answer as a value that all may read. */
  private Tensor answer(Tensor y) {
    Tensor leaf = cut(y);
    TapeValue value = values.get(leaf);
    if (value != null) {
      value.block = OUTSIDE;
    }
    return leaf;
  }

  /** Seeds the draws of a block, so that it can draw the same again. */
  private static long drawSeed() {
    long seed = (long) Tensor.uniform(0, SEEDS, 1).item();
    Torch.seed(seed);
    return seed;
  }

  private Step again(
      TapeValue answer, Tensor input, Tensor read, long seed, UnaryOperator<Tensor> layers) {
    TapeValue below = values.get(read);
    return new Step(answer, List.of(input)) {
      @Override
      void take(Tensor dy) {
        if (below != null) {
          name(below, input);
        }
        Torch.seed(seed);
        block = blocks++;
        try (GradMode on = GradMode.enabled()) {
          TapeValue value = read(layers.apply(input));
          if (value != null) {
            value.add(dy.alias(), false);
          }
        } finally {
          block = OUTSIDE;
        }
      }
    };
  }

  // ---- backward ----

  /**
   * The gradients of a loss.
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
    return gradients(loss, null, parameters, leaves);
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

  /**
   * Gradients of a pass.
   *
   * @param ofParameters an empty tensor where the loss does not depend on one
   * @param ofLeaves likewise
   */
  public record Gradients(Map<Parameter, Tensor> ofParameters, List<Tensor> ofLeaves) {}

  /** The same, and the gradients of some leaves that are no parameters. */
  public Gradients gradients(
      Tensor output, @Nullable Tensor gradient, List<Parameter> parameters, List<Tensor> leaves) {
    Tape other = mode.tape();
    mode.tape(this);
    try (Scope scope = Scope.open()) {
      List<TapeValue> ofLeaves =
          leaves.stream().map(leaf -> new TapeValue(leaf, OUTSIDE, kept)).toList();
      Map<Parameter, TapeValue> ofParameters = new LinkedHashMap<>();
      parameters.stream()
          .filter(parameter -> !byRule.contains(parameter))
          .forEach(p -> ofParameters.put(p, new TapeValue(p.original(), OUTSIDE, kept)));
      roots = Stream.concat(ofLeaves.stream(), ofParameters.values().stream()).toList();
      autograd(OUTSIDE, inputs -> Ops.gradAgain(output, gradient, inputs));
      try (GradMode off = GradMode.disabled()) {
        while (!steps.isEmpty()) {
          takeBack(steps.pop());
        }
      }
      Tensor nothing = Tensor.zeros(DType.FLOAT32, Device.CPU, 0);
      UnaryOperator<@Nullable Tensor> given =
          sum -> scope.keep(sum == null ? nothing : scope.adopt(sum));
      // In the order asked for: sums over all gradients must come out the same to the last bit.
      Map<Parameter, Tensor> inOrder = new LinkedHashMap<>();
      for (Parameter parameter : parameters) {
        TapeValue value = ofParameters.get(parameter);
        inOrder.put(parameter, given.apply(value == null ? sums.get(parameter) : value.gradient()));
      }
      return new Gradients(
          inOrder, ofLeaves.stream().map(leaf -> given.apply(leaf.gradient())).toList());
    } finally {
      mode.tape(other);
    }
  }

  /** Takes a step back, and frees what was kept for it. */
  private void takeBack(Step step) {
    Tensor dy = step.answer.gradient();
    if (dy != null) {
      try (Scope scope = Scope.open()) {
        step.take(dy);
      }
      kept.release(dy);
    }
    release(step);
  }

  /** Adds to the gradient of a parameter that a rule makes. */
  private void add(Parameter parameter, Tensor gradient) {
    Tensor sum = sums.get(parameter);
    sums.put(parameter, kept.adopt(sum == null ? gradient : sum.add(gradient)));
  }

  private void release(Step step) {
    step.saved.forEach(kept::release);
    step.answer.names.forEach(values::remove);
    kept.release(step.answer.leaf);
  }

  /**
   * Has autograd add to the gradients of the values that a piece of the pass read.
   *
   * @param from the block that it lies in
   */
  private void autograd(int from, UnaryOperator<List<Tensor>> gradients) {
    List<TapeValue> read = new ArrayList<>(roots);
    for (Step step : steps) {
      if (step.answer.block == from || step.answer.block == OUTSIDE) {
        read.add(step.answer);
      }
    }
    List<Tensor> found = gradients.apply(read.stream().map(value -> value.leaf).toList());
    for (int i = 0; i < found.size(); i++) {
      if (found.get(i).count() > 0) {
        read.get(i).add(found.get(i), false);
      }
    }
  }

  /** Ends the recording and frees what was kept. */
  @Override
  public void close() {
    mode.tape(null);
    kept.close();
  }
}
