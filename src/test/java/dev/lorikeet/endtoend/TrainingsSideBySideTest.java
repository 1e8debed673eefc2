package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lorikeet.compare.FineTuning;
import dev.lorikeet.compare.FineTuningConfig;
import dev.lorikeet.compare.TextModel;
import dev.lorikeet.data.Example;
import dev.lorikeet.lora.LoraConfig;
import dev.lorikeet.training.TrainingConfig;
import dev.lorikeet.training.TrainingListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.io.TempDir;

/** Two trainings at the same time in one JVM end with the bytes that each ends with alone. */
class TrainingsSideBySideTest {
  private static final List<Example> EXAMPLES = TinyBase.examples(48);

  @TempDir static Path folder;
  private static Path base;
  private static byte[] dropoutAlone;
  private static byte[] otherSeedAlone;

  @BeforeAll
  static void trainAlone() throws IOException {
    base = TinyBase.in(folder.resolve("base"));
    dropoutAlone = trained(1, 0.1, TrainingListener.SILENT, folder.resolve("alone-1"));
    otherSeedAlone = trained(2, 0, TrainingListener.SILENT, folder.resolve("alone-2"));
  }

  /** In step with each other, so that they always draw at the same time. */
  @RepeatedTest(10)
  void eachEndsWithTheBytesThatItEndsWithAlone(@TempDir Path temporary) throws Exception {
    CyclicBarrier steps = new CyclicBarrier(2);
    TrainingListener inStep = new InStep(steps);
    ExecutorService threads = Executors.newFixedThreadPool(2);
    try {
      List<Callable<byte[]>> runs =
          List.of(
              () -> trained(1, 0.1, inStep, temporary.resolve("1")),
              () -> trained(2, 0, inStep, temporary.resolve("2")));
      List<Future<byte[]>> beside = threads.invokeAll(runs);
      assertThat(beside.get(0).get()).isEqualTo(dropoutAlone);
      assertThat(beside.get(1).get()).isEqualTo(otherSeedAlone);
    } finally {
      threads.shutdown();
    }
  }

  /** Begins no step before the others have ended theirs. */
  private record InStep(CyclicBarrier steps) implements TrainingListener {
    @Override
    public void progressed(Progress progress) {
      try {
        steps.await(1, TimeUnit.MINUTES);
      } catch (InterruptedException | BrokenBarrierException | TimeoutException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  /** The adapter's file. */
  private static byte[] trained(
      long seed, double loraDropout, TrainingListener listener, Path output) throws IOException {
    TrainingConfig training =
        TrainingConfig.DEFAULT.withEpochs(2).withBatchSize(8, 1).withSeed(seed);
    FineTuningConfig config =
        FineTuningConfig.DEFAULT
            .withLora(LoraConfig.of(4, 8).but().loraDropout(loraDropout).build())
            .withTraining(training);
    try (TextModel model =
        new FineTuning(base, config).listener(listener).train(EXAMPLES, EXAMPLES.subList(0, 8))) {
      model.save(output);
    }
    return Files.readAllBytes(output.resolve("adapter_model.safetensors"));
  }
}
