package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.ProjectionSlot;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** On BERT of two layers: embeddings, layer 0, layer 1, and the head with the pooler. */
class FreezingTest {
  private static final List<EncodedExample> DATA = TinyBert.classified(16, 3, 9, 1);

  private Scope scope;
  private long liveBefore;

  @BeforeEach
  void open() {
    liveBefore = Tensor.live();
    scope = Scope.open();
  }

  @AfterEach
  void nothingIsLeft() {
    scope.close();
    assertThat(Tensor.live()).isEqualTo(liveBefore);
  }

  private static TrainingConfig config(FreezeConfig freeze) {
    return TrainingConfig.DEFAULT
        .withEpochs(4)
        .withBatchSize(8, 1)
        .with(
            draft -> {
              draft.freeze = freeze;
              draft.schedule = ScheduleConfig.of(Schedule.CONSTANT, 0);
            });
  }

  private static Trainer trainer(
      Model model, List<Trainable> trainables, TrainingConfig config, TrainingListener listener) {
    return new Trainer(
        model, Tasks.of(model), trainables, TrainingData.of(DATA), List.of(), 0, config, listener);
  }

  /** What moved in a run: parts of names up to the layer's number. */
  private static Set<String> moved(Model model, Map<String, byte[]> before) {
    Set<String> moved = new LinkedHashSet<>();
    TinyBert.bytes(model)
        .forEach(
            (name, bytes) -> {
              if (!Arrays.equals(bytes, before.get(name))) {
                moved.add(part(name));
              }
            });
    return moved;
  }

  private static String part(String name) {
    if (name.startsWith("bert.encoder.layer.")) {
      return name.substring("bert.encoder.".length(), "bert.encoder.layer.0".length());
    }
    return name.startsWith("bert.embeddings") ? "embeddings" : "top";
  }

