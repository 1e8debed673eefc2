package dev.lorikeet.training;

import dev.lorikeet.data.Batch;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.Tape;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.OutOfMemory;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * The gradients of a loss over all rows of a step, which do not fit into one part (GradCache, Gao
 * et al. 2021, arXiv:2101.06983). First all parts go through the model without gradients; the loss
 * of their states gives the gradient at these; then each part goes through the model again, with
 * the same dropout masks, and takes the gradient of its own states on. The same gradients as of all
 * rows at once, in the memory of one part, for a second forward pass.
 *
 * <p>Axes: n states, D width.
 */
final class GradCache {
  private static final int SEEDS = 1 << 24; // exact in float32

  private final Model model;
  private final Features features;
  private final Supplier<Tape> tapes;
  private final PartLimit limit;
  private final int padTokenId;

  GradCache(Model model, Features features, Supplier<Tape> tapes, PartLimit limit, int padTokenId) {
    this.model = model;
    this.features = features;
    this.tapes = tapes;
    this.limit = limit;
    this.padTokenId = padTokenId;
  }

  /** A part, its states, and what its dropout masks are drawn from. */
  private record Half(Batch batch, Tensor states, long seed) {}

  /** Gives a step its gradients, in the present scope. */
  void run(StepBatch step, List<Part> parts) {
    List<Part> now = parts;
    for (boolean done = false; !done; ) {
      try (Scope scope = Scope.open()) {
        both(step, now);
        step.keep(scope);
        done = true;
      } catch (OutOfMemory e) {
        step.clear(); // smaller parts draw other dropout masks: all begins anew
        limit.halve(Collections.max(now, Comparator.comparingInt(Part::positions)).batch(), e);
        now = Part.cut(rows(now).map(List::of).toList(), limit.maxTokens(), padTokenId);
      }
    }
  }

  private static Stream<Part.Row> rows(List<Part> parts) {
    return parts.stream().flatMap(part -> part.rows().stream());
  }

  private void both(StepBatch step, List<Part> parts) {
    List<Half> halves = parts.stream().map(part -> first(part.batch())).toList();
    Tensor states = Tensor.cat(halves.stream().map(Half::states).toList(), 0); // [n, D]
    Batch all = Part.of(rows(parts).toList(), padTokenId).batch();
    LossGradients loss = step.loss(model, states.requiresGrad(true), all);
    if (loss == null || loss.ofStates() == null) {
      return;
    }
    Map<Parameter, Tensor> ofHead = loss.ofParameters();
    long start = 0;
    for (Half half : halves) {
      long count = half.states.size(0);
      again(step, half, loss.ofStates().narrow(0, start, count), ofHead);
      ofHead = LossGradients.withoutHead(0, step.active(), null).ofParameters();
      start += count;
    }
    halves.forEach(half -> step.state.countTokens(half.batch));
    step.state.addLoss(loss.sum(), step.terms);
  }

  private Half first(Batch batch) {
    long seed = (long) Tensor.uniform(0, SEEDS, 1).item();
    Torch.seed(seed);
    try (Scope scope = Scope.open();
        GradMode off = GradMode.disabled()) {
      return new Half(batch, scope.keep(features.of(batch)), seed);
    }
  }

  private void again(StepBatch step, Half half, Tensor ofStates, Map<Parameter, Tensor> ofHead) {
    Torch.seed(half.seed);
    try (Scope scope = Scope.open();
        GradMode on = GradMode.enabled();
        Tape tape = tapes.get()) {
      Tensor states = features.of(half.batch);
      step.add(ofHead, tape.gradients(states, ofStates, step.active()), scope);
    }
  }
}
