package dev.lorikeet.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class GradModeTest {
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  @Test
  void itIsOffByDefaultOnEveryThread() throws ExecutionException, InterruptedException {
    assertThat(GradMode.isEnabled()).isFalse();
    Tensor leaf = Tensor.of(new float[] {1}, 1).requiresGrad(true);
    ExecutorService thread = Executors.newSingleThreadExecutor();
    try {
      // The very first thing this thread does: libtorch itself would have it on.
      assertThat(thread.submit(() -> recorded(leaf)).get()).isFalse();
      assertThat(thread.submit(GradMode::isEnabled).get()).isFalse();
    } finally {
      thread.shutdown();
    }
  }

  private static boolean recorded(Tensor leaf) {
    try (Scope scope = Scope.open()) {
      return isRecorded(leaf.mul(2), leaf);
    }
  }

  /** Whether a gradient of a scalar can be had, which is what {@code requiresGrad} says of it. */
  private static boolean isRecorded(Tensor output, Tensor leaf) {
    try {
      Ops.grad(output, List.of(leaf));
      assertThat(output.requiresGrad()).isTrue();
      return true;
    } catch (RuntimeException e) {
      assertThat(e).hasMessageContaining("does not require grad");
      assertThat(output.requiresGrad()).isFalse();
      return false;
    }
  }

  @Test
  void turningItOnHereLeavesOtherThreadsAlone() throws ExecutionException, InterruptedException {
    ExecutorService thread = Executors.newSingleThreadExecutor();
    try (GradMode on = GradMode.enabled()) {
      assertThat(thread.submit(GradMode::isEnabled).get()).isFalse();
      assertThat(GradMode.isEnabled()).isTrue();
    } finally {
      thread.shutdown();
    }
  }

  @Test
  void modesNestAndComeBack() {
    try (GradMode on = GradMode.enabled()) {
      try (GradMode off = GradMode.disabled()) {
        assertThat(GradMode.isEnabled()).isFalse();
        try (GradMode onAgain = GradMode.enabled()) {
          assertThat(GradMode.isEnabled()).isTrue();
        }
        assertThat(GradMode.isEnabled()).isFalse();
      }
      assertThat(GradMode.isEnabled()).isTrue();
    }
    assertThat(GradMode.isEnabled()).isFalse();
  }

  @Test
  void operationsAreRecordedOnlyWhileItIsOn() {
    Tensor leaf = Tensor.of(new float[] {1}, 1).requiresGrad(true);
    assertThat(isRecorded(leaf.mul(2), leaf)).isFalse();
    try (GradMode on = GradMode.enabled()) {
      assertThat(isRecorded(leaf.mul(2), leaf)).isTrue();
      assertThat(isRecorded(leaf.detach().mul(2), leaf)).isFalse();
    }
  }

  @Test
  void aFrozenLeafIsNotRecorded() {
    Tensor leaf = Tensor.of(new float[] {1}, 1).requiresGrad(true).requiresGrad(false);
    try (GradMode on = GradMode.enabled()) {
      assertThat(isRecorded(leaf.mul(2), leaf)).isFalse();
    }
  }

  @Test
  void updatesInPlaceAreNeverRecorded() {
    try (GradMode on = GradMode.enabled()) {
      Tensor leaf = Tensor.of(new float[] {1, 2}, 2).requiresGrad(true);
      leaf.setInPlace(Tensor.of(new float[] {3, 4}, 2));
      leaf.addInPlace(Tensor.of(new float[] {1, 1}, 2), 0.5);
      assertThat(leaf.toFloats()).containsExactly(3.5f, 4.5f);
      assertThat(Ops.grad(leaf.mul(leaf).sum(), List.of(leaf)).get(0).toFloats())
          .containsExactly(7, 9);
    }
  }

  @Test
  void fourThreadsAtOnceGetTheirOwnGradients() throws ExecutionException, InterruptedException {
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try {
      List<Future<Boolean>> results = new ArrayList<>();
      for (int k = 1; k <= 4; k++) {
        int factor = k;
        results.add(threads.submit(() -> hundredGradients(factor)));
      }
      for (Future<Boolean> result : results) {
        assertThat(result.get()).isTrue();
      }
    } finally {
      threads.shutdown();
    }
  }

  /** Whether the gradient of factor · x² at x = 1, 2, ... is 2 · factor · x each time. */
  private static boolean hundredGradients(int factor) {
    boolean right = true;
    for (int i = 1; i <= 100; i++) {
      try (Scope scope = Scope.open();
          GradMode on = GradMode.enabled()) {
        Tensor x = Tensor.of(new float[] {i}, 1).requiresGrad(true);
        Tensor loss = x.mul(x).mul((double) factor).sum();
        right &= Ops.grad(loss, List.of(x)).get(0).item() == 2.0 * factor * i;
      }
    }
    return right;
  }

  @Test
  void whatInferenceMakesCanNeverBeRecorded() {
    Tensor leaf = Tensor.of(new float[] {3}, 1).requiresGrad(true);
    Tensor made;
    try (GradMode inference = GradMode.inference()) {
      made = leaf.mul(2);
      assertThat(made.item()).isEqualTo(6);
      try (GradMode on = GradMode.enabled()) {
        assertThat(recorded(leaf)).isTrue(); // each mode holds until its own end
      }
      assertThat(GradMode.isEnabled()).isFalse();
    }
    try (GradMode on = GradMode.enabled()) {
      assertThatThrownBy(() -> made.mul(leaf)).hasMessageContaining("nference tensors");
      assertThat(recorded(leaf)).isTrue();
    }
  }
}
