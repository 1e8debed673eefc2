package dev.lorikeet.training;

import dev.lorikeet.torch.UsageException;
import java.util.List;
import java.util.function.Consumer;

/**
 * How gradients become steps. An optimizer has the settings of {@link OptimizerType#keys}; the
 * others stay 0 or false.
 *
 * @param beta1 the decay of the gradients' mean; of Adafactor, whose 0 is none, of the updates'
 * @param beta2 the decay of their squares' mean; of Lion, of the remembered mean
 * @param eps what keeps the division by the root of the squares from blowing up
 * @param momentum the decay of the running gradient (SGD) or update (RMSprop)
 * @param dampening what share of a gradient the running gradient leaves out
 * @param nesterov whether the step looks ahead along the running gradient
 * @param alpha the decay of RMSprop's mean of squares
 * @param centered whether RMSprop divides by the deviation from the mean
 * @param decayRate Adafactor's mean of squares takes a share of step^decayRate of the new ones
 * @param clipThreshold the largest root mean square of Adafactor's update
 * @param scaleParameter whether Adafactor's rate is relative to a parameter's root mean square
 * @param decoupledWeightDecay whether weight decay shrinks parameters by lr · weight_decay, or adds
 *     weight_decay times the parameter to the gradient
 * @param l1Penalty of matrices: what of their signs is added to the gradient, after clipping
 * @param l2Penalty of matrices: what of themselves is added to the gradient, after clipping
 */
public record OptimizerConfig(
    OptimizerType type,
    double beta1,
    double beta2,
    double eps,
    double momentum,
    double dampening,
    boolean nesterov,
    double alpha,
    boolean centered,
    double decayRate,
    double clipThreshold,
    boolean scaleParameter,
    boolean decoupledWeightDecay,
    double l1Penalty,
    double l2Penalty) {

  /** AdamW as torch has it. */
  public static final OptimizerConfig DEFAULT = of(OptimizerType.ADAMW);

  public OptimizerConfig {
    below1(type, "beta1", beta1);
    below1(type, "beta2", beta2);
    below1(type, "alpha", alpha);
    below1(type, "dampening", dampening);
    below1(type, "momentum", momentum);
    hasOrNone(type, "eps", eps, eps > 0, "above 0");
    hasOrNone(type, "decay_rate", decayRate, decayRate < 0, "below 0");
    hasOrNone(type, "clip_threshold", clipThreshold, clipThreshold > 0, "above 0");
    hasOrNone(type, "nesterov", nesterov ? 1 : 0, true, "");
    hasOrNone(type, "centered", centered ? 1 : 0, true, "");
    hasOrNone(type, "scale_parameter", scaleParameter ? 1 : 0, true, "");
    if (nesterov && (momentum == 0 || dampening != 0)) {
      throw new UsageException(
          "nesterov needs momentum above 0 and no dampening: momentum is "
              + momentum
              + ", dampening "
              + dampening);
    }
    if (dampening != 0 && momentum == 0) {
      throw new UsageException(
          "dampening is " + dampening + " without momentum, which it dampens: set momentum too");
    }
    atLeast0("l1_penalty", l1Penalty);
    atLeast0("l2_penalty", l2Penalty);
  }

  /** AdamW with these settings. */
  public OptimizerConfig(double beta1, double beta2, double eps) {
    this(OptimizerType.ADAMW, beta1, beta2, eps, 0, 0, false, 0, false, 0, 0, false, true, 0, 0);
  }

  private static void below1(OptimizerType type, String key, double value) {
    hasOrNone(type, key, value, value >= 0 && value < 1, "at least 0 and below 1");
  }

  private static void hasOrNone(
      OptimizerType type, String key, double value, boolean good, String range) {
    if (!type.keys().contains(key)) {
      if (value != 0) {
        throw new UsageException(
            key
                + " is no setting of optimizer "
                + type.id()
                + ": it has "
                + String.join(", ", type.keys()));
      }
    } else if (!good) {
      throw new UsageException(key + " is " + value + ": it must be " + range);
    }
  }

  private static void atLeast0(String key, double value) {
    if (!(value >= 0)) {
      throw new UsageException(key + " is " + value + ": it must be at least 0");
    }
  }

  /** An optimizer with torch's defaults; Adafactor with those of transformers' Trainer. */
  public static OptimizerConfig of(OptimizerType type) {
    Draft draft = new Draft(type);
    switch (type) {
      case ADAMW, ADAM -> {
        draft.beta1 = 0.9;
        draft.beta2 = 0.999;
        draft.eps = 1e-8;
      }
      case SGD -> {}
      case RMSPROP -> {
        draft.alpha = 0.99;
        draft.eps = 1e-8;
      }
      case ADAGRAD -> draft.eps = 1e-10;
      case ADAFACTOR -> {
        draft.eps = 1e-30;
        draft.decayRate = -0.8;
        draft.clipThreshold = 1;
      }
      case LION -> {
        draft.beta1 = 0.9;
        draft.beta2 = 0.99;
      }
    }
    return draft.finish();
  }

  /** The same settings but for what {@code change} sets. */
  public OptimizerConfig with(Consumer<Draft> change) {
    Draft draft = new Draft(this);
    change.accept(draft);
    return draft.finish();
  }

  /** The optimizer, with nothing remembered yet. */
  Optimizer make(List<ParameterGroup> groups) {
    return switch (type) {
      case ADAMW, ADAM -> new AdamW(groups, this);
      case SGD -> new Sgd(groups, this);
      case RMSPROP -> new RmsProp(groups, this);
      case ADAGRAD -> new Adagrad(groups, this);
      case ADAFACTOR -> new Adafactor(groups, this);
      case LION -> new Lion(groups, this);
    };
  }

  /** What the optimizer remembers of a parameter. */
  GroupOptimizer.Memory memory() {
    return switch (type) {
      case ADAMW, ADAM -> AdamW.memory();
      case SGD -> Sgd.memory(this);
      case RMSPROP -> RmsProp.memory(this);
      case ADAGRAD -> Adagrad.memory();
      case ADAFACTOR -> Adafactor.memory(this);
      case LION -> Lion.memory();
    };
  }

  /** Settings on their way to others; each field is the component of its name. */
  public static final class Draft {
    private final OptimizerType type;
    public double beta1;
    public double beta2;
    public double eps;
    public double momentum;
    public double dampening;
    public boolean nesterov;
    public double alpha;
    public boolean centered;
    public double decayRate;
    public double clipThreshold;
    public boolean scaleParameter;
    public boolean decoupledWeightDecay;
    public double l1Penalty;
    public double l2Penalty;

    private Draft(OptimizerType type) {
      this.type = type;
      decoupledWeightDecay = type.decoupled();
    }

    private Draft(OptimizerConfig config) {
      type = config.type;
      beta1 = config.beta1;
      beta2 = config.beta2;
      eps = config.eps;
      momentum = config.momentum;
      dampening = config.dampening;
      nesterov = config.nesterov;
      alpha = config.alpha;
      centered = config.centered;
      decayRate = config.decayRate;
      clipThreshold = config.clipThreshold;
      scaleParameter = config.scaleParameter;
      decoupledWeightDecay = config.decoupledWeightDecay;
      l1Penalty = config.l1Penalty;
      l2Penalty = config.l2Penalty;
    }

    private OptimizerConfig finish() {
      return new OptimizerConfig(
          type,
          beta1,
          beta2,
          eps,
          momentum,
          dampening,
          nesterov,
          alpha,
          centered,
          decayRate,
          clipThreshold,
          scaleParameter,
          decoupledWeightDecay,
          l1Penalty,
          l2Penalty);
    }
  }
}
