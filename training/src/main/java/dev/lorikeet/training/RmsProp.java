package dev.lorikeet.training;

import dev.lorikeet.torch.Updates;
import java.util.List;

/**
 * RMSprop (Tieleman and Hinton 2012, lecture 6.5), centered (Graves 2013, arXiv:1308.0850) and with
 * momentum where asked for, by the arithmetic of torch.optim.RMSprop.
 */
final class RmsProp extends GroupOptimizer {
  private final OptimizerConfig config;

  RmsProp(List<ParameterGroup> groups, OptimizerConfig config) {
    super(groups, config, memory(config));
    this.config = config;
  }

  static Memory memory(OptimizerConfig config) {
    boolean momentum = config.momentum() > 0;
    if (config.centered()) {
      return momentum
          ? Memory.like("square_avg", "grad_avg", "momentum_buffer")
          : Memory.like("square_avg", "grad_avg");
    }
    return momentum ? Memory.like("square_avg", "momentum_buffer") : Memory.like("square_avg");
  }

  @Override
  void move(Moving moving) {
    moving.shrink();
    Updates.rmspropInPlace(
        moving.parameters(),
        moving.gradients(),
        moving.remembered("square_avg"),
        moving.remembered("grad_avg"),
        moving.remembered("momentum_buffer"),
        moving.rate(),
        config.alpha(),
        config.eps(),
        config.momentum());
  }
}