  @Test
  void whatIsFrozenStaysAndNothingBelowAsksForGradients() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Map<String, byte[]> before = TinyBert.bytes(model);
      List<Boolean> needed = new ArrayList<>();
      ProjectionSlot first =
          Objects.requireNonNull(model.projections().get("bert.encoder.layer.0.output.dense"));
      first.fill(
          x -> {
            needed.add(x.requiresGrad());
            return first.base().forward(x);
          });
      FreezeConfig freeze = new FreezeConfig(1, true, false, 0, 0);
      TrainingResult result =
          trainer(model, Trainable.allOf(model), config(freeze), TrainingListener.SILENT).run();
      assertThat(moved(model, before)).containsExactlyInAnyOrder("layer.1", "top");
      assertThat(needed).isNotEmpty().containsOnly(false);
      long frozen =
          model.parameters().values().stream()
              .filter(p -> part(p.name()).equals("layer.0") || part(p.name()).equals("embeddings"))
              .mapToLong(Parameter::count)
              .sum();
      assertThat(result.trainableParameters()).isEqualTo(result.totalParameters() - frozen);
    }
  }

  @Test
  void layersThawFromTheTopOneEveryEpoch() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      List<Set<String>> moved = new ArrayList<>();
      List<Map<String, byte[]>> last = new ArrayList<>(List.of(TinyBert.bytes(model)));
      TrainingListener listener =
          new TrainingListener() {
            @Override
            public void epochEnded(EpochReport report) {
              moved.add(moved(model, last.get(0)));
              last.set(0, TinyBert.bytes(model));
            }
          };
      FreezeConfig freeze = new FreezeConfig(0, false, false, 1, 0);
      trainer(model, Trainable.allOf(model), config(freeze), listener).run();
      assertThat(moved)
          .containsExactly(
              Set.of("top"),
              Set.of("top", "layer.1"),
              Set.of("top", "layer.1", "layer.0"),
              Set.of("top", "layer.1", "layer.0", "embeddings"));
    }
  }

  private static Set<String> movedIn(FreezeConfig freeze, int epochs) {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Map<String, byte[]> before = TinyBert.bytes(model);
      TrainingConfig config = config(freeze).withEpochs(epochs);
      trainer(model, Trainable.allOf(model), config, TrainingListener.SILENT).run();
      return moved(model, before);
    }
  }

  @Test
  void aRunMayEndBeforeAllHasThawed() {
    // Two steps an epoch: the second layer thaws at step 6.
    assertThat(movedIn(new FreezeConfig(0, false, false, 0, 3), 2))
        .containsExactlyInAnyOrder("top", "layer.1");
  }

  private static Set<String> trainingAt(long step, Freezing freezing, List<Trainable> trainables) {
    freezing.beforeStep(step);
    Set<String> parts = new LinkedHashSet<>();
    trainables.stream()
        .map(Trainable::parameter)
        .filter(Parameter::isTrainable)
        .forEach(parameter -> parts.add(part(parameter.name())));
    return parts;
  }

  @Test
  void whatTrainsIsToldByTheStepAlone() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      List<Trainable> trainables = Trainable.allOf(model);
      FreezeConfig freeze = new FreezeConfig(0, false, false, 0, 2);
      Layers layers = Layers.of(model);
      Freezing freezing = new Freezing(trainables, layers, freeze, 2);
      assertThat(trainingAt(1, freezing, trainables)).containsExactlyInAnyOrder("top");
      assertThat(trainingAt(4, freezing, trainables))
          .containsExactlyInAnyOrder("top", "layer.1", "layer.0");
      // A run that is taken up again somewhere else comes to the same.
      assertThat(trainingAt(2, freezing, trainables)).containsExactlyInAnyOrder("top", "layer.1");
      assertThat(trainingAt(100, freezing, trainables)).hasSize(4);
    }
  }

  @Test
  void thePlanTellsGroupsStepsAndWhatIsFrozen() {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      TrainingConfig config =
          config(new FreezeConfig(0, true, false, 0, 3))
              .withLr(1e-3, List.of(GroupRule.parse("classifier=1e-2")))
              .with(
                  draft -> {
                    draft.weightDecay = 0;
                    draft.schedule = ScheduleConfig.of(Schedule.LINEAR, 0.25);
                  });
      TrainingPlan plan =
          trainer(model, Trainable.allOf(model), config, TrainingListener.SILENT).plan();
      assertThat(plan.totalSteps()).isEqualTo(8);
      assertThat(plan.stepsPerEpoch()).isEqualTo(2);
      assertThat(plan.frozenTensors()).isEqualTo(5);
      assertThat(plan.groups())
          .extracting(TrainingPlan.Group::name)
          .containsExactly("default", "classifier");
      TrainingPlan.Group encoder = plan.groups().get(0);
      assertThat(encoder.firstStep()).isEqualTo(0); // the pooler
      assertThat(encoder.lastFirstStep()).isEqualTo(6);
      assertThat(encoder.warmupSteps()).isEqualTo(2);
      TrainingPlan.Group head = plan.groups().get(1);
      assertThat(head.tensors()).isEqualTo(2);
      assertThat(head.elements()).isEqualTo(32 * 3 + 3);
      assertThat(head.lr()).isEqualTo(1e-2);
    }
  }

  // ---- what is refused ----

  private static void assertRefused(FreezeConfig freeze, String message) {
    try (Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Adapter adapter = Adapter.attach(model, DeltaAdapter.on("layer.1.output.dense"), 1);
      List<Trainable> trainables = Trainable.of(adapter);
      assertThatThrownBy(() -> trainer(model, trainables, config(freeze), TrainingListener.SILENT))
          .isInstanceOf(UsageException.class)
          .hasMessage(message);
    }
  }

  @Test
  void freezingNothingOrAllIsRefused() {
    assertRefused(
        new FreezeConfig(1, false, false, 0, 0),
        "freeze_layers freezes nothing: no trainable parameter lies there");
    assertRefused(
        new FreezeConfig(0, true, false, 0, 0),
        "freeze_embeddings freezes nothing: no trainable parameter lies there");
    assertRefused(
        new FreezeConfig(0, false, true, 0, 0),
        "lora_fa freezes nothing: no trainable parameter lies there");
    assertThatThrownBy(() -> new FreezeConfig(0, false, false, 1, 1))
        .isInstanceOf(UsageException.class)
        .hasMessage("unfreeze_epochs is 1 and unfreeze_steps 1: give one of them");
  }
}
