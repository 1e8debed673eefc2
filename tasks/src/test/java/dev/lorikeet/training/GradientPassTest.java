package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Dropouts;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.ProjectionSlot;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.OutOfMemory;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("numeric")
class GradientPassTest {
  private static final int[] LENGTHS = {3, 9, 4, 1, 6};
  private static final int[] ALL = {0, 1, 2, 3, 4};
  private static final List<int[]> BATCHES =
      List.of(new int[] {0, 1, 2, 3, 4, 5, 6, 7}, new int[] {8, 9, 10, 11});

  @Test
  void aBatchThatFitsStaysWhole() {
    assertThat(Part.cut(ALL, LENGTHS, 45))
        .containsExactly(new int[] {1, 4, 2, 0, 3}); // longest rows first
  }

  @Test
  void aLargerBatchIsCutLongestRowsFirst() {
    // 9 alone; 6 and 4 as two rows of six; 3 and 1 as two rows of three
    assertThat(Part.cut(ALL, LENGTHS, 12))
        .containsExactly(new int[] {1}, new int[] {4, 2}, new int[] {0, 3});
  }

  @Test
  void aRowLongerThanTheLimitGoesAlone() {
    assertThat(Part.cut(new int[] {1, 3}, LENGTHS, 2))
        .containsExactly(new int[] {1}, new int[] {3});
  }

  @Test
  void shortRowsArePaddedOnlyWhereAPartOfTheirOwnCostsMore() {
    int[] lengths = {60, 60, 5, 5, 5, 5};
    int[] all = {0, 1, 2, 3, 4, 5};
    assertThat(Part.cut(all, lengths, 1000))
        .containsExactly(new int[] {0, 1}, new int[] {2, 3, 4, 5}); // 220 positions saved
    int[] nearlyEqual = {60, 60, 50, 50, 50, 50};
    assertThat(Part.cut(all, nearlyEqual, 1000)).hasSize(1); // 40 saved
  }

  @Test
  void partsGiveTheGradientsOfTheWholeBatch() {
    List<EncodedExample> examples = TinyBert.classified(12, 3, 12, 1);
    try (Scope scope = Scope.open();
        Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      List<Trainable> trainables = Trainable.allOf(model);
      Map<Parameter, Tensor> whole = gradients(model, trainables, examples, Integer.MAX_VALUE);
      Map<Parameter, Tensor> inParts = gradients(model, trainables, examples, 20);
      for (Trainable trainable : trainables) {
        Tensor wanted = Objects.requireNonNull(whole.get(trainable.parameter()));
        Tensor found = Objects.requireNonNull(inParts.get(trainable.parameter()));
        assertThat(wanted.sub(found).abs().max().item()).as(trainable.name()).isLessThan(1e-6);
      }
    }
  }

  @Test
  void activationsComputedAgainGiveTheSameGradients() {
    List<EncodedExample> examples = TinyBert.classified(12, 3, 12, 1);
    try (Scope scope = Scope.open();
        Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      List<Trainable> trainables = Trainable.allOf(model);
      Map<Parameter, Tensor> kept = gradients(model, trainables, examples, 40);
      Map<Parameter, Tensor> again = recomputed(model, trainables, examples);
      for (Trainable trainable : trainables) {
        Tensor wanted = Objects.requireNonNull(kept.get(trainable.parameter()));
        Tensor found = Objects.requireNonNull(again.get(trainable.parameter()));
        assertThat(wanted.sub(found).abs().max().item()).as(trainable.name()).isLessThan(1e-6);
      }
    }
  }

  /** Were other masks drawn the second time, the gradient would be another function's. */
  @Test
  void activationsComputedAgainDrawTheSameDropout() {
    List<EncodedExample> examples = TinyBert.classified(12, 3, 12, 1);
    ModelOptions options = ModelOptions.DEFAULT.withDropouts(new Dropouts(0.3, 0.3, 0.3));
    try (Scope scope = Scope.open();
        Model model = Model.open(TinyBert.folder(TinyBert.CLASSIFY), options)) {
      model.training(true);
      List<Trainable> trainables = Trainable.allOf(model);
      String name = "bert.encoder.layer.0.intermediate.dense.bias";
      Parameter bias = Objects.requireNonNull(model.parameters().get(name));
      Tensor slope = Objects.requireNonNull(seeded(model, trainables, examples).get(bias));
      Tensor direction = slope.mul(1 / slope.norm().item());
      Tensor start = bias.original().copy();
      double step = 0.02;
      bias.original().setInPlace(start.add(direction, step));
      double above = loss(model, trainables, examples);
      bias.original().setInPlace(start.add(direction, -step));
      double below = loss(model, trainables, examples);
      double measured = (above - below) / (2 * step);
      // Losses near 1 to some 1e-7, divided by 0.04, and the curve's third derivative.
      assertThat(measured / slope.norm().item()).isCloseTo(1, within(0.02));
    }
  }

  private static Map<Parameter, Tensor> seeded(
      Model model, List<Trainable> trainables, List<EncodedExample> examples) {
    Torch.seed(3);
    return recomputed(model, trainables, examples);
  }

