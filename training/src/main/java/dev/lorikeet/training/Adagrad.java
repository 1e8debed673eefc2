package dev.lorikeet.training;

import dev.lorikeet.torch.Updates;
import java.util.List;

/**
 * Adagrad (Duchi et al. 2011, JMLR 12): p −= lr·g / (√Σg² + eps), by the arithmetic of
 * torch.optim.Adagrad; its own decay of the rate is left to the schedule.
 */
final class Adagrad extends GroupOptimizer {
  private final OptimizerConfig config;

  Adagrad(List<ParameterGroup> groups, OptimizerConfig config) {
    super(groups, config, memory());
    this.config = config;
  }

  static Memory memory() {
    return Memory.like("sum");
  }

  @Override
  void move(Moving moving) {
    moving.shrink();
    Updates.adagradInPlace(
        moving.parameters(),
        moving.gradients(),
        moving.remembered("sum"),
        moving.rate(),
        config.eps());
  }
}
