package dev.lorikeet.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ScopeTest {
  private long liveBefore;

  @BeforeEach
  void count() {
    liveBefore = Tensor.live();
  }

  @AfterEach
  void nothingIsLeft() {
    assertThat(Tensor.live()).isEqualTo(liveBefore);
  }

  private static Tensor one() {
    return Tensor.of(new float[] {1}, 1);
  }

  @Test
  void closingFreesWhatTheScopeMade() {
    Tensor outerOne;
    try (Scope outer = Scope.open()) {
      outerOne = one();
      Tensor innerOne;
      try (Scope inner = Scope.open()) {
        innerOne = one();
        assertThat(Tensor.live()).isEqualTo(liveBefore + 2);
      }
      assertThat(innerOne).hasToString("Tensor (freed)");
      assertThat(outerOne.item()).isEqualTo(1);
      assertThat(Tensor.live()).isEqualTo(liveBefore + 1);
    }
    assertThat(outerOne).hasToString("Tensor (freed)");
  }

  @Test
  void keepMovesATensorOneScopeOut() {
    try (Scope outer = Scope.open()) {
      Tensor kept;
      Tensor keptTwice;
      try (Scope middle = Scope.open()) {
        try (Scope inner = Scope.open()) {
          kept = inner.keep(one());
          keptTwice = middle.keep(inner.keep(one()));
        }
        assertThat(kept.item()).isEqualTo(1);
      }
      assertThat(kept).hasToString("Tensor (freed)");
      assertThat(keptTwice.item()).isEqualTo(1);
    }
  }

  @Test
  void keepLeavesATensorOfAnotherScopeWhereItIs() {
    try (Scope outer = Scope.open()) {
      Tensor x = one();
      try (Scope middle = Scope.open()) {
        try (Scope inner = Scope.open()) {
          assertThat(inner.keep(x)).isSameAs(x);
        }
      }
      assertThat(x.item()).isEqualTo(1);
    }
  }

  @Test
  void theOutermostScopeCannotKeep() {
    try (Scope scope = Scope.open()) {
      Tensor x = one();
      assertThatThrownBy(() -> scope.keep(x))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("no scope around this one to keep the tensor in");
      assertThat(x.item()).isEqualTo(1);
    }
  }

  @Test
  void tidyFreesAllButTheResult() {
    try (Scope scope = Scope.open()) {
      Tensor result = Scope.tidy(() -> one().add(one()).mul(3));
      assertThat(result.item()).isEqualTo(6);
      assertThat(Tensor.live()).isEqualTo(liveBefore + 1);
    }
  }

  @Test
  void tidyFreesEverythingWhenItsBodyThrows() {
    try (Scope scope = Scope.open()) {
      assertThatThrownBy(
              () ->
                  Scope.tidy(
                      () -> {
                        one();
                        throw new IllegalArgumentException("body");
                      }))
          .hasMessage("body");
      assertThat(Tensor.live()).isEqualTo(liveBefore);
      assertThat(one().item()).isEqualTo(1);
    }
  }

  @Test
  void anUnboundScopeOwnsWhatItAdopts() {
    Scope weights = Scope.unbound();
    Tensor x;
    try (Scope scope = Scope.open()) {
      x = weights.adopt(one());
      assertThat(weights.adopt(x)).isSameAs(x);
    }
    try (Scope later = Scope.open()) {
      assertThat(x.item()).isEqualTo(1);
      assertThat(Tensor.live()).isEqualTo(liveBefore + 1);
    }
    weights.close();
    assertThat(x).hasToString("Tensor (freed)");
  }

  @Test
  void aTensorThatMovedToAndFroIsFreedOnce() {
    Scope one = Scope.unbound();
    Scope other = Scope.unbound();
    Tensor x;
    try (Scope scope = Scope.open()) {
      x = one.adopt(one());
    }
    one.adopt(other.adopt(one.adopt(x)));
    other.close();
    try (Scope scope = Scope.open()) {
      assertThat(x.item()).isEqualTo(1);
    }
    one.close();
  }

  @Test
  void releaseFreesOneTensorAtOnce() {
    try (Scope outer = Scope.open()) {
      Tensor others = one();
      try (Scope scope = Scope.open()) {
        Tensor x = one();
        scope.release(x);
        assertThat(x).hasToString("Tensor (freed)");
        scope.release(x);
        scope.release(others);
        assertThat(Tensor.live()).isEqualTo(liveBefore + 1);
      }
      assertThat(others.item()).isEqualTo(1);
    }
  }

  @Test
  void closingTwiceDoesNothing() {
    Scope outer = Scope.open();
    Scope inner = Scope.open();
    inner.close();
    Tensor x = one();
    inner.close();
    assertThat(x.item()).isEqualTo(1);
    outer.close();
  }

  @Test
  void scopesCloseInnermostFirst() {
    Scope outer = Scope.open();
    Scope inner = Scope.open();
    Tensor x = one();
    assertThatThrownBy(outer::close)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("scopes close innermost first, on the thread that opened them");
    assertThat(x.item()).isEqualTo(1);
    inner.close();
    outer.close();
  }

  @Test
  void aScopeClosesOnItsOwnThreadOnly() throws InterruptedException {
    try (Scope scope = Scope.open()) {
      Tensor x = one();
      assertThat(thrownOnAnotherThread(scope::close))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("scopes close innermost first, on the thread that opened them");
      assertThat(x.item()).isEqualTo(1);
    }
  }

  @Test
  void aClosedScopeAdoptsNothing() {
    Scope closed = Scope.unbound();
    closed.close();
    try (Scope scope = Scope.open()) {
      Tensor x = one();
      assertThatThrownBy(() -> closed.adopt(x))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("the scope is closed");
      assertThat(x.item()).isEqualTo(1);
    }
  }

  @Test
  void withoutAScopeNothingIsMadeAndNothingLeaks() throws InterruptedException {
    // On a thread of its own: whoever runs the tests may have a scope open.
    assertThat(thrownOnAnotherThread(() -> Tensor.zeros(DType.FLOAT32, Device.CPU, 1)))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("no Scope is open on this thread: wrap the work in Scope.open()");
  }

  @Test
  void eachThreadHasItsOwnInnermostScope() throws InterruptedException {
    try (Scope scope = Scope.open()) {
      Tensor x = one();
      Throwable thrown =
          thrownOnAnotherThread(
              () -> {
                try (Scope other = Scope.open()) {
                  assertThat(x.add(one()).item()).isEqualTo(2);
                }
              });
      assertThat(thrown).isNull();
      assertThat(Tensor.live()).isEqualTo(liveBefore + 1);
    }
  }

  @Test
  void whatABackwardPassNeedsSurvivesItsHandle() {
    try (Scope scope = Scope.open();
        GradMode on = GradMode.enabled()) {
      Tensor x = Tensor.of(new float[] {2, 3}, 2).requiresGrad(true);
      Tensor loss = Scope.tidy(() -> x.mul(x).exp().sum());
      assertThat(Tensor.live()).isEqualTo(liveBefore + 2);
      float[] gradient = Ops.grad(loss, List.of(x)).get(0).toFloats();
      // 2x exp(x²), to float32's rounding of exp
      assertThat(gradient[0] / (4 * Math.exp(4))).isBetween(1 - 1e-6, 1 + 1e-6);
      assertThat(gradient[1] / (6 * Math.exp(9))).isBetween(1 - 1e-6, 1 + 1e-6);
    }
  }

  private static @Nullable Throwable thrownOnAnotherThread(Runnable work)
      throws InterruptedException {
    AtomicReference<Throwable> thrown = new AtomicReference<>();
    Thread thread = new Thread(work);
    thread.setUncaughtExceptionHandler((t, e) -> thrown.set(e));
    thread.start();
    thread.join();
    return thrown.get();
  }
}
