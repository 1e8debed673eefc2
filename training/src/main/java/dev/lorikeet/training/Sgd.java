package dev.lorikeet.training;

import dev.lorikeet.torch.Updates;
import java.util.List;

/**
 * Stochastic gradient descent (Robbins and Monro 1951), with momentum as torch.optim.SGD has it:
 * the running gradient b = momentum·b + (1 − dampening)·g, the first one undampened, and p −= lr·b;
 * with Nesterov's look ahead (Sutskever et al. 2013) p −= lr·(g + momentum·b).
 */
final class Sgd extends GroupOptimizer {
  private final OptimizerConfig config;

  Sgd(List<ParameterGroup> groups, OptimizerConfig config) {
    super(groups, config, memory(config));
    this.config = config;
  }

  static Memory memory(OptimizerConfig config) {
    if (config.momentum() == 0) {
      return Memory.like();
    }
    Memory buffer = Memory.like("momentum_buffer");
    return config.dampening() == 0 ? buffer : buffer.andSteps();
  }

  @Override
  void move(Moving moving) {
    moving.shrink();
    Updates.sgdInPlace(
        moving.parameters(),
        moving.gradients(),
        moving.remembered("momentum_buffer"),
        moving.remembered("step"),
        moving.rate(),
        config.momentum(),
        config.dampening(),
        config.nesterov());
  }
}
