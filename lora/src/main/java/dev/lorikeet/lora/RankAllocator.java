package dev.lorikeet.lora;

import dev.lorikeet.adapters.TrainingPart;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Updates;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * AdaLoRA's part in training: keeps singular vectors near orthonormal, measures how much each
 * singular value with its vectors matters, and sets the least important values of the whole model
 * to 0 (Zhang et al. 2023, arXiv:2303.10512, §3).
 *
 * <p>A weight's importance is the running mean of its sensitivity |w · ∂L/∂w| times the running
 * mean of how far the sensitivity strays from that; a triplet's is that of its singular value and
 * the means over its two vectors.
 */
final class RankAllocator implements TrainingPart {
  private final AdaLora.Importance settings;
  private final Map<String, AdaLoraLayer> layers = new LinkedHashMap<>();
  private final Map<Parameter, Averages> averages = new LinkedHashMap<>();

  /** Which singular values are left, 1 or 0, [r, 1] each. */
  private final Map<String, Tensor> left = new LinkedHashMap<>();

  private final Map<Long, Tensor> identities = new HashMap<>();
  private final Map<String, Tensor> state = new LinkedHashMap<>();
  private RankSchedule schedule;

  /** Running means, of a parameter's shape. */
  private record Averages(Tensor sensitivity, Tensor uncertainty) {
    Tensor importance() {
      return sensitivity.mul(uncertainty);
    }
  }

  RankAllocator(RankSchedule schedule, AdaLora.Importance settings) {
    this.schedule = schedule;
    this.settings = settings;
  }

  void add(String path, AdaLoraLayer layer) {
    layers.put(path, layer);
  }

  /** The schedule, with the run's steps once they are known. */
  RankSchedule schedule() {
    return schedule;
  }

  /** Whether every singular value is 0, as before training. */
  boolean isFresh() {
    return layers.values().stream()
        .allMatch(layer -> Arrays.equals(layer.e().original().toFloats(), zeros(layer)));
  }

  private static float[] zeros(AdaLoraLayer layer) {
    return new float[Math.toIntExact(layer.e().count())];
  }

  @Override
  public void fit(long totalSteps) {
    schedule = schedule.of(totalSteps);
  }

  /** From the last allocation on: before it there are ranks that the run is to end without. */
  @Override
  public boolean mayBeKept(long steps) {
    return steps > schedule.lastAllocation();
  }

  @Override
  public void start() {
    averages.clear();
    left.clear();
    identities.clear();
    state.clear();
    layers.forEach(
        (path, layer) -> {
          layer.parameters().values().forEach(this::follow);
          Tensor e = layer.e().original();
          left.put(path, Tensor.full(1, DType.FLOAT32, e.device(), e.shape()));
          state.put(path + "/left", left.get(path));
          identities.computeIfAbsent(e.size(0), r -> identity(r, e.device()));
        });
  }

  private void follow(Parameter parameter) {
    Tensor value = parameter.original();
    Averages zero =
        new Averages(
            Tensor.zeros(DType.FLOAT32, value.device(), value.shape()),
            Tensor.zeros(DType.FLOAT32, value.device(), value.shape()));
    averages.put(parameter, zero);
    state.put(parameter.name() + "/sensitivity", zero.sensitivity);
    state.put(parameter.name() + "/uncertainty", zero.uncertainty);
  }

  private static Tensor identity(long r, Device device) {
    float[] values = new float[Math.toIntExact(r * r)];
    for (int i = 0; i < r; i++) {
      values[Math.toIntExact(i * (r + 1))] = 1;
    }
    return Tensor.of(values, r, r).to(device);
  }

  @Override
  public Map<String, Tensor> state() {
    return state;
  }

  // ---- the loss ----

  /** γ times the mean of ‖A Aᵀ − I‖ and ‖Bᵀ B − I‖ (Frobenius) over all layers, as PEFT has it. */
  @Override
  public Tensor penalty() {
    List<Tensor> distances = new ArrayList<>();
    for (AdaLoraLayer layer : layers.values()) {
      distances.add(fromOrthonormal(layer.a().value()));
      distances.add(fromOrthonormal(layer.b().value().transpose(0, 1)));
    }
    Tensor sum = distances.stream().reduce(Tensor::add).orElseThrow();
    return sum.mul(settings.orthRegWeight() / distances.size());
  }

