package dev.lorikeet.training;

import dev.lorikeet.data.Batch;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a model's head reads for the labels of a batch. Where nothing below the head trains it is
 * the same in every epoch, and need be computed only once: a linear probe then trains in the time
 * that its head takes.
 */
final class Features {
  private final Model model;
  private final LabelledStates labelled;
  private final Predictor predictor;
  private @Nullable KeptFeatures kept;

  Features(Model model, Predictor predictor) {
    this.model = model;
    this.predictor = predictor;
    labelled = new LabelledStates(model);
  }

  /** The states of a batch's labels that count, [n, D]. */
  Tensor of(Batch batch) {
    return kept == null ? computed(batch) : kept.of(batch).to(model.mode().device());
  }

  private Tensor computed(Batch batch) {
    return labelled.of(model.features(Inputs.of(batch, model)), batch);
  }

  /**
   * Where nothing below the head is trainable now, computes what it reads of a data set once,
   * without dropout, and answers with that from now on, as long as the present scope is open.
   *
   * @return what the user should know of it; null where something below the head is trainable
   */
  @Nullable String keep(List<EncodedExample> examples) {
    long bytes;
    try (Scope scope = Scope.open();
        GradMode on = GradMode.enabled()) {
      Tensor first = computed(predictor.batch(examples, new int[] {0}));
      if (first.requiresGrad()) {
        return null;
      }
      long states = examples.stream().mapToLong(LabelledStates::count).sum();
      bytes = states * first.size(1) * first.dtype().bytes();
    }
    if (!KeptFeatures.fit(bytes)) {
      return "what the head reads takes "
          + (bytes >> 20)
          + " MiB, too much for "
          + KeptFeatures.FOLDER
          + ": it is computed anew in every epoch";
    }
    kept = KeptFeatures.compute(examples, predictor, batch -> Scope.tidy(() -> computed(batch)));
    return "nothing below the head trains: what the head reads is computed once, without dropout"
        + " (cache_features)";
  }
}
