package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Dropouts;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.torch.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Runs in which only the head trains, with what it reads computed once and in every epoch. */
class KeptFeaturesTest {
  private static final TrainingConfig CONFIG =
      TrainingConfig.DEFAULT.withEpochs(3).withBatchSize(4, 1);

  @TempDir private Path folder;

  static Stream<Arguments> heads() {
    return Stream.of(
        Arguments.of(TinyBert.CLASSIFY, TinyBert.classified(18, 5, 5, 1)),
        Arguments.of(TinyBert.TAG, TinyBert.tagged(18, 5, 5, 1)),
        Arguments.of(TinyBert.REGRESS, TinyBert.measured(18, 5, 5, 1)),
        Arguments.of(TinyBert.MULTI_LABEL, TinyBert.labelled(18, 5, 5, 1)));
  }

  /** What a run left, and what it said. */
  private record Outcome(Map<String, byte[]> bytes, TrainingResult result, List<String> remarks) {}

  private static Outcome probe(Model model, List<EncodedExample> data, TrainingConfig config) {
    List<String> remarks = new ArrayList<>();
    TrainingListener listener =
        new TrainingListener() {
          @Override
          public void remarked(String remark) {
            remarks.add(remark);
          }
        };
    List<Trainable> head = Trainable.headOf(model);
    TrainingResult result =
        new Trainer(model, head, TrainingData.of(data), data.subList(0, 7), 0, config, listener)
            .run();
    return new Outcome(TinyBert.bytes(model), result, remarks);
  }

  private static TrainingConfig withoutCache() {
    return CONFIG.with(draft -> draft.throughput = new ThroughputConfig(false, false, false));
  }

  /** All texts in each batch, so that products have the same shapes and round alike. */
  @ParameterizedTest
  @MethodSource("heads")
  void keptFeaturesChangeNoBit(String name, List<EncodedExample> data) {
    try (Model model = TinyBert.open(name);
        Model other = TinyBert.open(name)) {
      Outcome kept = probe(model, data, CONFIG.withBatchSize(18, 1));
      Outcome anew = probe(other, data, withoutCache().withBatchSize(18, 1));
      assertThat(kept.remarks)
          .containsExactly(
              "nothing below the head trains: what the head reads is computed once, without dropout"
                  + " (cache_features)");
      assertThat(anew.remarks).isEmpty();
      assertThat(kept.bytes)
          .allSatisfy((key, bytes) -> assertThat(bytes).as(key).isEqualTo(anew.bytes.get(key)));
      assertThat(kept.result.epochs())
          .extracting(EpochReport::trainLoss)
          .isEqualTo(anew.result.epochs().stream().map(EpochReport::trainLoss).toList());
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
      Map<String, Tensor> found = model.stateDict();
      other
          .stateDict()
          .forEach(
              (name, wanted) -> {
                float[] values = Objects.requireNonNull(found.get(name)).toFloats();
                // Other batches, other padding: roundings of float32 through eighteen AdamW steps.
                assertThat(values).containsExactly(wanted.toFloats(), within(1e-5f));
              });
      assertThat(kept.result.epochs().get(2).trainLoss())
          .isCloseTo(anew.result.epochs().get(2).trainLoss(), within(1e-6));
    }
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
      Outcome kept = probe(noisy, data, CONFIG.withBatchSize(16, 1));
      Outcome anew = probe(quiet, data, withoutCache().withBatchSize(16, 1));
      assertThat(kept.bytes)
          .allSatisfy((key, bytes) -> assertThat(bytes).as(key).isEqualTo(anew.bytes.get(key)));
    }
  }

  @Test
  void nothingIsKeptWhereALayerTrainsLater() {
    List<EncodedExample> data = TinyBert.classified(16, 5, 5, 1);
    TrainingConfig unfreezing =
        CONFIG.with(draft -> draft.freeze = new FreezeConfig(0, false, false, 1, 0));
    List<String> remarks = new ArrayList<>();
    TrainingListener listener =
        new TrainingListener() {
          @Override
          public void remarked(String remark) {
            remarks.add(remark);
          }
        };
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      List<Trainable> all = Trainable.allOf(model);
      TrainingData examples = TrainingData.of(data);
      new Trainer(model, all, examples, List.of(), 0, unfreezing, listener).run();
    }
    assertThat(remarks).isEmpty();
  }
}
