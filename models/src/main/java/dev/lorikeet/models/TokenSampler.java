package dev.lorikeet.models;

import java.util.Arrays;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * Chooses one row's next tokens from logits: the repetition penalty first, then temperature, top-k
 * and top-p, then a draw. Each row has its own draws, so an answer does not depend on the rows
 * beside it.
 */
final class TokenSampler {
  private final GenerationConfig config;
  private final SplittableRandom random;

  TokenSampler(GenerationConfig config, int row) {
    this.config = config;
    this.random = new SplittableRandom(config.seed() * 0x9E3779B97F4A7C15L + row);
  }

  /**
   * The next token.
   *
   * @param logits [V]; overwritten
   * @param seen the tokens that are there already
   */
  int next(float[] logits, Set<Integer> seen) {
    penalize(logits, seen);
    return config.temperature() == 0 ? largest(logits) : draw(probabilities(logits));
  }

  /** What a token is drawn by, [V]: 0 where top-k or top-p leave it out. */
  double[] probabilities(float[] logits) {
    double[] weights = weights(logits);
    int[] candidates = candidates(weights);
    double total = IntStream.of(candidates).mapToDouble(i -> weights[i]).sum();
    double[] probabilities = new double[weights.length];
    for (int candidate : candidates) {
      probabilities[candidate] = weights[candidate] / total;
    }
    return probabilities;
  }

  void penalize(float[] logits, Set<Integer> seen) {
    double penalty = config.repetitionPenalty();
    if (penalty != 1) {
      for (int token : seen) {
        logits[token] *= (float) (logits[token] < 0 ? penalty : 1 / penalty);
      }
    }
  }

  static int largest(float[] values) {
    int best = 0;
    for (int i = 1; i < values.length; i++) {
      if (values[i] > values[best]) {
        best = i;
      }
    }
    return best;
  }

  /** exp((logit − largest) / temperature): probabilities up to a factor. */
  private double[] weights(float[] logits) {
    double most = logits[largest(logits)];
    double[] weights = new double[logits.length];
    for (int i = 0; i < logits.length; i++) {
      weights[i] = Math.exp((logits[i] - most) / config.temperature());
    }
    return weights;
  }

  /** The tokens that top-k and top-p leave, in their order. */
  private int[] candidates(double[] weights) {
    int[] kept = topK(weights);
    return config.topP() == 1 ? kept : topP(kept, weights);
  }

  /** All whose weight is not below the k-th largest. */
  private int[] topK(double[] weights) {
    if (config.topK() == 0 || config.topK() >= weights.length) {
      return IntStream.range(0, weights.length).toArray();
    }
    double[] largest = Arrays.copyOf(weights, config.topK()); // ascending: the first is the least
    Arrays.sort(largest);
    for (int i = config.topK(); i < weights.length; i++) {
      if (weights[i] > largest[0]) {
        int place = Arrays.binarySearch(largest, weights[i]);
        int end = place >= 0 ? place : -place - 1;
        System.arraycopy(largest, 1, largest, 0, end - 1);
        largest[end - 1] = weights[i];
      }
    }
    return IntStream.range(0, weights.length).filter(i -> weights[i] >= largest[0]).toArray();
  }

  /**
   * Drops the least likely tokens while all dropped together have at most 1 − p. A token below an
   * equal share of that is dropped without a look at its rank.
   */
  private int[] topP(int[] tokens, double[] weights) {
    double total = IntStream.of(tokens).mapToDouble(i -> weights[i]).sum();
    double allowed = (1 - config.topP()) * total;
    double certain = allowed / tokens.length;
    double dropped =
        IntStream.of(tokens).mapToDouble(i -> weights[i]).filter(w -> w < certain).sum();
    int[] ascending =
        IntStream.of(tokens)
            .filter(i -> weights[i] >= certain)
            .boxed()
            .sorted((a, b) -> Double.compare(weights[a], weights[b]))
            .mapToInt(i -> i)
            .toArray();
    int first = 0;
    while (first < ascending.length - 1 && dropped + weights[ascending[first]] <= allowed) {
      dropped += weights[ascending[first++]];
    }
    int[] kept = Arrays.copyOfRange(ascending, first, ascending.length);
    Arrays.sort(kept);
    return kept;
  }

  private int draw(double[] probabilities) {
    double left = random.nextDouble();
    int last = 0;
    for (int token = 0; token < probabilities.length; token++) {
      if (probabilities[token] > 0) {
        last = token;
        left -= probabilities[token];
        if (left < 0) {
          return token;
        }
      }
    }
    return last; // the probabilities' sum was rounded to a little less than 1
  }
}
