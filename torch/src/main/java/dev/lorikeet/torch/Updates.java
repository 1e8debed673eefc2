package dev.lorikeet.torch;

import java.util.List;

/**
 * What changes parameters, gradients and averages: the optimizers' steps, clipping, sums. Each is
 * one method of the TorchScript library {@code ops.py}; none is recorded for a backward pass.
 */
public final class Updates {
  private Updates() {}

  /**
   * One step of AdamW as torch.optim.AdamW takes it (Loshchilov and Hutter 2019, arXiv:1711.05101),
   * for parameters that share their settings. Counts each of {@code steps} up by one first.
   *
   * @param parameters changed in place
   * @param gradients of the parameters
   * @param m running means of the gradients, changed in place
   * @param v running means of their squares, changed in place
   * @param steps the number of steps taken so far, one float32 scalar a parameter, changed in place
   */
  public static void adamwInPlace(
      List<Tensor> parameters,
      List<Tensor> gradients,
      List<Tensor> m,
      List<Tensor> v,
      List<Tensor> steps,
      double learningRate,
      double beta1,
      double beta2,
      double weightDecay,
      double eps) {
    try (GradMode off = GradMode.disabled()) {
      Torch.integer(
          "adamw_",
          parameters,
          gradients,
          m,
          v,
          steps,
          learningRate,
          beta1,
          beta2,
          weightDecay,
          eps);
    }
  }

  /**
   * The gradients of a loss with penalties on the parameters' size: g + l2·p + l1·sign(p).
   *
   * @return new tensors, in the order of {@code gradients}
   */
  public static List<Tensor> penalized(
      List<Tensor> parameters, List<Tensor> gradients, double l1, double l2) {
    try (GradMode off = GradMode.disabled()) {
      return Torch.tensors("penalized", parameters, gradients, l1, l2);
    }
  }

  /**
   * One step of SGD as torch.optim.SGD takes it, without weight decay.
   *
   * @param buffers the running gradients, changed in place; empty without momentum
   * @param steps the steps taken so far, float32 scalars, counted up; empty without dampening
   */
  public static void sgdInPlace(
      List<Tensor> parameters,
      List<Tensor> gradients,
      List<Tensor> buffers,
      List<Tensor> steps,
      double learningRate,
      double momentum,
      double dampening,
      boolean nesterov) {
    try (GradMode off = GradMode.disabled()) {
      Torch.integer(
          "sgd_",
          parameters,
          gradients,
          buffers,
          steps,
          learningRate,
          momentum,
          dampening,
          nesterov);
    }
  }

  /**
   * One step of RMSprop as torch.optim.RMSprop takes it, without weight decay.
   *
   * @param squares running means of the gradients' squares, changed in place
   * @param means running means of the gradients, changed in place; empty for not centered
   * @param buffers running updates, changed in place; empty without momentum
   */
  public static void rmspropInPlace(
      List<Tensor> parameters,
      List<Tensor> gradients,
      List<Tensor> squares,
      List<Tensor> means,
      List<Tensor> buffers,
      double learningRate,
      double alpha,
      double eps,
      double momentum) {
    try (GradMode off = GradMode.disabled()) {
      Torch.integer(
          "rmsprop_",
          parameters,
          gradients,
          squares,
          means,
          buffers,
          learningRate,
          alpha,
          eps,
          momentum);
    }
  }

  /**
   * One step of Adagrad as torch.optim.Adagrad takes it, without weight and rate decay.
   *
   * @param sums of the gradients' squares, changed in place
   */
  public static void adagradInPlace(
      List<Tensor> parameters,
      List<Tensor> gradients,
      List<Tensor> sums,
      double learningRate,
      double eps) {
    try (GradMode off = GradMode.disabled()) {
      Torch.integer("adagrad_", parameters, gradients, sums, learningRate, eps);
    }
  }

  /**
   * One step of Lion (Chen et al. 2023, arXiv:2302.06675, algorithm 2), without weight decay.
   *
   * @param m running means of the gradients, changed in place
   */
  public static void lionInPlace(
      List<Tensor> parameters,
      List<Tensor> gradients,
      List<Tensor> m,
      double learningRate,
      double beta1,
      double beta2) {
    try (GradMode off = GradMode.disabled()) {
      Torch.integer("lion_", parameters, gradients, m, learningRate, beta1, beta2);
    }
  }

  /**
   * One step of Adafactor for one parameter, as transformers' takes it with relative_step off.
   *
   * @param step the steps taken so far, a float32 scalar, counted up
   * @param squares of a parameter [.., n, m] the means of squares [.., n] and [.., m], of a vector
   *     its own; changed in place
   * @param m the running mean of updates, changed in place; empty for none
   */
  public static void adafactorInPlace(
      Tensor parameter,
      Tensor gradient,
      Tensor step,
      List<Tensor> squares,
      List<Tensor> m,
      double learningRate,
      double beta1,
      double eps,
      double decayRate,
      double clipThreshold,
      boolean scaleParameter,
      double weightDecay) {
    try (GradMode off = GradMode.disabled()) {
      Torch.integer(
          "adafactor_",
          parameter,
          gradient,
          step,
          squares,
          m,
          learningRate,
          beta1,
          eps,
          decayRate,
          clipThreshold,
          scaleParameter,
          weightDecay);
    }
  }

  /** The Euclidean norm of all elements of all tensors together, a scalar. */
  public static Tensor totalNorm(List<Tensor> tensors) {
    return Torch.tensor("total_norm", tensors);
  }

  /**
   * Scales all tensors so that {@link #totalNorm} is at most {@code most}, by most / (norm + 10⁻⁶),
   * as torch.nn.utils.clip_grad_norm_ does (Pascanu et al. 2013, arXiv:1211.5063). Where the norm
   * is not finite they stay as they are, so that the tensor to blame can be found.
   *
   * @return the norm before, a scalar
   */
  public static Tensor clipInPlace(List<Tensor> tensors, double most) {
    try (GradMode off = GradMode.disabled()) {
      return Torch.tensor("clip_", tensors, most);
    }
  }

  /** Multiplies every tensor by s. */
  public static void scaleInPlace(List<Tensor> tensors, double s) {
    Torch.integer("scale_", tensors, s);
  }

  /** Adds to each of {@code sums} the tensor at the same place of {@code terms}. */
  public static void accumulateInPlace(List<Tensor> sums, List<Tensor> terms) {
    Torch.integer("accumulate_", sums, terms);
  }

  /** Moves each of {@code averages} to x + s (y − x), y at the same place of {@code values}. */
  public static void approachInPlace(List<Tensor> averages, List<Tensor> values, double s) {
    try (GradMode off = GradMode.disabled()) {
      Torch.integer("approach_", averages, values, s);
    }
  }
}
