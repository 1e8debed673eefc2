package dev.lorikeet.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What several threads may do with tensors, scopes and random numbers. */
class ThreadsTest {
  private static final int THREADS = 4;

  /** In a process of its own: a race here ended it, in one of the first rounds of 100. */
  @Test
  void freeingATensorWhileOthersComputeWithItEndsInTheirException() throws Exception {
    String output = JavaProcess.output(FreedWhileUsedMain.class, "-Xmx256m");
    assertThat(JavaProcess.value(output, "wrong")).isEqualTo("0");
    assertThat(JavaProcess.value(output, "refused")).isEqualTo("400"); // 100 rounds, 4 threads
    assertThat(JavaProcess.value(output, "live")).isEqualTo("0");
  }

  @Test
  void scopesThatGiveATensorToEachOtherWhileOneClosesFreeItOnce() throws Exception {
    long before = Tensor.live();
    for (int round = 0; round < 200; round++) {
      Scope from = Scope.unbound();
      Scope to = Scope.unbound();
      Tensor x;
      try (Scope scope = Scope.open()) {
        x = from.adopt(Tensor.zeros(DType.FLOAT32, Device.CPU, 1));
      }
      inThreads(
          List.of(
              () -> {
                from.close();
                return 0;
              },
              () -> {
                try {
                  to.adopt(x);
                } catch (IllegalStateException e) {
                  assertThat(e).hasMessage(Tensor.FREED);
                }
                return 0;
              }));
      to.close();
      assertThat(x).hasToString("Tensor (freed)");
    }
    assertThat(Tensor.live()).isEqualTo(before);
  }

  @Test
  void aScopeThatAnyThreadMayFillLosesNoTensor() throws Exception {
    long before = Tensor.live();
    Scope weights = Scope.unbound();
    List<Callable<Integer>> fillers = new ArrayList<>();
    for (int i = 0; i < THREADS; i++) {
      fillers.add(
          () -> {
            for (int made = 0; made < 500; made++) {
              try (Scope scope = Scope.open()) {
                weights.adopt(Tensor.zeros(DType.FLOAT32, Device.CPU, 1));
              }
            }
            return 0;
          });
    }
    inThreads(fillers);
    assertThat(Tensor.live()).isEqualTo(before + THREADS * 500L);
    weights.close();
    assertThat(Tensor.live()).isEqualTo(before);
    try (Scope scope = Scope.open()) {
      assertThatThrownBy(() -> weights.adopt(Tensor.zeros(DType.FLOAT32, Device.CPU, 1)))
          .hasMessage("the scope is closed");
    }
  }

  /** All that draws. */
  static Stream<Named<Supplier<Tensor>>> drawing() {
    return Stream.of(
        Named.of("normal", () -> Tensor.normal(0, 1, 300)),
        Named.of("truncatedNormal", () -> Tensor.truncatedNormal(1, 300)),
        Named.of("uniform", () -> Tensor.uniform(0, 1, 300)),
        Named.of("dropout", () -> Ops.dropout(ones(300), 0.5)),
        Named.of("dropoutAddNorm", ThreadsTest::dropoutAddNorm),
        Named.of(
            "dropoutAttention",
            () -> {
              Tensor x = Tensor.uniform(0, 1, 2, 8, 16);
              return Ops.dropoutAttention(x, x, x, 2, null, 0.5, 1).get(0);
            }),
        Named.of(
            "attention",
            () -> {
              Tensor x = Tensor.uniform(0, 1, 2, 8, 2, 8);
              return Ops.attention(x, x, x, null, 0.5);
            }),
        Named.of(
            "groupedAttention",
            () -> {
              Tensor x = Tensor.uniform(0, 1, 2, 8, 2, 8);
              return Ops.groupedAttention(x, x, x, null, true, 0.5, 1);
            }),
        Named.of("lstm", ThreadsTest::lstm),
        Named.of("addUniform", () -> Ops.addUniform(ones(300), 1)));
  }

  private static Tensor ones(long... shape) {
    return Tensor.full(1, DType.FLOAT32, Device.CPU, shape);
  }

  private static Tensor dropoutAddNorm() {
    return Ops.dropoutAddNorm(ones(4, 64), ones(4, 64), ones(64), null, 1e-5, 0.5).get(0);
  }

  /** Of two layers, with dropout between them. */
  private static Tensor lstm() {
    List<Tensor> weights = new ArrayList<>();
    for (long in : new long[] {8, 8, 16, 16}) {
      weights.add(Tensor.normal(0, 1, 32, in));
      weights.add(Tensor.normal(0, 1, 32, 8));
      weights.add(ones(32));
      weights.add(ones(32));
    }
    return Ops.lstm(Tensor.normal(0, 1, 2, 4, 8), weights, 2, 8, 0.5);
  }

  @ParameterizedTest
  @MethodSource("drawing")
  void eachThreadDrawsWhatItsSeedGivesWhateverOthersDraw(Supplier<Tensor> draw) throws Exception {
    List<Callable<List<float[]>>> runs = new ArrayList<>();
    for (int seed = 0; seed < THREADS; seed++) {
      int own = seed;
      runs.add(() -> drawn(draw, own));
    }
    List<List<float[]>> beside = inThreads(runs);
    for (int seed = 0; seed < THREADS; seed++) {
      List<float[]> alone = drawn(draw, seed);
      assertThat(beside.get(seed)).usingRecursiveComparison().isEqualTo(alone);
      assertThat(beside.get(seed)).doesNotHaveDuplicates();
    }
    assertThat(beside.get(0).get(0)).isNotEqualTo(beside.get(1).get(0));
  }

  /** Draws of a seed, one after the other. */
  private static List<float[]> drawn(Supplier<Tensor> draw, long seed) {
    List<float[]> drawn = new ArrayList<>();
    Torch.seed(seed);
    for (int i = 0; i < 50; i++) {
      try (Scope scope = Scope.open()) {
        drawn.add(draw.get().toFloats());
      }
    }
    return drawn;
  }

  /** What calls answer that run at the same time. */
  private static <T> List<T> inThreads(List<Callable<T>> calls) throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(calls.size());
    try {
      List<T> answers = new ArrayList<>();
      for (Future<T> answer : threads.invokeAll(calls)) {
        answers.add(answer.get());
      }
      return answers;
    } finally {
      threads.shutdown();
    }
  }
}
