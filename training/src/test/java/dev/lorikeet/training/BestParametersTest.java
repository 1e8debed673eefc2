package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class BestParametersTest {
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  /** The epoch that is kept, and the parameter then, which is the epoch's number in each epoch. */
  private void assertKept(boolean keepBest, int expected, @Nullable Double... scores) {
    assertKept(keepBest, 0, expected, scores);
  }

  private void assertKept(
      boolean keepBest, long firstThatMayBeKept, int expected, @Nullable Double... scores) {
    Parameter parameter = new Parameter("p", Tensor.of(new float[1], 1), scope);
    RunState state = new RunState();
    BestParameters best =
        new BestParameters(
            List.of(new Trainable("p", parameter, false)),
            keepBest,
            state,
            steps -> steps >= firstThatMayBeKept);
    for (int epoch = 1; epoch <= scores.length; epoch++) {
      parameter.original().setInPlace(Tensor.of(new float[] {epoch}, 1));
      Double score = scores[epoch - 1];
      state.step = 10L * epoch;
      if (score != null) {
        best.offer(score);
      }
      state.endEpoch(new EpochReport(epoch, 1, null, 1));
    }
    best.end();
    assertThat(best.epoch()).isEqualTo(expected);
    assertThat(best.step()).isEqualTo(10L * expected);
    assertThat(parameter.original().item()).isEqualTo(expected);
  }

  @Test
  void theGreatestScoreIsKept() {
    assertKept(true, 2, 0.1, 0.9, 0.5);
    assertKept(true, 3, -3.0, -2.0, -1.0);
    assertKept(true, 1, 0.9, 0.1, 0.8);
  }

  @Test
  void aScoreThatIsNotANumberIsNeverTheBest() {
    assertKept(true, 1, 0.5, Double.NaN);
    assertKept(true, 2, Double.NaN, -7.0);
  }

  @Test
  void stepsThatMayNotBeKeptAreNot() {
    assertKept(true, 20, 3, 0.9, 0.1, 0.5);
    assertKept(true, 31, 3, 0.9, 0.1, 0.5); // none may: the last is
  }

  @Test
  void ofEqualScoresTheFirstIsKept() {
    assertKept(true, 1, 0.5, 0.5, 0.5);
  }

  @Test
  void withoutEvaluationTheLastEpochIsKept() {
    assertKept(true, 3, null, null, null);
  }

  @Test
  void theLastEpochIsKeptWhereSoAsked() {
    assertKept(false, 3, 0.9, 0.5, 0.1);
  }

  @Test
  void aLossCountsNegative() {
    Evaluation better = new Evaluation(1, Map.of("perplexity", 2.7), "loss", 1, 1);
    Evaluation worse = new Evaluation(2, Map.of("perplexity", 7.4), "loss", 1, 1);
    assertThat(better.score()).isGreaterThan(worse.score());
  }
}
