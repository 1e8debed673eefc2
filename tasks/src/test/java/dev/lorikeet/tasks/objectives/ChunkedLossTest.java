package dev.lorikeet.tasks.objectives;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.data.Batch;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.Tape;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.training.ClassWeights;
import dev.lorikeet.training.DeltaAdapter;
import dev.lorikeet.training.Inputs;
import dev.lorikeet.training.LossGradients;
import dev.lorikeet.training.Objective;
import dev.lorikeet.training.RegularizationConfig;
import dev.lorikeet.training.TinyBert;
import dev.lorikeet.training.TinyDecoder;
import dev.lorikeet.training.Trainable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Only labelled states through the head, in chunks, beside all logits at once and autograd. */
@Tag("numeric")
class ChunkedLossTest {
  /** Sums of a few dozen terms below 1 in another order, in float32. */
  private static final double ROUNDING = 1e-6;

  private static final List<RegularizationConfig> LOSSES =
      List.of(
          RegularizationConfig.NONE,
          RegularizationConfig.NONE.withLoss(0.1, ClassWeights.NONE, 0),
          RegularizationConfig.NONE.withLoss(0, ClassWeights.NONE, 2));

  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(
      strings = {TinyDecoder.LLAMA, TinyDecoder.TIED, TinyDecoder.CAPPED, TinyDecoder.GPT2})
  void ofCausalLanguageModels(String settings) {
    try (Scope scope = Scope.open();
        Model model = TinyDecoder.open(folder, settings)) {
      assertSameAsWhole(model, Trainable.allOf(model), TinyDecoder.documents(5, 2, 11));
    }
  }

  @Test
  void ofAHeadWithAnAdapter() {
    try (Scope scope = Scope.open();
        Model model = TinyDecoder.open(folder, TinyDecoder.LLAMA)) {
      List<Trainable> trainables =
          Trainable.of(Adapter.attach(model, DeltaAdapter.on("lm_head"), 1));
      assertSameAsWhole(model, trainables, TinyDecoder.documents(5, 2, 11));
    }
  }

  @Test
  void ofMaskedLanguageModelsWhoseOutputIsTheEmbedding() {
    try (Scope scope = Scope.open();
        Model model = TinyBert.open(TinyBert.MLM)) {
      List<EncodedExample> masked = new ArrayList<>();
      for (EncodedExample text : TinyBert.classified(5, 3, 9, 1)) {
        long[] classes = new long[text.length()];
        Arrays.fill(classes, EncodedExample.IGNORED);
        classes[text.length() / 2] = text.ids()[0];
        masked.add(new EncodedExample(text.ids(), text.typeIds(), classes, new float[0]));
      }
      assertSameAsWhole(model, Trainable.allOf(model), masked);
    }
  }

  @Test
  void ofClassesOfTokens() {
    try (Scope scope = Scope.open();
        Model model = TinyBert.open(TinyBert.TAG)) {
      assertSameAsWhole(model, Trainable.allOf(model), TinyBert.tagged(5, 3, 9, 1));
    }
  }

  private static void assertSameAsWhole(
      Model model, List<Trainable> trainables, List<EncodedExample> examples) {
    List<Parameter> parameters = trainables.stream().map(Trainable::parameter).toList();
    Batch batch = Batch.of(examples, IntStream.range(0, examples.size()).toArray(), 0);
    for (RegularizationConfig config : LOSSES) {
      Objective loss = Tasks.of(model).objective(config, examples);
      double factor = 1 / loss.terms(batch);
      try (Scope scope = Scope.open();
          GradMode on = GradMode.enabled()) {
        Tensor sum = OfLogits.sum(loss, model.logits(Inputs.of(batch, model)), batch);
        Map<Parameter, Tensor> whole;
        try (Tape tape = Tape.of(model)) {
          whole = tape.gradients(sum.mul(factor), parameters);
        }
        for (int rows : new int[] {1, 3, 1000}) {
          Map<Parameter, Tensor> found = new LinkedHashMap<>();
          double value = chunked(model, loss, batch, factor, rows, parameters, found);
          double mean = sum.item() * factor;
          assertThat(value * factor).isCloseTo(mean, within(ROUNDING * Math.max(1, mean)));
          for (Trainable trainable : trainables) {
            Tensor expected = Objects.requireNonNull(whole.get(trainable.parameter()));
            Tensor gradient = Objects.requireNonNull(found.get(trainable.parameter()));
            assertThat(gradient.sub(expected).abs().max().item())
                .as("%s in chunks of %d", trainable.name(), rows)
                .isLessThan(ROUNDING * Math.max(1, expected.abs().max().item()));
          }
        }
      }
    }
  }

  private static double chunked(
      Model model,
      Objective loss,
      Batch batch,
      double factor,
      int rows,
      List<Parameter> parameters,
      Map<Parameter, Tensor> into) {
    try (Tape tape = Tape.of(model)) {
      Tensor states = loss.states(model.features(Inputs.of(batch, model)), batch);
      ChunkedLoss head = new ChunkedLoss(model, (LogitLoss) loss, new LogitChunks(rows));
      Tensor labels = LabelPositions.labels(batch);
      LossGradients result = head.gradients(states, labels, factor, parameters);
      into.putAll(result.ofParameters());
      if (result.ofStates() != null) {
        LossGradients.add(into, tape.gradients(states, result.ofStates(), parameters));
      }
      return result.sum();
    }
  }

  @Test
  void theSlopeOfPlainClassesIsAutogradsGradient() {
    try (Scope scope = Scope.open();
        Model model = TinyBert.open(TinyBert.MLM);
        GradMode on = GradMode.enabled()) {
      Tensor logits = Tensor.normal(0, 3, 7, 96).requiresGrad(true);
      Tensor labels = Tensor.of(new long[] {0, 95, 3, 3, 17, 40, 2}, 7);
      LogitLoss loss = (LogitLoss) Tasks.of(model).objective();
      LogitLoss.LogitGradient slope = loss.gradient(logits, labels, 0.25).orElseThrow();
      Tensor sum = loss.sum(logits, labels);
      Tensor gradient = Ops.grad(sum.mul(0.25), List.of(logits)).get(0);
      assertThat(slope.sum().item()).isCloseTo(sum.item(), within(1e-5)); // float32, near 50
      // probabilities of at most 1, rounded
      assertThat(slope.ofLogits().sub(gradient).abs().max().item()).isLessThan(1e-7);
      assertThat(slope.ofLogits().abs().max().item()).isGreaterThan(0.1);
    }
  }

  @Test
  void aVocabularySetsTheChunks() {
    try (Model words = TinyBert.open(TinyBert.MLM);
        Model classes = TinyBert.open(TinyBert.CLASSIFY)) {
      // 2^22 logits of 96 words, and of 3 classes
      assertThat(words.config().integer("vocab_size")).isEqualTo(96);
      assertThat(LogitChunks.ofVocabulary(words).rows()).isEqualTo(43_690);
      assertThat(LogitChunks.ofLabels(classes).rows()).isEqualTo(1_398_101);
    }
  }
}
