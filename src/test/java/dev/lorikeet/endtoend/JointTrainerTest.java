package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.AdapterConfig;
import dev.lorikeet.adapters.AdapterMethods;
import dev.lorikeet.adapters.Adapters;
import dev.lorikeet.data.Augmentation;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.data.Packing;
import dev.lorikeet.models.Dropouts;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.AveragingConfig;
import dev.lorikeet.training.ClassWeights;
import dev.lorikeet.training.FinishedStep;
import dev.lorikeet.training.Hook;
import dev.lorikeet.training.JointTrainer;
import dev.lorikeet.training.NonFiniteConfig;
import dev.lorikeet.training.OptimizerConfig;
import dev.lorikeet.training.RegularizationConfig;
import dev.lorikeet.training.Schedule;
import dev.lorikeet.training.ScheduleConfig;
import dev.lorikeet.training.ThroughputConfig;
import dev.lorikeet.training.Trainable;
import dev.lorikeet.training.Trainer;
import dev.lorikeet.training.TrainingConfig;
import dev.lorikeet.training.TrainingData;
import dev.lorikeet.training.TrainingListener;
import dev.lorikeet.training.TrainingResult;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Several adapters trained at once end as each does alone. */
@Tag("numeric")
class JointTrainerTest {
  private static final Path GOLDEN = Path.of("resources/golden");
  private static final ObjectMapper JSON = new ObjectMapper();

  /** An adapter, how it is trained, and on what. */
  private record Member(
      String adapter,
      TrainingConfig training,
      List<EncodedExample> examples,
      List<EncodedExample> held) {}

  private static Model model(String name) {
    return Model.open(GOLDEN.resolve(name), ModelOptions.DEFAULT);
  }