  private static double loss(
      Model model, List<Trainable> trainables, List<EncodedExample> examples) {
    Torch.seed(3);
    RunState state = new RunState();
    recomputing(model, trainables).gradients(examples, BATCHES, state);
    return state.meanLoss();
  }

  private static Map<Parameter, Tensor> recomputed(
      Model model, List<Trainable> trainables, List<EncodedExample> examples) {
    return recomputing(model, trainables).gradients(examples, BATCHES, new RunState());
  }

  private static AlonePass recomputing(Model model, List<Trainable> trainables) {
    GradientPass pass =
        new GradientPass(
            model, Tasks.of(model).objective(), 0, new PartLimit(40, remark -> {}), true);
    return new AlonePass(
        pass, trainables, Tasks.of(model).objective(), LossScale.of(DType.FLOAT32));
  }

  @Test
  void aPartThatDoesNotFitInMemoryIsHalvedAndTheGradientsStayThoseOfTheWholeBatch() {
    List<EncodedExample> examples = TinyBert.classified(12, 3, 12, 1);
    try (Scope scope = Scope.open();
        Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      List<Trainable> trainables = Trainable.allOf(model);
      Map<Parameter, Tensor> whole = gradients(model, trainables, examples, Integer.MAX_VALUE);
      List<Long> tried = allowRows(model, 3);
      List<String> remarks = new ArrayList<>();
      RunState state = new RunState();
      Map<Parameter, Tensor> halved =
          pass(model, trainables, Integer.MAX_VALUE, remarks).gradients(examples, BATCHES, state);
      assertThat(tried.get(0)).isEqualTo(8);
      assertThat(tried.get(1)).isBetween(1L, 4L);
      assertThat(tried.stream().filter(rows -> rows <= 3).mapToLong(rows -> rows).sum())
          .isEqualTo(12);
      assertThat(remarks).hasSameSizeAs(tried.stream().filter(rows -> rows > 3).toList());
      assertThat(remarks.get(0))
          .matches(
              "8 examples of \\d+ tokens do not fit in memory: going on with at most \\d+ tokens at"
                  + " once \\(max_tokens_per_pass\\), and the same batches");
      assertThat(state.tokens).isEqualTo(examples.stream().mapToLong(EncodedExample::length).sum());
      for (Trainable trainable : trainables) {
        Tensor wanted = Objects.requireNonNull(whole.get(trainable.parameter()));
        Tensor found = Objects.requireNonNull(halved.get(trainable.parameter()));
        // Sums of a dozen terms near 1 in another order.
        assertThat(wanted.sub(found).abs().max().item()).as(trainable.name()).isLessThan(1e-6);
      }
    }
  }

  @Test
  void theSmallerPartsStayAndNothingMoreIsSaid() {
    List<EncodedExample> examples = TinyBert.classified(12, 3, 12, 1);
    try (Scope scope = Scope.open();
        Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      List<Long> tried = allowRows(model, 7);
      List<String> remarks = new ArrayList<>();
      AlonePass pass = pass(model, Trainable.headOf(model), Integer.MAX_VALUE, remarks);
      pass.gradients(examples, BATCHES, new RunState());
      assertThat(tried.get(0)).isEqualTo(8);
      int said = remarks.size();
      pass.gradients(examples, BATCHES, new RunState());
      assertThat(tried.subList(1, tried.size())).allMatch(rows -> rows <= 7);
      assertThat(remarks).hasSize(said).hasSize(1);
    }
  }

  @Test
  void aRowThatDoesNotFitByItselfIsAnErrorWithTheMend() {
    List<EncodedExample> examples = TinyBert.classified(12, 3, 12, 1);
    try (Scope scope = Scope.open();
        Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      allowRows(model, 0);
      AlonePass pass = pass(model, Trainable.headOf(model), Integer.MAX_VALUE, new ArrayList<>());
      assertThatThrownBy(() -> pass.gradients(examples, BATCHES, new RunState()))
          .isInstanceOf(LorikeetException.class)
          .hasMessageMatching(
              "one example of \\d+ tokens does not fit in memory: lower max_length, or use a"
                  + " smaller model or precision: bfloat16 \\(no memory for 1 rows\\)");
    }
  }

  /** Lets the head's layer fail as an allocator would; tells the rows that came. */
  private static List<Long> allowRows(Model model, int most) {
    List<Long> tried = new ArrayList<>();
    ProjectionSlot head = Objects.requireNonNull(model.projections().get("classifier"));
    head.fill(
        x -> {
          tried.add(x.size(0));
          if (x.size(0) > most) {
            throw new OutOfMemory("no memory for " + x.size(0) + " rows");
          }
          return head.base().forward(x);
        });
    return tried;
  }

  private static AlonePass pass(
      Model model, List<Trainable> trainables, int maxTokens, List<String> remarks) {
    LossScale unscaled = LossScale.of(DType.FLOAT32);
    return AlonePass.of(
        model, trainables, Tasks.of(model).objective(), maxTokens, unscaled, remarks::add);
  }

  private static Map<Parameter, Tensor> gradients(
      Model model, List<Trainable> trainables, List<EncodedExample> examples, int maxTokens) {
    return pass(model, trainables, maxTokens, new ArrayList<>())
        .gradients(examples, BATCHES, new RunState());
  }
}
