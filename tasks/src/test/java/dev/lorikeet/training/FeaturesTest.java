package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Dropouts;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Runs of which some layers do not train, with what those answer computed once or every time. */
@Tag("numeric")
class FeaturesTest {
  private static final TrainingConfig CONFIG =
      TrainingConfig.DEFAULT.withEpochs(3).withBatchSize(4, 1);

  /** A mean of losses near 1, each of some dozen roundings of 6e-8. */
  private static final double LOSS_ROUNDING = 1e-6;

  @TempDir private Path folder;

  static Stream<Arguments> heads() {
    return Stream.of(
        Arguments.of(TinyBert.CLASSIFY, TinyBert.classified(18, 5, 5, 1)),
        Arguments.of(TinyBert.TAG, TinyBert.tagged(18, 5, 5, 1)),
        Arguments.of(TinyBert.REGRESS, TinyBert.measured(18, 5, 5, 1)),
        Arguments.of(TinyBert.MULTI_LABEL, TinyBert.labelled(18, 5, 5, 1)));
  }

  /** What a run left, and what it said. */
  private record Outcome(TrainingResult result, List<String> remarks) {}

  private static Outcome probe(Model model, List<EncodedExample> data, TrainingConfig config) {
    return train(model, Trainable.headOf(model), data, config);
  }

  private static Outcome train(
      Model model, List<Trainable> trained, List<EncodedExample> data, TrainingConfig config) {
    List<String> remarks = new ArrayList<>();
    TrainingListener listener =
        new TrainingListener() {
          @Override
          public void remarked(String remark) {
            remarks.add(remark);
          }
        };
    TrainingResult result =
        new Trainer(
                model,
                Tasks.of(model),
                trained,
                TrainingData.of(data),
                data.subList(0, 7),
                0,
                config,
                listener)
            .run();
    return new Outcome(result, remarks);
  }

  private static TrainingConfig withoutCache() {
    return CONFIG.with(
        draft -> draft.throughput = new ThroughputConfig(false, false, false, false));
  }

  @ParameterizedTest
  @MethodSource("heads")
  void keptFeaturesChangeNothingButRounding(String name, List<EncodedExample> data) {
    try (Model model = TinyBert.open(name);
        Model other = TinyBert.open(name)) {
      Outcome kept = probe(model, data, CONFIG.withBatchSize(18, 1));
      Outcome anew = probe(other, data, withoutCache().withBatchSize(18, 1));
      assertThat(kept.remarks)
          .containsExactly(
              "nothing below the head trains: what the head reads is computed once, without dropout"
                  + " (cache_features)");
      assertThat(anew.remarks).isEmpty();
      mustAgree(model, other);
      for (int epoch = 0; epoch < 3; epoch++) {
        assertThat(kept.result.epochs().get(epoch).trainLoss())
            .isCloseTo(anew.result.epochs().get(epoch).trainLoss(), within(LOSS_ROUNDING));
      }
      assertThat(kept.result.tokens()).isEqualTo(anew.result.tokens());
    }
  }

  @Test
  void textsOfAllLengthsGiveTheSameUpToRounding() {
    List<EncodedExample> data = TinyBert.tagged(21, 2, 12, 1);
    try (Model model = TinyBert.open(TinyBert.TAG);
        Model other = TinyBert.open(TinyBert.TAG)) {
      Outcome kept = probe(model, data, CONFIG);
      Outcome anew = probe(other, data, withoutCache());
      mustAgree(model, other);
      assertThat(kept.result.epochs().get(2).trainLoss())
          .isCloseTo(anew.result.epochs().get(2).trainLoss(), within(LOSS_ROUNDING));
    }
  }

  /**
   * Roundings of float32 through eighteen steps at most: other batches, other padding, another row
   * of the batch. With some CPUs' kernels even a row's place decides its last bits.
   */
  private static void mustAgree(Model model, Model other) {
    Map<String, Tensor> found = model.stateDict();
    other
        .stateDict()
        .forEach(
            (name, wanted) -> {
              float[] values = Objects.requireNonNull(found.get(name)).toFloats();
              assertThat(values).containsExactly(wanted.toFloats(), within(1e-5f));
            });
  }