  private static AdapterConfig config(String json) {
    try {
      ObjectNode settings = (ObjectNode) JSON.readTree(json.replace('\'', '"'));
      return AdapterMethods.ofType(settings.path("peft_type").asText())
          .orElseThrow()
          .read(settings);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Trainer trainer(Model model, Adapter adapter, Member member) {
    return new Trainer(
            model,
            Tasks.of(model),
            Trainable.of(adapter),
            TrainingData.of(member.examples),
            member.held,
            0,
            member.training,
            TrainingListener.SILENT)
        .part(adapter.trainingPart());
  }

  /** Texts of 2 to 12 tokens; of three classes, or such whose tokens are the labels. */
  private static List<EncodedExample> examples(HeadType task, int count, long seed) {
    Random random = new Random(seed);
    List<EncodedExample> examples = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int label = i % 3;
      int[] ids = random.ints(2 + random.nextInt(11), 10 + 20 * label, 30 + 20 * label).toArray();
      long[] classes = {label};
      if (HeadType.CAUSAL_LM.equals(task)) {
        classes = Arrays.stream(ids).asLongStream().toArray();
        classes[0] = EncodedExample.IGNORED;
      }
      examples.add(new EncodedExample(ids, new int[ids.length], classes, new float[0]));
    }
    return examples;
  }

  private static Map<String, float[]> values(Adapter adapter) {
    Map<String, float[]> values = new LinkedHashMap<>();
    adapter.parameters().forEach((name, p) -> values.put(name, p.original().toFloats()));
    return values;
  }

  /** AdamW with an eps above the roundings of gradients, which a smaller one turns into steps. */
  private static TrainingConfig settings(double lr, int batchSize, int accumulation, long seed) {
    return TrainingConfig.DEFAULT
        .withLr(lr, List.of())
        .withBatchSize(batchSize, accumulation)
        .withEpochs(2)
        .withSeed(seed)
        .with(draft -> draft.optimizer = OptimizerConfig.DEFAULT.with(o -> o.eps = 1e-5));
  }

  private static Map<String, Member> members(HeadType task) {
    Map<String, Member> members = new LinkedHashMap<>();
    String lora = "{'peft_type': 'LORA', 'r': %d, 'target_modules': 'all-linear'%s}";
    List<EncodedExample> held = examples(task, 7, 99);
    members.put(
        "wide",
        new Member(lora.formatted(4, ""), settings(2e-3, 5, 1, 1), examples(task, 21, 1), held));
    members.put(
        "short",
        new Member(
            lora.formatted(2, ", 'lora_alpha': 3"),
            settings(5e-3, 8, 1, 2)
                .withEpochs(1)
                .with(draft -> draft.schedule = ScheduleConfig.of(Schedule.COSINE)),
            examples(task, 12, 2),
            List.of()));
    members.put(
        "dora",
        new Member(
            lora.formatted(3, ", 'use_dora': true"),
            settings(1e-3, 3, 2, 3).with(draft -> draft.maxGradNorm = 0.1),
            examples(task, 14, 3),
            held));
    members.put(
        "ada",
        new Member(
            "{'peft_type': 'ADALORA', 'init_r': 3, 'target_r': 2, 'total_step': 6, 'tinit': 1,"
                + " 'tfinal': 2, 'deltaT': 1, 'target_modules': 'all-linear'}",
            settings(3e-3, 4, 1, 4),
            examples(task, 12, 4),
            List.of()));
    return members;
  }

  @ParameterizedTest
  @ValueSource(strings = {"bert-classify-lora", "llama-lm-lora", "gpt2-lm-lora"})
  void eachEndsAsItDoesAlone(String golden) {
    assertEachEndsAsAlone(golden, members(task(golden)));
  }

  /** Their terms are made in common products; the third's batches fill passes of their own. */
  @ParameterizedTest
  @ValueSource(strings = {"bert-classify-lora", "llama-lm-lora"})
  void plainLoraOfSeveralRanksEndsAsItDoesAlone(String golden) {
    HeadType task = task(golden);
    String lora = "{'peft_type': 'LORA', 'r': %d, 'lora_alpha': %d, 'target_modules': %s}";
    Map<String, Member> members = new LinkedHashMap<>();
    String all = "'all-linear'";
    String some = golden.startsWith("bert") ? "['query', 'dense']" : "['q_proj', 'down_proj']";
    members.put("all", plain(lora.formatted(4, 8, all), 5, examples(task, 20, 1)));
    members.put("some", plain(lora.formatted(2, 6, some), 7, examples(task, 21, 2)));
    Member many = plain(lora.formatted(3, 3, all), 90, examples(task, 90, 3));
    members.put("many", many);
    assertThat(many.examples.stream().mapToInt(EncodedExample::length).sum()).isGreaterThan(384);
    assertEachEndsAsAlone(golden, members);
  }

  private static Member plain(String adapter, int batchSize, List<EncodedExample> examples) {
    return new Member(adapter, settings(2e-3, batchSize, 1, 5), examples, List.of());
  }

  private static HeadType task(String golden) {
    try (Model model = model(golden)) {
      return Objects.requireNonNull(model.headType());
    }
  }

  private static void assertEachEndsAsAlone(String golden, Map<String, Member> members) {
    Map<String, Map<String, float[]>> alone = new LinkedHashMap<>();
    Map<String, TrainingResult> results = new LinkedHashMap<>();
    members.forEach(
        (name, member) -> {
          try (Model model = model(golden)) {
            Adapter adapter = Adapter.attach(model, config(member.adapter), 7);
            results.put(name, trainer(model, adapter, member).run());
            alone.put(name, values(adapter));
          }
        });
    try (Scope scope = Scope.open();
        Model model = model(golden)) {
      Adapters adapters = new Adapters(model);
      Map<String, Trainer> trainers = new LinkedHashMap<>();
      members.forEach(
          (name, m) ->
              trainers.put(name, trainer(model, adapters.add(name, config(m.adapter), 7), m)));
      Map<String, TrainingResult> joint = new JointTrainer(adapters, trainers).run();
      assertThat(joint.keySet()).containsExactlyElementsOf(members.keySet());
      for (String name : members.keySet()) {
        assertSame(values(adapters.get(name)), alone.get(name), name);
        assertSame(
            Objects.requireNonNull(joint.get(name)), Objects.requireNonNull(results.get(name)));
      }
      assertThat(adapters.active()).isEmpty();
    }
  }

  private static void assertSame(
      Map<String, float[]> joint, @Nullable Map<String, float[]> alone, String member) {
    Objects.requireNonNull(alone, member)
        .forEach(
            (name, values) -> {
              float[] found = Objects.requireNonNull(joint.get(name));
              for (int i = 0; i < values.length; i++) {
                assertThat((double) found[i])
                    .as(member + " " + name + "[" + i + "]")
                    .isEqualTo(values[i], within(1e-5));
              }
            });
  }

  private static void assertSame(TrainingResult joint, TrainingResult alone) {
    assertThat(joint.steps()).isEqualTo(alone.steps());
    assertThat(joint.tokens()).isEqualTo(alone.tokens());
    assertThat(joint.bestStep()).isEqualTo(alone.bestStep());
    assertThat(joint.epochs()).hasSameSizeAs(alone.epochs());
    for (int i = 0; i < alone.epochs().size(); i++) {
      assertThat(joint.epochs().get(i).trainLoss())
          .isEqualTo(alone.epochs().get(i).trainLoss(), within(1e-5));
    }
    assertThat(joint.evaluations()).hasSameSizeAs(alone.evaluations());
    for (int i = 0; i < alone.evaluations().size(); i++) {
      assertThat(joint.evaluations().get(i).evaluation().loss())
          .isEqualTo(alone.evaluations().get(i).evaluation().loss(), within(1e-5));
    }
  }

  @Test
  void eachMembersHooksAreCalledWhileItsOwnAdapterAnswers() {
    try (Model model = model("bert-classify-lora")) {
      Adapters adapters = new Adapters(model);
      Map<String, Trainer> trainers = new LinkedHashMap<>();
      List<String> calls = new ArrayList<>();
      Map<String, Member> members = members(HeadType.SEQUENCE_CLASSIFICATION);
      for (String name : List.of("short", "ada")) {
        Member member = Objects.requireNonNull(members.get(name));
        Adapter adapter = adapters.add(name, config(member.adapter), 7);
        trainers.put(
            name,
            trainer(model, adapter, member)
                .hook(
                    new Hook() {
                      @Override
                      public void settled(FinishedStep step) {
                        calls.add(name + " " + step.step() + " " + adapters.active());
                      }
                    }));
      }
      new JointTrainer(adapters, trainers).run();
      assertThat(calls)
          .containsExactly(
              "short 1 [short]",
              "ada 1 [ada]",
              "short 2 [short]",
              "ada 2 [ada]",
              "ada 3 [ada]",
              "ada 4 [ada]",
              "ada 5 [ada]",
              "ada 6 [ada]");
    }
  }

  @Test
  void theBaseStaysAsItIs() {
    try (Model model = model("bert-classify-lora")) {
      Map<String, float[]> before = new LinkedHashMap<>();
      model.parameters().forEach((name, p) -> before.put(name, p.value().toFloats()));
      Adapters adapters = new Adapters(model);
      Map<String, Trainer> trainers = new LinkedHashMap<>();
      members(HeadType.SEQUENCE_CLASSIFICATION)
          .forEach(
              (name, m) ->
                  trainers.put(name, trainer(model, adapters.add(name, config(m.adapter), 7), m)));
      new JointTrainer(adapters, trainers).run();
      model
          .parameters()
          .forEach((name, p) -> assertThat(p.value().toFloats()).isEqualTo(before.get(name)));
    }
  }

  @Test
  void aMemberWhoseLossIsNotFiniteSkipsItsStepAndTheOthersGoOn() {
    Member sound =
        new Member(
            "{'peft_type': 'LORA', 'r': 2}",
            settings(1e-3, 4, 1, 1),
            measured(16, 1, Integer.MAX_VALUE),
            List.of());
    Member broken =
        new Member(
            sound.adapter,
            sound.training.with(
                draft -> draft.nonFinite = new NonFiniteConfig(NonFiniteConfig.OnNan.SKIP, 9)),
            measured(16, 2, 5),
            List.of());
    Map<String, float[]> alone;
    Map<String, float[]> brokenAlone;
    try (Model model = model("bert-regress-lora-all-linear")) {
      Adapter adapter = Adapter.attach(model, config(sound.adapter), 7);
      trainer(model, adapter, sound).run();
      alone = values(adapter);
    }
    try (Model model = model("bert-regress-lora-all-linear")) {
      Adapter adapter = Adapter.attach(model, config(sound.adapter), 7);
      trainer(model, adapter, broken).run();
      brokenAlone = values(adapter);
    }
    try (Model model = model("bert-regress-lora-all-linear")) {
      Adapters adapters = new Adapters(model);
      Map<String, Trainer> trainers = new LinkedHashMap<>();
      trainers.put("sound", trainer(model, adapters.add("sound", config(sound.adapter), 7), sound));
      trainers.put(
          "broken", trainer(model, adapters.add("broken", config(sound.adapter), 7), broken));
      new JointTrainer(adapters, trainers).run();
      assertSame(values(adapters.get("sound")), alone, "sound");
      assertSame(values(adapters.get("broken")), brokenAlone, "broken");
    }
    Member stopping = new Member(sound.adapter, sound.training, broken.examples, List.of());
    try (Model model = model("bert-regress-lora-all-linear")) {
      Adapters adapters = new Adapters(model);
      Map<String, Trainer> trainers = new LinkedHashMap<>();
      trainers.put("sound", trainer(model, adapters.add("sound", config(sound.adapter), 7), sound));
      trainers.put(
          "broken", trainer(model, adapters.add("broken", config(sound.adapter), 7), stopping));
      JointTrainer trainer = new JointTrainer(adapters, trainers);
      assertThatThrownBy(trainer::run)
          .isInstanceOf(LorikeetException.class)
          .hasMessageStartingWith("broken: step ")
          .hasMessageContaining("the loss is Infinity for training example 5 ");
    }
  }

  /** Numbers to texts, of which one is not finite. */
  private static List<EncodedExample> measured(int count, long seed, int broken) {
    List<EncodedExample> examples = new ArrayList<>();
    for (EncodedExample e : examples(HeadType.SEQUENCE_CLASSIFICATION, count, seed)) {
      float target = examples.size() == broken ? Float.POSITIVE_INFINITY : e.classes()[0] - 1f;
      examples.add(new EncodedExample(e.ids(), e.typeIds(), new long[0], new float[] {target}));
    }
    return examples;
  }

  @Test
  void packedDocumentsAreRefused() {
    try (Model model = model("llama-lm-lora")) {
      Adapters adapters = new Adapters(model);
      Member member =
          new Member(
              "{'peft_type': 'LORA', 'r': 2, 'target_modules': 'all-linear'}",
              settings(1e-3, 4, 1, 1),
              Packing.rows(examples(HeadType.CAUSAL_LM, 6, 1), 24),
              List.of());
      Trainer packed = trainer(model, adapters.add("a", config(member.adapter), 1), member);
      assertThatThrownBy(() -> new JointTrainer(adapters, Map.of("a", packed)))
          .isInstanceOf(UsageException.class)
          .hasMessageStartingWith("a: packing makes one row of a batch's documents");
    }
  }

  @Test
  void layersThatAreComputedAgainOrKeptAreRefused() {
    assertRefused(
        new ThroughputConfig(true, false, false, true),
        "a: gradient_checkpointing would compute layers again");
    assertRefused(
        new ThroughputConfig(true, true, false, false),
        "a: cache_frozen_layers keeps what one adapter's layers read");
  }

  private static void assertRefused(ThroughputConfig throughput, String message) {
    try (Model model = model("bert-classify-lora")) {
      Adapters adapters = new Adapters(model);
      Member member =
          new Member(
              "{'peft_type': 'LORA', 'r': 2}",
              settings(1e-3, 4, 1, 1).with(draft -> draft.throughput = throughput),
              examples(HeadType.SEQUENCE_CLASSIFICATION, 6, 1),
              List.of());
      Trainer saving = trainer(model, adapters.add("a", config(member.adapter), 1), member);
      assertThatThrownBy(() -> new JointTrainer(adapters, Map.of("a", saving)))
          .isInstanceOf(UsageException.class)
          .hasMessageStartingWith(message);
    }
  }

  @Test
  void whatChangesTheBaseOrTrainsAnotherAdapterIsRefused() {
    try (Model model = model("bert-classify-lora")) {
      Adapters adapters = new Adapters(model);
      Member member = Objects.requireNonNull(members(HeadType.SEQUENCE_CLASSIFICATION).get("wide"));
      Adapter a = adapters.add("a", config(member.adapter), 1);
      adapters.add("b", config(member.adapter), 1);
      Trainer noisy =
          trainer(
              model,
              a,
              new Member(
                  member.adapter,
                  member.training.with(
                      draft ->
                          draft.regularization =
                              new RegularizationConfig(
                                  0,
                                  ClassWeights.NONE,
                                  0,
                                  5,
                                  0,
                                  AveragingConfig.NONE,
                                  Dropouts.UNCHANGED,
                                  Augmentation.NONE)),
                  member.examples,
                  List.of()));
      assertThatThrownBy(() -> new JointTrainer(adapters, Map.of("a", noisy)))
          .isInstanceOf(UsageException.class)
          .hasMessage(
              "a: neftune_noise_alpha changes the base, which others train on too: leave it out, or"
                  + " train alone");
      Trainer ofA = trainer(model, a, member);
      assertThatThrownBy(() -> new JointTrainer(adapters, Map.of("b", ofA)))
          .hasMessage("b: its trainer is for another adapter, model or tokenizer than the set's");
      assertThatThrownBy(() -> new JointTrainer(adapters, Map.of()))
          .hasMessage("there is nobody to train: give at least one adapter");
      assertThatThrownBy(() -> new JointTrainer(adapters, Map.of("c", ofA)))
          .hasMessage("no adapter is called \"c\"; there are a, b");
    }
  }
}
