package dev.lorikeet.training;

import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Updates;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * Adafactor (Shazeer and Stern 2018, arXiv:1804.04235): of a matrix's squared gradients only the
 * means of rows and columns are remembered. By the arithmetic of transformers.Adafactor with {@code
 * relative_step=False}, as its Trainer makes it, so that the schedule gives the rate; torch's own
 * Adafactor differs in where it puts eps and caps the rate.
 */
final class Adafactor extends GroupOptimizer {
  private static final String[] FACTORS = {"exp_avg_sq_row", "exp_avg_sq_col"};
  private static final String SQUARES = "exp_avg_sq";
  private static final String MEAN = "exp_avg";
  private final OptimizerConfig config;

  Adafactor(List<ParameterGroup> groups, OptimizerConfig config) {
    super(groups, config, memory(config));
    this.config = config;
  }

  static Memory memory(OptimizerConfig config) {
    Memory factors = shape -> memory(shape, config.beta1() > 0);
    return factors.andSteps();
  }

  private static Map<String, long[]> memory(long[] shape, boolean mean) {
    Map<String, long[]> memory = new LinkedHashMap<>();
    if (mean) {
      memory.put(MEAN, shape);
    }
    int axes = shape.length;
    if (axes < 2) {
      memory.put(SQUARES, shape);
      return memory;
    }
    long[] columns = Arrays.copyOf(shape, axes - 1);
    columns[axes - 2] = shape[axes - 1];
    memory.put(FACTORS[0], Arrays.copyOf(shape, axes - 1));
    memory.put(FACTORS[1], columns);
    return memory;
  }

  @Override
  void move(Moving moving) {
    for (int i = 0; i < moving.parameters().size(); i++) {
      Map<String, Tensor> memory = moving.memory().get(i);
      Updates.adafactorInPlace(
          moving.parameters().get(i),
          moving.gradients().get(i),
          Objects.requireNonNull(memory.get("step")),
          present(memory, FACTORS[0], FACTORS[1], SQUARES),
          present(memory, MEAN),
          moving.rate(),
          config.beta1(),
          config.eps(),
          config.decayRate(),
          config.clipThreshold(),
          config.scaleParameter(),
          moving.decay());
    }
  }

  private static List<Tensor> present(Map<String, Tensor> memory, String... names) {
    return Stream.of(names).map(memory::get).filter(Objects::nonNull).toList();
  }
}
