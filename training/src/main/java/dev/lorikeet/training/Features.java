package dev.lorikeet.training;

import dev.lorikeet.data.Batch;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.FrozenBlocks;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * What an objective reads of a batch. What nothing that trains has a part in is the same in every
 * epoch, and need be computed only once: all of it, and a linear probe trains in the time that its
 * head takes; or what the first layer that trains reads.
 */
final class Features {
  private final Model model;
  private final Objective objective;
  private final Predictor predictor;
  private @Nullable KeptStates kept;
  private @Nullable FrozenLayers below;

  /** The first layers, and what the one above them reads of each token of each example. */
  private record FrozenLayers(FrozenBlocks blocks, KeptStates states) {}

  Features(Model model, Objective objective, Predictor predictor) {
    this.model = model;
    this.predictor = predictor;
    this.objective = objective;
  }

  /** Whether something is kept. */
  boolean areKept() {
    return kept != null || below != null;
  }

  /** The states that the objective reads of a batch, [n, D]. */
  Tensor of(Batch batch) {
    return kept == null ? computed(batch) : kept.of(batch).to(model.mode().device());
  }

  private Tensor computed(Batch batch) {
    ModelInput input = Inputs.of(batch, model);
    return objective.states(
        below == null
            ? model.features(input)
            : below.blocks.features(input, below.states.padded(batch).to(model.mode().device())),
        batch);
  }

  /**
   * Where nothing below the head is trainable now, computes what it reads of a data set once,
   * without dropout, and answers with that from now on, as long as the present scope is open.
   *
   * @return what the user should know of it; null where something below the head is trainable
   */
  @Nullable String keep(List<EncodedExample> examples) {
    if (objective.pairing() != Objective.Pairing.ROWS) {
      return null;
    }
    long bytes;
    try (Scope scope = Scope.open();
        GradMode on = GradMode.enabled()) {
      Tensor first = computed(first(examples));
      if (first.requiresGrad()) {
        return null;
      }
      long states = examples.stream().mapToLong(objective::states).sum();
      bytes = states * first.size(1) * first.dtype().bytes();
    }
    if (!KeptStates.fit(bytes)) {
      return tooLarge("what the head reads", bytes);
    }
    kept =
        KeptStates.compute(
            examples, objective::states, predictor, batch -> Scope.tidy(() -> computed(batch)));
    return "nothing below the head trains: what the head reads is computed once, without dropout"
        + " (cache_features)";
  }

  /**
   * Where nothing of the first layers is trainable now, computes what the layer above them reads
   * once, without dropout, and goes on from that from now on, as long as the present scope is open.
   *
   * @return what the user should know of it
   */
  String keepFrozenLayers(List<EncodedExample> examples) {
    if (objective.pairing() != Objective.Pairing.ROWS) {
      return "cache_frozen_layers keeps nothing: an example has several texts";
    }
    Batch first = first(examples);
    FrozenBlocks blocks = FrozenBlocks.of(model, Inputs.of(first, model));
    if (blocks.count() == 0) {
      return "cache_frozen_layers keeps nothing: the first layer trains, or what it reads";
    }
    long bytes;
    try (Scope scope = Scope.open();
        GradMode off = GradMode.disabled()) {
      Tensor states = blocks.states(Inputs.of(first, model));
      if (states.size(1) != first.length()) {
        return "cache_frozen_layers keeps nothing: a soft prompt stands before each text";
      }
      long tokens = examples.stream().mapToLong(EncodedExample::length).sum();
      bytes = tokens * states.size(2) * states.dtype().bytes();
    }
    if (!KeptStates.fit(bytes)) {
      return tooLarge("what layer " + blocks.count() + " reads", bytes);
    }
    KeptStates states =
        KeptStates.compute(
            examples,
            EncodedExample::length,
            predictor,
            batch -> Scope.tidy(() -> tokens(blocks.states(Inputs.of(batch, model)), batch)));
    below = new FrozenLayers(blocks, states);
    return "nothing of the first "
        + blocks.count()
        + " layers trains: what the next one reads is computed once, without dropout"
        + " (cache_frozen_layers, "
        + (bytes >> 20)
        + " MiB)";
  }

  private static String tooLarge(String what, long bytes) {
    return what
        + " takes "
        + (bytes >> 20)
        + " MiB, too much for "
        + KeptStates.FOLDER
        + ": it is computed anew in every epoch";
  }

  private Batch first(List<EncodedExample> examples) {
    return predictor.batch(examples, new int[] {0});
  }

  /** Of states [B, T, D] those that are not of padding, [n, D]. */
  private static Tensor tokens(Tensor states, Batch batch) {
    Tensor all = states.reshape(-1, states.size(2)); // [B · T, D]
    if (batch.tokens() == all.size(0)) {
      return all;
    }
    long[] places =
        IntStream.range(0, batch.attentionMask().length)
            .filter(i -> batch.attentionMask()[i] == 1)
            .mapToLong(i -> i)
            .toArray();
    return all.index(0, Tensor.of(places, places.length).to(all.device()));
  }
}
