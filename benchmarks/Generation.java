import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lorikeet.models.GenerationConfig;
import dev.lorikeet.models.Generator;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Torch;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Times greedy generation from random prompts: `lorikeet run benchmarks/Generation.java MODEL DTYPE
 * ROWS PROMPT_TOKENS NEW_TOKENS THREADS CACHE`. `generation.py` does it alternately with the peer.
 */
class Generation {
  public static void main(String[] args) throws Exception {
    int rows = Integer.parseInt(args[2]);
    int promptTokens = Integer.parseInt(args[3]);
    int newTokens = Integer.parseInt(args[4]);
    Torch.threads(Integer.parseInt(args[5]));
    ModelOptions options =
        ModelOptions.DEFAULT.withPrecision(DType.valueOf(args[1].toUpperCase()));
    GenerationConfig config =
        GenerationConfig.GREEDY
            .withMaxNewTokens(newTokens)
            .withCache(Boolean.parseBoolean(args[6]));
    try (Scope scope = Scope.open();
        Model model = Model.open(Path.of(args[0]), options)) {
      List<int[]> prompts = prompts(rows, promptTokens, model.config().integer("vocab_size"));
      new Generator(model, config.withMaxNewTokens(2)).generate(prompts, (row, token) -> true);
      long[] firstAt = {0};
      long start = System.nanoTime();
      List<int[]> answers =
          new Generator(model, config)
              .generate(
                  prompts,
                  (row, token) -> {
                    firstAt[0] = firstAt[0] == 0 ? System.nanoTime() : firstAt[0];
                    return true;
                  });
      long end = System.nanoTime();
      System.out.println(
          new ObjectMapper()
              .writeValueAsString(
                  Map.of(
                      "first_seconds", (firstAt[0] - start) / 1e9,
                      "token_seconds", (end - firstAt[0]) / 1e9 / (newTokens - 1),
                      "tokens", answers)));
    }
  }

  /** The same numbers as `generation.py` draws: a linear congruence, easy to write twice. */
  private static List<int[]> prompts(int rows, int tokens, int vocabulary) {
    long state = 1;
    List<int[]> prompts = new ArrayList<>();
    for (int row = 0; row < rows; row++) {
      int[] prompt = new int[tokens];
      for (int i = 0; i < tokens; i++) {
        state = (state * 1103515245L + 12345) % (1L << 31);
        prompt[i] = (int) (3 + state % (vocabulary - 3));
      }
      prompts.add(prompt);
    }
    return prompts;
  }
}
