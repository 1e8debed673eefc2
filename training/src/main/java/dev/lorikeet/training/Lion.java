package dev.lorikeet.training;

import dev.lorikeet.torch.Updates;
import java.util.List;

/**
 * Lion (Chen et al. 2023, arXiv:2302.06675, algorithm 2): steps of one length,
 *
 * <pre>p −= lr·(sign(β₁m + (1 − β₁)g) + λp);  m = β₂m + (1 − β₂)g</pre>
 */
final class Lion extends GroupOptimizer {
  private final OptimizerConfig config;

  Lion(List<ParameterGroup> groups, OptimizerConfig config) {
    super(groups, config, memory());
    this.config = config;
  }

  static Memory memory() {
    return Memory.like("exp_avg");
  }

  @Override
  void move(Moving moving) {
    moving.shrink();
    Updates.lionInPlace(
        moving.parameters(),
        moving.gradients(),
        moving.remembered("exp_avg"),
        moving.rate(),
        config.beta1(),
        config.beta2());
  }
}
