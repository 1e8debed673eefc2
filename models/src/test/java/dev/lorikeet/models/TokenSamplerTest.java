package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

class TokenSamplerTest {
  private static final float[] LOGITS = {0, 1, 3, 2, -1};

  /** transformers computes in float32, here it is float64. */
  private static final double FLOAT_ROUNDING = 1e-6;

  @TestFactory
  Stream<DynamicTest> distributionsAreThoseOfTransformers() throws IOException {
    JsonNode cases;
    try (InputStream json = getClass().getResourceAsStream("/sampling.json")) {
      cases = new ObjectMapper().readTree(json);
    }
    return StreamSupport.stream(cases.spliterator(), false)
        .map(json -> DynamicTest.dynamicTest(name(json), () -> agrees(json)));
  }

  private static String name(JsonNode json) {
    StringBuilder name = new StringBuilder();
    json.properties()
        .forEach(
            field -> {
              if (field.getValue().isNumber()) {
                name.append(field.getKey()).append(' ').append(field.getValue()).append(' ');
              }
            });
    return name.toString();
  }

  private static void agrees(JsonNode json) {
    GenerationConfig config =
        GenerationConfig.GREEDY
            .withSampling(
                json.path("temperature").asDouble(),
                json.path("top_k").asInt(0),
                json.path("top_p").asDouble(1))
            .withRepetitionPenalty(json.path("repetition_penalty").asDouble(1));
    Set<Integer> seen = new LinkedHashSet<>();
    json.path("seen").forEach(token -> seen.add(token.intValue()));
    float[] logits = new float[json.path("logits").size()];
    for (int i = 0; i < logits.length; i++) {
      logits[i] = json.path("logits").path(i).floatValue();
    }
    TokenSampler sampler = new TokenSampler(config, 0);
    sampler.penalize(logits, seen);
    double[] probabilities = sampler.probabilities(logits);
    for (int i = 0; i < logits.length; i++) {
      double expected = json.path("probabilities").path(i).asDouble();
      assertThat(probabilities[i]).as("token %d", i).isCloseTo(expected, within(FLOAT_ROUNDING));
      assertThat(probabilities[i] == 0).as("token %d left out", i).isEqualTo(expected == 0);
    }
  }

  @Test
  void drawsFollowTheProbabilities() {
    GenerationConfig config = GenerationConfig.GREEDY.withSampling(1, 0, 1).withSeed(1);
    TokenSampler sampler = new TokenSampler(config, 0);
    double[] probabilities = sampler.probabilities(LOGITS.clone());
    int draws = 20_000;
    int[] counts = new int[LOGITS.length];
    for (int i = 0; i < draws; i++) {
      counts[sampler.next(LOGITS.clone(), Set.of())]++;
    }
    for (int token = 0; token < counts.length; token++) {
      double p = probabilities[token];
      double fourDeviations = 4 * Math.sqrt(p * (1 - p) / draws);
      assertThat((double) counts[token] / draws).isCloseTo(p, within(fourDeviations));
    }
  }

  @Test
  void seedAndRowDecideTheDraws() {
    assertThat(draws(7, 0)).isEqualTo(draws(7, 0)).isNotEqualTo(draws(7, 1));
    assertThat(draws(7, 0)).isNotEqualTo(draws(8, 0));
  }

  private static String draws(long seed, int row) {
    GenerationConfig config = GenerationConfig.GREEDY.withSampling(1, 0, 1).withSeed(seed);
    TokenSampler sampler = new TokenSampler(config, row);
    StringBuilder draws = new StringBuilder();
    for (int i = 0; i < 40; i++) {
      draws.append(sampler.next(LOGITS.clone(), Set.of()));
    }
    return draws.toString();
  }

  @Test
  void temperatureZeroTakesTheLikeliestAfterThePenalty() {
    TokenSampler greedy = new TokenSampler(GenerationConfig.GREEDY, 0);
    assertThat(greedy.next(LOGITS.clone(), Set.of(2))).isEqualTo(2);
    TokenSampler penalized = new TokenSampler(GenerationConfig.GREEDY.withRepetitionPenalty(2), 0);
    assertThat(penalized.next(LOGITS.clone(), Set.of(2))).isEqualTo(3);
  }
}
