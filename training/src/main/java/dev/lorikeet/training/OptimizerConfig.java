package dev.lorikeet.training;

import dev.lorikeet.models.settings.Binder;
import dev.lorikeet.models.settings.Bounds;
import dev.lorikeet.models.settings.Draft;
import dev.lorikeet.models.settings.Setting;
import dev.lorikeet.torch.UsageException;
import java.util.List;
import java.util.function.Consumer;

/**
 * How gradients become steps. An optimizer has the settings of {@link OptimizerType#keys}; the
 * others stay 0 or false.
 */
@Setting.Group("Training")
public record OptimizerConfig(
    @Setting(value = "How gradients become steps.", key = "optimizer") OptimizerType type,
    @Setting(
            value =
                "The decay of the gradients' mean; of Adafactor, whose 0 is none, of the updates'.",
            flag = Setting.NO_FLAG)
        @Setting.Range(atLeast = 0, below = 1)
        double beta1,
    @Setting(
            value = "The decay of their squares' mean; of Lion, of the remembered mean.",
            flag = Setting.NO_FLAG)
        @Setting.Range(atLeast = 0, below = 1)
        double beta2,
    @Setting(
            value = "What keeps the division by the root of the squares from blowing up.",
            flag = Setting.NO_FLAG)
        @Setting.Range(above = 0)
        double eps,
    @Setting(
            value = "The decay of the running gradient (SGD) or update (RMSprop).",
            flag = Setting.NO_FLAG)
        @Setting.Range(atLeast = 0, below = 1)
        double momentum,
    @Setting(
            value = "What share of a gradient the running gradient leaves out.",
            flag = Setting.NO_FLAG)
        @Setting.Range(atLeast = 0, below = 1)
        double dampening,
    @Setting(
            value = "Whether the step looks ahead along the running gradient.",
            flag = Setting.NO_FLAG)
        boolean nesterov,
    @Setting(value = "The decay of RMSprop's mean of squares.", flag = Setting.NO_FLAG)
        @Setting.Range(atLeast = 0, below = 1)
        double alpha,
    @Setting(
            value = "Whether RMSprop divides by the deviation from the mean.",
            flag = Setting.NO_FLAG)
        boolean centered,
    @Setting(
            value = "Adafactor's mean of squares takes a share of step^decay_rate of the new ones.",
            flag = Setting.NO_FLAG)
        @Setting.Range(below = 0)
        double decayRate,
    @Setting(value = "The largest root mean square of Adafactor's update.", flag = Setting.NO_FLAG)
        @Setting.Range(above = 0)
        double clipThreshold,
    @Setting(
            value = "Whether Adafactor's rate is relative to a parameter's root mean square.",
            flag = Setting.NO_FLAG)
        boolean scaleParameter,
    @Setting(
            value = "Whether decay shrinks matrices by lr · weight_decay, or joins the gradient.",
            flag = Setting.NO_FLAG)
        boolean decoupledWeightDecay,
    @Setting(
            value = "Added to the gradients of matrices, after clipping: this times sign.",
            key = "l1_penalty",
            label = "RATE",
            group = "Regularization")
        @Setting.Range(atLeast = 0)
        double l1Penalty,
    @Setting(
            value = "Added to the gradients of matrices, after clipping: this times weight.",
            key = "l2_penalty",
            label = "RATE",
            group = "Regularization")
        @Setting.Range(atLeast = 0)
        double l2Penalty) {

  /** AdamW as torch has it. */
  public static final OptimizerConfig DEFAULT = of(OptimizerType.ADAMW);

  public OptimizerConfig {
    Bounds.check(
        OptimizerConfig.class,
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
  }

  /** AdamW with these settings. */
  public OptimizerConfig(double beta1, double beta2, double eps) {
    this(OptimizerType.ADAMW, beta1, beta2, eps, 0, 0, false, 0, false, 0, 0, false, true, 0, 0);
  }

  /** An optimizer with torch's defaults; Adafactor with those of transformers' Trainer. */
  public static OptimizerConfig of(OptimizerType type) {
    return Binder.defaults(OptimizerConfig.class, type)
        .with(draft -> draft.decoupledWeightDecay = type.decoupled());
  }

  /** The same settings but for what {@code change} sets. */
  public OptimizerConfig with(Consumer<Change> change) {
    return Draft.changed(new Change(this), change);
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

  /** Settings on their way to others. */
  @SuppressWarnings("NullAway.Init")
  public static final class Change extends Draft<OptimizerConfig> {
    public OptimizerType type;
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

    private Change(OptimizerConfig config) {
      super(config);
    }
  }
}
