package dev.lorikeet.training;

import dev.lorikeet.torch.Updates;
import java.util.List;

/**
 * Adam (Kingma and Ba 2015, arXiv:1412.6980), and with decoupled weight decay AdamW (Loshchilov and
 * Hutter 2019, arXiv:1711.05101), by the arithmetic of torch.optim.Adam and AdamW, fused.
 */
public final class AdamW extends GroupOptimizer {
  private final OptimizerConfig config;

  public AdamW(List<ParameterGroup> groups, double beta1, double beta2, double eps) {
    this(groups, new OptimizerConfig(beta1, beta2, eps));
  }

  AdamW(List<ParameterGroup> groups, OptimizerConfig config) {
    super(groups, config, memory());
    this.config = config;
  }

  static Memory memory() {
    return Memory.like("exp_avg", "exp_avg_sq").andSteps();
  }

  @Override
  void move(Moving moving) {
    Updates.adamwInPlace(
        moving.parameters(),
        moving.gradients(),
        moving.remembered("exp_avg"),
        moving.remembered("exp_avg_sq"),
        moving.remembered("step"),
        moving.rate(),
        config.beta1(),
        config.beta2(),
        moving.decay(),
        config.eps());
  }
}
