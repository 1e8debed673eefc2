package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.models.GenerationConfig;
import dev.lorikeet.models.Generator;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * Generation on the reference cases' checkpoints, whose random weights make every token a choice.
 */
@Tag("numeric")
class GenerationTest {
  private static final Path LLAMA = Path.of("resources/golden/llama-lm-lora");
  private static final GenerationConfig TWELVE = GenerationConfig.GREEDY.withMaxNewTokens(12);
  private static final List<int[]> RAGGED =
      List.of(new int[] {7, 8, 9, 10, 11}, new int[] {20, 21}, new int[] {30, 31, 32, 33, 34, 35});

  /** Everything that is chosen from {@code prompts} with {@code config}. */
  private static List<int[]> generate(Path folder, List<int[]> prompts, GenerationConfig config) {
    try (Scope scope = Scope.open();
        Model model = Model.open(folder, ModelOptions.DEFAULT)) {
      return new Generator(model, config).generate(prompts, (row, token) -> true);
    }
  }

  /** The folders with a recorded continuation, which GoldenParityTest compares. */
  private static List<Path> recorded() throws IOException {
    List<Path> folders = new ArrayList<>();
    for (Path folder : GoldenParityTest.supported()) {
      if (new GoldenCase(folder).hasContinuation()) {
        folders.add(folder);
      }
    }
    return folders;
  }

  @TestFactory
  Stream<DynamicTest> rowsOfABatchAnswerAsAlone() throws IOException {
    return recorded().stream()
        .map(
            folder ->
                DynamicTest.dynamicTest(
                    folder.getFileName().toString(),
                    () -> {
                      List<int[]> together = generate(folder, RAGGED, TWELVE);
                      for (int row = 0; row < RAGGED.size(); row++) {
                        List<int[]> alone = generate(folder, List.of(RAGGED.get(row)), TWELVE);
                        assertThat(together.get(row)).as("row %d", row).isEqualTo(alone.get(0));
                      }
                    }));
  }

  @Test
  void sampledRowsDoNotDependOnTheCache() {
    GenerationConfig drawn = TWELVE.withSampling(1.2, 30, 0.95).withSeed(3);
    List<int[]> cached = generate(LLAMA, RAGGED, drawn);
    List<int[]> anew = generate(LLAMA, RAGGED, drawn.withCache(false));
    for (int row = 0; row < RAGGED.size(); row++) {
      assertThat(cached.get(row)).isEqualTo(anew.get(row));
    }
    assertThat(generate(LLAMA, RAGGED, drawn.withSeed(4)).get(0)).isNotEqualTo(cached.get(0));
  }

  @Test
  void aTokenThatEndsAnswersEndsItsRowOnly() {
    List<int[]> whole = generate(LLAMA, RAGGED, TWELVE);
    int end = whole.get(0)[3];
    List<int[]> ended = generate(LLAMA, RAGGED, TWELVE.withEosTokenIds(Set.of(end)));
    for (int row = 0; row < RAGGED.size(); row++) {
      assertThat(ended.get(row)).isEqualTo(before(whole.get(row), end));
    }
    assertThat(ended.get(0)).hasSizeLessThan(4);
  }

  private static int[] before(int[] tokens, int end) {
    List<Integer> before = new ArrayList<>();
    for (int token : tokens) {
      if (token == end) {
        break;
      }
      before.add(token);
    }
    return before.stream().mapToInt(i -> i).toArray();
  }

  @Test
  void aListenerEndsARow() {
    try (Scope scope = Scope.open();
        Model model = Model.open(LLAMA, ModelOptions.DEFAULT)) {
      List<Integer> heard = new ArrayList<>();
      List<int[]> answers =
          new Generator(model, TWELVE)
              .generate(
                  RAGGED,
                  (row, token) -> {
                    if (row == 1) {
                      heard.add(token);
                    }
                    return row != 1 || heard.size() < 5;
                  });
      assertThat(answers.get(1)).containsExactly(heard.toArray(new Integer[0])).hasSize(5);
      assertThat(answers.get(0)).hasSize(12);
    }
  }

  @Test
  void nothingIsLeftBehind() {
    generate(LLAMA, RAGGED, TWELVE);
    long before = Tensor.live();
    generate(LLAMA, RAGGED, TWELVE);
    assertThat(Tensor.live()).isEqualTo(before);
  }

  @Test
  void whatCannotBeContinuedIsRefused() {
    assertThatThrownBy(() -> generate(LLAMA, List.of(new int[65]), TWELVE))
        .isInstanceOf(UsageException.class)
        .hasMessage("the prompt has 65 tokens, the model reads at most 64");
    assertThatThrownBy(() -> generate(LLAMA, List.of(new int[0]), TWELVE))
        .isInstanceOf(UsageException.class)
        .hasMessage("the prompt has no tokens: write something to continue");
    assertThatThrownBy(
            () -> generate(Path.of("resources/golden/bert-mlm"), List.of(new int[] {5}), TWELVE))
        .isInstanceOf(UsageException.class)
        .hasMessage("the model's task is masked-lm: only causal-lm and seq2seq-lm write texts");
  }
}
