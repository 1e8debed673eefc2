package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.data.Packing;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Packed rows give the loss and the gradients of the documents by themselves. */
class PackingTest {
  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(
      strings = {
        TinyDecoder.LLAMA,
        TinyDecoder.TIED,
        TinyDecoder.WINDOW,
        TinyDecoder.CAPPED,
        TinyDecoder.GPT2
      })
  void packedDocumentsLearnWhatTheyLearnByThemselves(String settings) {
    List<EncodedExample> documents = TinyDecoder.documents(9, 2, 14);
    List<EncodedExample> rows = Packing.rows(documents, 20);
    try (Scope scope = Scope.open();
        Model model = TinyDecoder.open(folder, settings)) {
      List<Trainable> trainables = Trainable.allOf(model);
      RunState alone = new RunState();
      RunState packed = new RunState();
      Map<Parameter, Tensor> wanted = gradients(model, trainables, documents, alone);
      Map<Parameter, Tensor> found = gradients(model, trainables, rows, packed);
      assertThat(packed.meanLoss()).isCloseTo(alone.meanLoss(), within(1e-6));
      assertThat(packed.tokens).isEqualTo(alone.tokens).isEqualTo(packed.positions);
      for (Trainable trainable : trainables) {
        Tensor expected = Objects.requireNonNull(wanted.get(trainable.parameter()));
        Tensor gradient = Objects.requireNonNull(found.get(trainable.parameter()));
        // Sums of some dozen terms in another order, in float32.
        assertThat(gradient.sub(expected).abs().max().item())
            .as(trainable.name())
            .isLessThan(1e-6 * Math.max(1, expected.abs().max().item()));
      }
    }
  }

  private static Map<Parameter, Tensor> gradients(
      Model model, List<Trainable> trainables, List<EncodedExample> examples, RunState state) {
    int[] all = IntStream.range(0, examples.size()).toArray();
    LossScale unscaled = LossScale.of(DType.FLOAT32);
    return AlonePass.of(model, trainables, Tasks.of(model).objective(), 64, unscaled, remark -> {})
        .gradients(examples, List.<int[]>of(all), state);
  }

  @Test
  void whatHasNoPlaceForThemRefusesPackedDocuments() {
    try (Scope scope = Scope.open();
        Model bert = TinyBert.open(TinyBert.MLM);
        Model llama = TinyDecoder.open(folder, TinyDecoder.LLAMA)) {
      Tensor ids = Tensor.of(new long[] {5, 6, 7, 8, 9}, 1, 5);
      ModelInput packed = new ModelInput(ids, null, null).withDocuments(2, 3);
      assertThatThrownBy(() -> bert.logits(packed))
          .isInstanceOf(LorikeetException.class)
          .hasMessage("model_type \"bert\" reads no packed documents: leave packing out");
      Tensor prompt = Tensor.zeros(DType.FLOAT32, Device.CPU, 1, 2, 32);
      assertThatThrownBy(() -> llama.logits(packed.withPrompt(prompt)))
          .isInstanceOf(LorikeetException.class)
          .hasMessage(
              "packed documents cannot be read behind learned or cached tokens: leave packing out,"
                  + " or use a method that adapts layers");
      assertThatThrownBy(() -> new ModelInput(ids, null, null).withDocuments(2, 2))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void aPackedRowThatDoesNotFitInMemoryGoesAlone() {
    List<EncodedExample> rows = Packing.rows(TinyDecoder.documents(12, 3, 10), 16);
    assertThat(
            Part.cut(IntStream.range(0, rows.size()).toArray(), EncodedExample.lengths(rows), 16))
        .hasSameSizeAs(rows);
  }
}