  private Tensor fromOrthonormal(Tensor rows) {
    Tensor identity = identities.computeIfAbsent(rows.size(0), r -> identity(r, rows.device()));
    return rows.matmul(rows.transpose(0, 1)).sub(identity).norm();
  }

  // ---- the ranks ----

  @Override
  public void afterStep(long step, Map<Parameter, Tensor> gradients) {
    if (step < schedule.lastAllocation()) {
      gradients.forEach(this::measure);
    }
    long target = (long) schedule.targetR() * layers.size();
    boolean late = step > schedule.lastAllocation() && kept() > target; // a step was left out
    if (late || step == schedule.lastAllocation() || schedule.isAllocation(step)) {
      allocate(schedule.budget(step, ranks(), target));
    }
    if (step > schedule.lastAllocation()) {
      left.forEach((path, mask) -> keep(layer(path), mask));
    }
  }

  private void measure(Parameter parameter, Tensor gradient) {
    Averages running = averages.get(parameter);
    if (running == null) {
      return; // of a head or a bias
    }
    try (Scope scope = Scope.open()) {
      Tensor now = parameter.original().detach().mul(gradient).abs();
      Updates.approachInPlace(List.of(running.sensitivity), List.of(now), 1 - settings.beta1());
      Tensor strayed = now.sub(running.sensitivity).abs();
      Updates.approachInPlace(List.of(running.uncertainty), List.of(strayed), 1 - settings.beta2());
    }
  }

  /** How many ranks there were at first. */
  private long ranks() {
    return layers.values().stream().mapToLong(layer -> layer.e().count()).sum();
  }

  private long kept() {
    return left.values().stream().mapToLong(mask -> Math.round(mask.sum().item())).sum();
  }

  /** Leaves the {@code budget} most important singular values of all layers. */
  private void allocate(long budget) {
    try (Scope scope = Scope.open()) {
      Map<String, float[]> scores = new LinkedHashMap<>();
      layers.forEach((path, layer) -> scores.put(path, importance(layer).toFloats()));
      float[] sorted = sorted(scores);
      int taken = Math.toIntExact(sorted.length - budget);
      double threshold = taken > 0 ? sorted[taken - 1] : Double.NEGATIVE_INFINITY;
      scores.forEach(
          (path, values) -> {
            float[] mask = new float[values.length];
            for (int i = 0; i < mask.length; i++) {
              mask[i] = values[i] <= threshold ? 0 : 1;
            }
            Tensor kept = mask(path);
            kept.setInPlace(Tensor.of(mask, kept.shape()).to(kept.device()));
            keep(layer(path), kept);
          });
    }
  }

  private static float[] sorted(Map<String, float[]> scores) {
    float[] all = new float[scores.values().stream().mapToInt(values -> values.length).sum()];
    int next = 0;
    for (float[] values : scores.values()) {
      System.arraycopy(values, 0, all, next, values.length);
      next += values.length;
    }
    Arrays.sort(all);
    return all;
  }

  /** Of each triplet, [r]. */
  private Tensor importance(AdaLoraLayer layer) {
    Tensor ofValue = averages(layer.e()).importance().reshape(-1);
    Tensor ofRight = averages(layer.a()).importance().mean(1, false);
    Tensor ofLeft = averages(layer.b()).importance().mean(0, false);
    return ofValue.add(ofRight.add(ofLeft));
  }

  private static void keep(AdaLoraLayer layer, Tensor mask) {
    try (Scope scope = Scope.open()) {
      Tensor e = layer.e().original();
      e.setInPlace(e.detach().mul(mask));
    }
  }

  /** Singular values that were taken away end where they started. */
  @Override
  public boolean mayRest(Parameter parameter) {
    return layers.values().stream().anyMatch(layer -> layer.e() == parameter);
  }

  private Averages averages(Parameter parameter) {
    return Objects.requireNonNull(averages.get(parameter), parameter.name());
  }

  private AdaLoraLayer layer(String path) {
    return Objects.requireNonNull(layers.get(path), path);
  }

  private Tensor mask(String path) {
    return Objects.requireNonNull(left.get(path), path);
  }
}
