import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.Adapters;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.lora.LoraConfig;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.torch.Torch;
import dev.lorikeet.training.JointTrainer;
import dev.lorikeet.training.Trainable;
import dev.lorikeet.training.Trainer;
import dev.lorikeet.training.TrainingConfig;
import dev.lorikeet.training.TrainingData;
import dev.lorikeet.training.TrainingListener;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;

/**
 * Times several LoRA adapters of a classifier trained at once beside the same one after the other:
 * `lorikeet run benchmarks/JointTraining.java MODEL MEMBERS STEPS THREADS ROUNDS BATCH_SIZE...`.
 * Texts have 4 to 60 tokens, 16 on average; ranks are 4, 8, 16, ... in turn; dropout is off. Each
 * round times both, in turns; the ratio is of the medians, below 1 where together is faster.
 */
class JointTraining {
  public static void main(String[] args) {
    int members = Integer.parseInt(args[1]);
    int steps = Integer.parseInt(args[2]);
    Torch.threads(Integer.parseInt(args[3]));
    int rounds = Integer.parseInt(args[4]);
    ModelOptions options =
        ModelOptions.DEFAULT.withHead(HeadType.SEQUENCE_CLASSIFICATION, List.of("no", "yes"));
    try (Model model = Model.open(Path.of(args[0]), options)) {
      oneAfterTheOther(model, 1, 2, 4); // warm
      for (int i = 5; i < args.length; i++) {
        int batchSize = Integer.parseInt(args[i]);
        double[] alone = new double[rounds];
        double[] joint = new double[rounds];
        for (int round = 0; round < rounds; round++) {
          alone[round] = oneAfterTheOther(model, members, steps, batchSize);
          joint[round] = together(model, members, steps, batchSize);
        }
        System.out.printf(
            Locale.ROOT,
            "%d members, batch size %d, %d steps: %.1f s one after the other, %.1f s together,"
                + " ratio %.2f%n",
            members,
            batchSize,
            steps,
            median(alone),
            median(joint),
            median(joint) / median(alone));
      }
    }
  }

  private static double oneAfterTheOther(Model model, int members, int steps, int batchSize) {
    double seconds = 0;
    for (int i = 0; i < members; i++) {
      Adapter adapter = Adapter.attach(model, lora(i), i);
      Trainer trainer = trainer(model, adapter, i, steps, batchSize);
      long start = System.nanoTime();
      trainer.run();
      seconds += (System.nanoTime() - start) / 1e9;
      adapter.remove();
    }
    return seconds;
  }

  private static double together(Model model, int members, int steps, int batchSize) {
    Adapters adapters = new Adapters(model);
    Map<String, Trainer> trainers = new LinkedHashMap<>();
    for (int i = 0; i < members; i++) {
      Adapter adapter = adapters.add("member-" + i, lora(i), i);
      trainers.put("member-" + i, trainer(model, adapter, i, steps, batchSize));
    }
    JointTrainer trainer = new JointTrainer(adapters, trainers);
    long start = System.nanoTime();
    trainer.run();
    double seconds = (System.nanoTime() - start) / 1e9;
    List.copyOf(adapters.names()).forEach(adapters::delete);
    return seconds;
  }

  private static LoraConfig lora(int member) {
    int rank = 4 << member % 3;
    return LoraConfig.of(rank, 2 * rank);
  }

  private static Trainer trainer(
      Model model, Adapter adapter, int member, int steps, int batchSize) {
    TrainingConfig config =
        TrainingConfig.DEFAULT
            .withLr(1e-3 / (member + 1), List.of())
            .withBatchSize(batchSize, 1)
            .withSeed(member)
            .with(draft -> draft.maxSteps = steps);
    return new Trainer(model, Tasks.of(model),
        Trainable.of(adapter),
        TrainingData.of(examples(steps * batchSize, member)),
        List.of(),
        0,
        config,
        TrainingListener.SILENT);
  }

  private static List<EncodedExample> examples(int count, long seed) {
    Random random = new Random(seed);
    List<EncodedExample> examples = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int length = (int) Math.min(60, 4 - 12 * Math.log(1 - random.nextDouble()));
      int[] ids = random.ints(length, 1000, 20000).toArray();
      examples.add(new EncodedExample(ids, new int[length], new long[] {i % 2}, new float[0]));
    }
    return examples;
  }

  private static double median(double[] seconds) {
    double[] sorted = seconds.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }
}