  @Test
  void theLayersBelowRunOnceForAllEpochs() {
    List<EncodedExample> data = TinyBert.classified(16, 5, 5, 1);
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      AtomicInteger rows = new AtomicInteger();
      var slot =
          Objects.requireNonNull(
              model.projections().get("bert.encoder.layer.0.attention.self.query"));
      slot.fill(
          x -> {
            rows.addAndGet((int) x.size(0));
            return slot.base().forward(x);
          });
      probe(model, data, CONFIG);
      // 16 to train on and 7 to evaluate, and one of each to see that nothing there trains.
      assertThat(rows).hasValue(1 + 16 + 1 + 7);
    }
  }

  @Test
  void aFrozenTrunkHasNoDropout() {
    List<EncodedExample> data = TinyBert.classified(16, 5, 5, 1);
    Path copy = TinyBert.withDropout(folder);
    ModelOptions quietHead = ModelOptions.DEFAULT.withDropouts(new Dropouts(null, null, 0.0));
    try (Model noisy = Model.open(copy, quietHead);
        Model quiet = TinyBert.open(TinyBert.CLASSIFY)) {
      probe(noisy, data, CONFIG.withBatchSize(16, 1));
      probe(quiet, data, withoutCache().withBatchSize(16, 1));
      mustAgree(noisy, quiet);
    }
  }

  @Test
  void nothingIsKeptWhereALayerTrainsLater() {
    List<EncodedExample> data = TinyBert.classified(16, 5, 5, 1);
    TrainingConfig unfreezing =
        CONFIG.with(draft -> draft.freeze = new FreezeConfig(0, false, false, 1, 0));
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      assertThat(train(model, Trainable.allOf(model), data, unfreezing).remarks).isEmpty();
    }
  }

  // ---- cache_frozen_layers ----

  /** The upper of two layers trains, and the head. */
  private static TrainingConfig upperLayer(boolean kept) {
    return CONFIG.with(
        draft -> {
          draft.freeze = new FreezeConfig(1, true, false, 0, 0);
          draft.throughput = new ThroughputConfig(true, kept, false, false);
        });
  }

  private static Outcome trainUpperLayer(Model model, List<EncodedExample> data, TrainingConfig c) {
    return train(model, Trainable.allOf(model), data, c);
  }

  /** Not with AdamW, which makes whole steps of gradients that are nothing but rounding. */
  private static TrainingConfig sgd(boolean kept) {
    return upperLayer(kept)
        .with(draft -> draft.optimizer = OptimizerConfig.of(OptimizerType.SGD))
        .withLr(0.1, List.of());
  }

  @ParameterizedTest
  @MethodSource("heads")
  void keptFrozenLayersChangeNothingButRounding(String name, List<EncodedExample> data) {
    try (Model model = TinyBert.open(name);
        Model other = TinyBert.open(name)) {
      Outcome kept = trainUpperLayer(model, data, sgd(true).withBatchSize(18, 1));
      Outcome anew = trainUpperLayer(other, data, sgd(false).withBatchSize(18, 1));
      assertThat(kept.remarks)
          .containsExactly(
              "nothing of the first 1 layers trains: what the next one reads is computed once,"
                  + " without dropout (cache_frozen_layers, 0 MiB)");
      assertThat(anew.remarks).isEmpty();
      mustAgree(model, other);
      for (int i = 0; i < anew.result.evaluations().size(); i++) {
        assertThat(kept.result.evaluations().get(i).evaluation().loss())
            .isCloseTo(anew.result.evaluations().get(i).evaluation().loss(), within(LOSS_ROUNDING));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void frozenLayersOfTextsOfAllLengthsGiveTheSameUpToRounding(boolean recomputing) {
    List<EncodedExample> data = TinyBert.tagged(21, 2, 12, 1);
    try (Model model = TinyBert.open(TinyBert.TAG);
        Model other = TinyBert.open(TinyBert.TAG)) {
      TrainingConfig keeping =
          sgd(true)
              .with(
                  draft -> draft.throughput = new ThroughputConfig(true, true, false, recomputing));
      trainUpperLayer(model, data, keeping);
      trainUpperLayer(other, data, sgd(false));
      mustAgree(model, other);
    }
  }

  @Test
  void frozenLayersRunOnceWithoutDropoutAndThoseAboveEveryTimeWithIt() {
    List<EncodedExample> data = TinyBert.classified(16, 5, 5, 1);
    try (Model model = Model.open(TinyBert.withDropout(folder), ModelOptions.DEFAULT)) {
      List<Map<Boolean, Integer>> rows = List.of(new HashMap<>(), new HashMap<>());
      for (int layer = 0; layer < 2; layer++) {
        Map<Boolean, Integer> counts = rows.get(layer);
        String path = "bert.encoder.layer." + layer + ".attention.self.query";
        var slot = Objects.requireNonNull(model.projections().get(path));
        slot.fill(
            x -> {
              counts.merge(model.mode().isTraining(), (int) x.size(0), Integer::sum);
              return slot.base().forward(x);
            });
      }
      trainUpperLayer(model, data, upperLayer(true));
      int looks = 1 + 2 * 2; // can features be kept; where does training begin; how wide is it
      assertThat(rows.get(0)).isEqualTo(Map.of(false, 16 + 7 + looks));
      assertThat(rows.get(1).get(true)).isEqualTo(3 * 16);
    }
  }

  @Test
  void nothingIsKeptWhereTheFirstLayerTrains() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      TrainingConfig config =
          upperLayer(true).with(draft -> draft.freeze = new FreezeConfig(0, true, false, 0, 0));
      List<EncodedExample> data = TinyBert.classified(16, 5, 5, 1);
      assertThat(trainUpperLayer(model, data, config).remarks)
          .containsExactly(
              "cache_frozen_layers keeps nothing: the first layer trains, or what it reads");
    }
  }

  @Test
  void whatChangesInEveryStepIsNotKept() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      TrainingConfig noisy =
          upperLayer(true)
              .with(draft -> draft.regularization = draft.regularization.withNoise(5, 0));
      List<EncodedExample> data = TinyBert.classified(16, 5, 5, 1);
      assertThatThrownBy(() -> trainUpperLayer(model, data, noisy))
          .isInstanceOf(UsageException.class)
          .hasMessage(
              "cache_frozen_layers keeps what the first layers make of each text, and"
                  + " neftune_noise_alpha changes it in each step: leave one of them out");
    }
  }
}
