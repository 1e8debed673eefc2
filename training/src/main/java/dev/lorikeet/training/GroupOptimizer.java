package dev.lorikeet.training;

import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Updates;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What all optimizers share: tensors remembered for each parameter, groups, weight decay and
 * penalties. A parameter without a gradient is left alone, and so is what is remembered of it.
 */
abstract class GroupOptimizer implements Optimizer {
  /** What an optimizer remembers of a parameter: the tensors' shapes by their names. */
  @FunctionalInterface
  interface Memory {
    Map<String, long[]> of(long[] shape);

    /** Tensors of a parameter's own shape. */
    static Memory like(String... names) {
      return shape -> {
        Map<String, long[]> memory = new LinkedHashMap<>();
        for (String name : names) {
          memory.put(name, shape);
        }
        return memory;
      };
    }

    /** Also a number of steps. */
    default Memory andSteps() {
      return shape -> {
        Map<String, long[]> memory = of(shape);
        memory.put("step", new long[0]);
        return memory;
      };
    }
  }

  /** A parameter and what is remembered of it. */
  private record Entry(Trainable trainable, Map<String, Tensor> memory) {
    Parameter parameter() {
      return trainable.parameter();
    }

    Tensor tensor() {
      return parameter().original();
    }

    boolean isMatrix() {
      return tensor().shape().length > 1;
    }
  }

  /**
   * The parameters of a group that move now.
   *
   * @param gradients with penalties
   * @param memory of each parameter
   * @param decay what of a parameter is still to be taken off, times the rate; 0 for none
   */
  record Moving(
      List<Tensor> parameters,
      List<Tensor> gradients,
      List<Map<String, Tensor>> memory,
      double rate,
      double decay) {

    /** What is remembered under a name, of each parameter; empty where nothing is. */
    List<Tensor> remembered(String name) {
      return memory.get(0).containsKey(name)
          ? memory.stream().map(tensors -> tensors.get(name)).toList()
          : List.of();
    }

    /** Takes the decay off. */
    void shrink() {
      if (decay != 0 && rate != 0) {
        try (GradMode off = GradMode.disabled()) {
          Updates.scaleInPlace(parameters, 1 - rate * decay);
        }
      }
    }
  }

  private final List<ParameterGroup> groups;
  private final OptimizerConfig config;
  private final Scope state = Scope.unbound();
  private final List<List<Entry>> entries = new ArrayList<>();

  GroupOptimizer(List<ParameterGroup> groups, OptimizerConfig config, Memory memory) {
    this.groups = List.copyOf(groups);
    this.config = config;
    for (ParameterGroup group : groups) {
      entries.add(group.members().stream().map(member -> entry(member, memory)).toList());
    }
  }

  private Entry entry(Trainable trainable, Memory memory) {
    Tensor like = trainable.parameter().original();
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    try (Scope scope = Scope.open()) {
      memory
          .of(like.shape())
          .forEach(
              (name, shape) ->
                  tensors.put(
                      name, state.adopt(Tensor.zeros(DType.FLOAT32, like.device(), shape))));
    }
    return new Entry(trainable, tensors);
  }

  /** Moves some parameters that share their settings. */
  abstract void move(Moving moving);

  @Override
  public void step(Map<Parameter, Tensor> gradients, List<Double> rates) {
    for (int i = 0; i < groups.size(); i++) {
      List<Entry> moving =
          entries.get(i).stream()
              .filter(entry -> gradients.containsKey(entry.parameter()))
              .toList();
      if (!moving.isEmpty()) {
        double decay = groups.get(i).weightDecay();
        move(
            new Moving(
                moving.stream().map(Entry::tensor).toList(),
                penalized(moving, gradients, config.decoupledWeightDecay() ? 0 : decay),
                moving.stream().map(Entry::memory).toList(),
                rates.get(i),
                config.decoupledWeightDecay() ? decay : 0));
      }
    }
  }

  /** The gradients, those of matrices with the penalties'. */
  private List<Tensor> penalized(
      List<Entry> moving, Map<Parameter, Tensor> gradients, double decay) {
    double l1 = config.l1Penalty();
    double l2 = config.l2Penalty() + decay;
    List<Entry> matrices =
        l1 + l2 == 0 ? List.of() : moving.stream().filter(Entry::isMatrix).toList();
    Map<Parameter, Tensor> penalized = new LinkedHashMap<>();
    moving.forEach(entry -> penalized.put(entry.parameter(), gradients.get(entry.parameter())));
    if (!matrices.isEmpty()) {
      List<Tensor> sums =
          Updates.penalized(
              matrices.stream().map(Entry::tensor).toList(),
              matrices.stream().map(entry -> gradients.get(entry.parameter())).toList(),
              l1,
              l2);
      for (int i = 0; i < sums.size(); i++) {
        penalized.put(matrices.get(i).parameter(), sums.get(i));
      }
    }
    return List.copyOf(penalized.values());
  }

  @Override
  public Map<String, Tensor> state() {
    Map<String, Tensor> all = new LinkedHashMap<>();
    for (List<Entry> group : entries) {
      for (Entry entry : group) {
        entry.memory.forEach(
            (name, tensor) -> all.put(entry.trainable.name() + "/" + name, tensor));
      }
    }
    return all;
  }

  @Override
  public void close() {
    state.close();
  }
}
