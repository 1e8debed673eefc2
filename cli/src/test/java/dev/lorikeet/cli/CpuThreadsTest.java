package dev.lorikeet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CpuThreadsTest {
  /** OpenMP takes a list, an entry a level of nesting, and ignores what is no number. */
  @ParameterizedTest
  @CsvSource({"3, 3", "'2,1', 2", "' 1 ', 1", "0, 8", "many, 8", "'', 8"})
  void openMpsVariableIsHonoured(String value, int threads) {
    assertThat(CpuThreads.unlessGiven(Map.of("OMP_NUM_THREADS", value), 8)).isEqualTo(threads);
  }

  @ParameterizedTest
  @CsvSource("8")
  void withoutItAllProcessorsWork(int processors) {
    assertThat(CpuThreads.unlessGiven(Map.of(), processors)).isEqualTo(processors);
  }
}
