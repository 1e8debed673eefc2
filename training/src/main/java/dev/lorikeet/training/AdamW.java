package dev.lorikeet.training;

import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101), by the
 * arithmetic of torch.optim.AdamW, fused.
 */
public final class AdamW implements Optimizer {
  private final List<Group> groups = new ArrayList<>();
  private final Scope state = Scope.unbound();
  private final double beta1;
  private final double beta2;
  private final double eps;

  /** A group with its parameters' running means, their squares' and their numbers of steps. */
  private record Group(
      ParameterGroup settings,
      List<Parameter> parameters,
      List<Tensor> m,
      List<Tensor> v,
      List<Tensor> steps) {}

  public AdamW(List<ParameterGroup> groups, double beta1, double beta2, double eps) {
    this.beta1 = beta1;
    this.beta2 = beta2;
    this.eps = eps;
    for (ParameterGroup group : groups) {
      List<Parameter> parameters = group.members().stream().map(Trainable::parameter).toList();
      this.groups.add(
          new Group(
              group,
              parameters,
              zerosLike(parameters),
              zerosLike(parameters),
              counters(parameters)));
    }
  }

  private List<Tensor> zerosLike(List<Parameter> parameters) {
    return parameters.stream().map(p -> zeros(p.original(), p.original().shape())).toList();
  }

  private List<Tensor> counters(List<Parameter> parameters) {
    return parameters.stream().map(p -> zeros(p.original())).toList();
  }

  private Tensor zeros(Tensor like, long... shape) {
    try (Scope scope = Scope.open()) {
      return state.adopt(Tensor.zeros(DType.FLOAT32, like.device(), shape));
    }
  }

  @Override
  public void step(Map<Parameter, Tensor> gradients, List<Double> rates) {
    for (int i = 0; i < groups.size(); i++) {
      Group group = groups.get(i);
      Ops.adamwInPlace(
          group.parameters.stream().map(Parameter::original).toList(),
          group.parameters.stream().map(gradients::get).toList(),
          group.m,
          group.v,
          group.steps,
          rates.get(i),
          beta1,
          beta2,
          group.settings.weightDecay(),
          eps);
    }
  }

  @Override
  public Map<String, Tensor> state() {
    Map<String, Tensor> all = new LinkedHashMap<>();
    for (Group group : groups) {
      for (int i = 0; i < group.parameters.size(); i++) {
        String name = group.settings.members().get(i).name();
        all.put(name + "/exp_avg", group.m.get(i));
        all.put(name + "/exp_avg_sq", group.v.get(i));
        all.put(name + "/step", group.steps.get(i));
      }
    }
    return all;
  }

  @Override
  public void close() {
    state.close();
  }
}
