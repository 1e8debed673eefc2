package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Dropouts;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.ProjectionSlot;
import dev.lorikeet.tasks.objectives.MultipleNegativesRanking;
import dev.lorikeet.tasks.objectives.Pooling;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.OutOfMemory;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A loss over all rows of a step, cut into parts and whole. */
@Tag("numeric")
class GradCacheTest {
  private static final List<int[]> BATCHES = List.of(new int[] {3, 0, 5}, new int[] {1, 4, 2});

  /** Sums of some dozen terms near 1 in another order, in float32. */
  private static final double ROUNDING = 2e-6;

  /** Anchors of 3 to 12 tokens, each with a positive and a negative. */
  private static List<EncodedExample> triplets() {
    List<EncodedExample> texts =
        TinyBert.classified(18, 3, 12, 1).stream()
            .map(text -> new EncodedExample(text.ids(), text.typeIds(), new long[0], new float[0]))
            .toList();
    return IntStream.range(0, 6)
        .mapToObj(i -> texts.get(i).beside(List.of(texts.get(i + 6), texts.get(i + 12))))
        .toList();
  }

  private static Map<Parameter, Tensor> gradients(
      Model model, List<Trainable> trainables, int maxTokens, RunState state) {
    MultipleNegativesRanking objective = new MultipleNegativesRanking(Pooling.MEAN, 20);
    Torch.seed(5);
    return AlonePass.of(
            model, trainables, objective, maxTokens, LossScale.of(DType.FLOAT32), remark -> {})
        .gradients(triplets(), BATCHES, state);
  }

  private static Model encoder(Dropouts dropouts) {
    return Model.open(TinyBert.folder("bert-embed"), ModelOptions.DEFAULT.withDropouts(dropouts));
  }

  private static List<Trainable> adapted(Model model) {
    return Trainable.of(Adapter.attach(model, DeltaAdapter.on("query"), 1));
  }

  private static void assertSame(
      List<Trainable> trainables, Map<Parameter, Tensor> wanted, Map<Parameter, Tensor> found) {
    for (Trainable trainable : trainables) {
      Tensor one = Objects.requireNonNull(wanted.get(trainable.parameter()));
      Tensor other = Objects.requireNonNull(found.get(trainable.parameter()));
      assertThat(one.abs().max().item()).isGreaterThan(1e-3);
      assertThat(one.sub(other).abs().max().item()).as(trainable.name()).isLessThan(ROUNDING);
    }
  }

  @Test
  void partsGiveTheGradientsOfAllRowsAtOnce() {
    try (Scope scope = Scope.open();
        Model model = encoder(Dropouts.UNCHANGED)) {
      List<Trainable> trainables = adapted(model);
      RunState whole = new RunState();
      Map<Parameter, Tensor> wanted = gradients(model, trainables, 1 << 20, whole);
      for (int maxTokens : new int[] {1, 12, 30, 70}) {
        RunState cut = new RunState();
        assertSame(trainables, wanted, gradients(model, trainables, maxTokens, cut));
        assertThat(cut.meanLoss()).isCloseTo(whole.meanLoss(), within(1e-6));
        assertThat(cut.tokens).isEqualTo(whole.tokens);
      }
    }
  }

  /** The same seed gives the same masks in both passes, or the gradient were another function's. */
  @Test
  void bothPassesDrawTheSameDropout() {
    try (Scope scope = Scope.open();
        Model model = encoder(new Dropouts(0.3, 0.3, 0.3))) {
      model.training(true);
      List<Trainable> trainables = adapted(model);
      Parameter parameter = trainables.get(0).parameter();
      Tensor slope =
          Objects.requireNonNull(gradients(model, trainables, 30, new RunState()).get(parameter));
      Tensor direction = slope.mul(1 / slope.norm().item());
      Tensor start = parameter.original().copy();
      double step = 0.01;
      double[] losses = new double[2];
      for (int side = 0; side < 2; side++) {
        parameter.original().setInPlace(start.add(direction, side == 0 ? step : -step));
        RunState state = new RunState();
        gradients(model, trainables, 30, state);
        losses[side] = state.meanLoss();
      }
      double measured = (losses[0] - losses[1]) / (2 * step);
      // Losses near 2 to some 1e-7, divided by 0.02, and the curve's third derivative.
      assertThat(measured / slope.norm().item()).isCloseTo(1, within(0.03));
    }
  }

  @Test
  void aPartThatDoesNotFitInMemoryIsHalvedAndAllBeginsAnew() {
    try (Scope scope = Scope.open();
        Model model = encoder(Dropouts.UNCHANGED)) {
      List<Trainable> trainables = adapted(model);
      Map<Parameter, Tensor> wanted = gradients(model, trainables, 1 << 20, new RunState());
      List<Long> tried = new ArrayList<>();
      ProjectionSlot dense =
          Objects.requireNonNull(model.projections().get("encoder.layer.0.intermediate.dense"));
      dense.fill(
          x -> {
            tried.add(x.size(0));
            if (x.size(0) > 4) {
              throw new OutOfMemory("no memory for " + x.size(0) + " rows");
            }
            return dense.base().forward(x);
          });
      assertSame(trainables, wanted, gradients(model, trainables, 70, new RunState()));
      assertThat(tried).anyMatch(rows -> rows > 4);
    }
  }
}
