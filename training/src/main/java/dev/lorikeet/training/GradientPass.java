package dev.lorikeet.training;

import dev.lorikeet.data.Batch;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.StepWeights;
import dev.lorikeet.models.Tape;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.OutOfMemory;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The gradients of one optimizer step. The rows go through the model in parts of so many tokens at
 * most, which bounds the memory of activations; the parts' gradients add up to those of all rows
 * together, since a loss is a sum that is divided once. An objective that must see all rows of the
 * step at once takes two passes: see {@link GradCache}.
 *
 * <p>A part that does not fit in memory is cut in halves, with those after it, and the step goes
 * on: the same rows, the same sum, smaller parts from then on.
 */
final class GradientPass {
  /** Examples a batch where what the head reads is computed once for all epochs. */
  private static final int KEPT_AT_ONCE = 32;

  private final Model model;
  private final PartLimit limit;
  private final Features features;
  private final int padTokenId;
  private final boolean recomputes;

  /**
   * Passes through a model.
   *
   * @param recomputes whether layers' activations are computed again instead of kept
   */
  GradientPass(
      Model model, Objective objective, int padTokenId, PartLimit limit, boolean recomputes) {
    this.model = model;
    this.padTokenId = padTokenId;
    this.limit = limit;
    this.recomputes = recomputes;
    features = new Features(model, objective, new Predictor(model, KEPT_AT_ONCE, padTokenId));
  }

  /** What the objective reads of the run's examples. */
  Features features() {
    return features;
  }

  /**
   * Gives a step its gradients, in the present scope.
   *
   * @throws LorikeetException when a single row does not fit in memory
   */
  void run(StepBatch step) {
    Deque<Part> left = new ArrayDeque<>(parts(step));
    step.expect(left.stream().map(Part::batch).toList());
    try (StepWeights weights = StepWeights.of(model)) {
      if (step.objective.pairing() == Objective.Pairing.STEP && left.size() > 1) {
        new GradCache(model, features, this::tape, limit, padTokenId).run(step, List.copyOf(left));
        return;
      }
      while (!left.isEmpty() && !step.hasFailed()) {
        try {
          add(step, left.getFirst().batch());
          left.removeFirst();
        } catch (OutOfMemory e) {
          limit.halve(left.getFirst().batch(), e);
          left =
              new ArrayDeque<>(
                  left.stream().flatMap(part -> cut(part.rows().stream(), step)).toList());
        }
      }
    }
  }

  /** A step's batches, each cut by itself; where all rows are seen at once, as one. */
  private List<Part> parts(StepBatch step) {
    boolean together = step.objective.pairing() == Objective.Pairing.STEP;
    Stream<IntStream> batches =
        together
            ? Stream.of(step.batches.stream().flatMapToInt(IntStream::of))
            : step.batches.stream().map(IntStream::of);
    return batches.flatMap(batch -> cut(batch, step)).toList();
  }

  private Stream<Part> cut(IntStream batch, StepBatch step) {
    return cut(batch.mapToObj(index -> Part.Row.of(step, index)).flatMap(List::stream), step);
  }

  /** Rows that an objective compares stay together. */
  private Stream<Part> cut(Stream<Part.Row> rows, StepBatch step) {
    List<List<Part.Row>> groups = new ArrayList<>();
    boolean byExample = step.objective.pairing() == Objective.Pairing.EXAMPLES;
    rows.forEach(
        row -> {
          if (!byExample || row.column() == 0) {
            groups.add(new ArrayList<>());
          }
          groups.get(groups.size() - 1).add(row);
        });
    return Part.cut(groups, limit.maxTokens(), padTokenId).stream();
  }

  /** Adds the gradients of some rows to those of the step. */
  private void add(StepBatch step, Batch batch) {
    double terms = step.objective.terms(batch);
    if (terms == 0) {
      step.state.count(batch, 0, 0);
      return;
    }
    try (Scope scope = Scope.open();
        GradMode on = GradMode.enabled();
        Tape tape = tape()) {
      Tensor states = features.of(batch);
      LossGradients loss = step.loss(model, states, batch);
      if (loss != null) {
        Tensor ofStates = loss.ofStates();
        Map<Parameter, Tensor> below =
            ofStates == null ? Map.of() : tape.gradients(states, ofStates, step.active());
        step.add(loss.ofParameters(), below, scope);
        step.state.count(batch, loss.sum(), terms);
      }
    }
  }

  private Tape tape() {
    return recomputes ? Tape.recomputing(model) : Tape.of(model);
  }
}
