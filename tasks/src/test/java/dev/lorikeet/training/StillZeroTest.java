package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.ProjectionSlot;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A run that leaves an update at zero, a head untrained or a parameter without gradients fails. */
class StillZeroTest {
  private static final String A = "layer.0.query.lora_A.weight";
  private static final String B = "layer.0.query.lora_B.weight";

  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private Trainable trainable(String name, double value) {
    Tensor tensor = Tensor.full(value, DType.FLOAT32, Device.CPU, 4, 4);
    return new Trainable(name, new Parameter(name, tensor, scope), name.startsWith("classifier"));
  }

  private static List<ParameterGroup> groups(
      List<Trainable> trainables, double decay, GroupRule... rules) {
    return ParameterGroup.of(trainables, 1e-3, decay, List.of(rules));
  }

  private static MovementCheck before(List<ParameterGroup> groups) {
    return MovementCheck.before(groups, OptimizerConfig.DEFAULT, () -> trainable -> 2);
  }

  private static void move(Trainable trainable) {
    trainable.parameter().original().addInPlace(Tensor.full(1, DType.FLOAT32, Device.CPU, 4, 4), 1);
  }

  private static Map<Parameter, Tensor> gradients(Trainable trainable, double value) {
    return Map.of(trainable.parameter(), Tensor.full(value, DType.FLOAT32, Device.CPU, 4, 4));
  }

  @Test
  void anUpdateWhoseSecondFactorHasNoRateIsNamed() {
    Trainable a = trainable(A, 1);
    Trainable b = trainable(B, 0);
    MovementCheck check = before(groups(List.of(a, b), 0, new GroupRule("lora_B", 0.0, 1, null)));
    move(a);
    assertThatThrownBy(() -> check.end())
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            B
                + " is still zero, and with it the adapter's update there: its learning rate is 0,"
                + " raise it");
  }

  @Test
  void aSecondFactorThatIsKeptFromEarlierTrainingIsNoFault() {
    Trainable a = trainable(A, 1);
    Trainable b = trainable(B, 0.5);
    MovementCheck check = before(groups(List.of(a, b), 0, new GroupRule("lora_B", 0.0, 1, null)));
    move(a);
    assertThatCode(() -> check.end()).doesNotThrowAnyException();
  }

  @Test
  void whatOnlyDecaysIsNamed() {
    Trainable a = trainable(A, 1);
    MovementCheck check = before(groups(List.of(a), 0.01));
    check.beforeClipping(gradients(a, 0));
    move(a);
    check.beforeClipping(gradients(a, 0));
    assertThatThrownBy(() -> check.end())
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "only weight decay changed "
                + A
                + ": its gradients were zero; check the learning rate, the targets and the data");
  }

  @Test
  void oneStepWithAGradientIsEnough() {
    Trainable a = trainable(A, 1);
    MovementCheck check = before(groups(List.of(a), 0.01));
    check.beforeClipping(gradients(a, 0)); // as A's is while B is zero
    check.beforeClipping(gradients(a, 1e-20));
    check.beforeClipping(gradients(a, 0));
    move(a);
    assertThatCode(() -> check.end()).doesNotThrowAnyException();
  }

  @Test
  void whatThawsLaterIsHeardLater() {
    Trainable a = trainable(A, 1);
    MovementCheck check = before(groups(List.of(a), 0.01));
    check.beforeClipping(Map.of()); // frozen
    check.beforeClipping(gradients(a, 1));
    move(a);
    assertThatCode(() -> check.end()).doesNotThrowAnyException();
  }

  @Test
  void aHeadThatDidNotMoveIsNamed() {
    List<Trainable> trainables =
        new ArrayList<>(
            List.of(trainable(A, 1), trainable(B, 0), trainable("classifier.weight", 1)));
    MovementCheck check = before(groups(trainables, 0));
    move(trainables.get(0));
    move(trainables.get(1));
    assertThatThrownBy(() -> check.end())
        .isInstanceOf(LorikeetException.class)
        .hasMessageStartingWith(
            "training did not change classifier.weight: its gradients were zero");
  }

  /** The whole way: a layer in front of the adapted one gives zeros, and decay is on. */
  @Test
  void aRunWhoseAdapterOnlyDecaysFails() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Adapter adapter = Adapter.attach(model, DeltaAdapter.on("layer.1.output.dense"), 1);
      adapter
          .parameters()
          .values()
          .forEach(delta -> delta.original().setInPlace(delta.original().add(0.01)));
      Tensor silence = Tensor.zeros(DType.FLOAT32, Device.CPU, 48);
      ProjectionSlot before = model.projections().get("bert.encoder.layer.1.intermediate.dense");
      Objects.requireNonNull(before).fill(x -> silence.expand(x.size(0), x.size(1), 48));
      TrainingConfig config =
          TrainingConfig.DEFAULT
              .withEpochs(2)
              .withBatchSize(8, 1)
              .with(draft -> draft.weightDecay = 0.1);
      Trainer trainer =
          new Trainer(
              model,
              Tasks.of(model),
              Trainable.of(adapter),
              TrainingData.of(TinyBert.classified(16, 5, 5, 1)),
              List.of(),
              0,
              config,
              TrainingListener.SILENT);
      assertThatThrownBy(trainer::run)
          .isInstanceOf(LorikeetException.class)
          .hasMessageStartingWith(
              "only weight decay changed bert.encoder.layer.1.output.dense.delta.weight");
      assertThat(model.mode().isTraining()).isFalse();
    }
  }
}
