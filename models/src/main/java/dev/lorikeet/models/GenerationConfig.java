package dev.lorikeet.models;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * How tokens are chosen, under the names of generation_config.json.
 *
 * @param maxNewTokens at most so many tokens after the prompt
 * @param temperature what logits are divided by before the softmax; 0 for the likeliest token
 *     always
 * @param topK draw among the k likeliest tokens only; 0 for all
 * @param topP draw among the likeliest tokens that together reach this probability, in (0, 1]
 *     (Holtzman et al. 2020, arXiv:1904.09751)
 * @param repetitionPenalty divides the positive logits of tokens that are there already, and
 *     multiplies the negative ones; 1 for none (Keskar et al. 2019, arXiv:1909.05858)
 * @param stop texts that end the answer; they are not part of it
 * @param eosTokenIds tokens that end the answer
 * @param useCache whether keys and values of earlier tokens are kept
 * @param seed of the draws
 */
public record GenerationConfig(
    int maxNewTokens,
    double temperature,
    int topK,
    double topP,
    double repetitionPenalty,
    List<String> stop,
    Set<Integer> eosTokenIds,
    boolean useCache,
    long seed) {

  /** The likeliest token always, at most 256. */
  public static final GenerationConfig GREEDY =
      new GenerationConfig(256, 0, 0, 1, 1, List.of(), Set.of(), true, 0);

  private static final String FILE = "generation_config.json";

  public GenerationConfig {
    if (maxNewTokens < 1) {
      throw new UsageException("max_new_tokens is " + maxNewTokens + ": it must be at least 1");
    }
    if (!(temperature >= 0) || Double.isInfinite(temperature)) {
      throw new UsageException(
          "temperature is " + temperature + ": it must be 0, for the likeliest token, or above");
    }
    if (topK < 0) {
      throw new UsageException("top_k is " + topK + ": it must be at least 1, or 0 for all tokens");
    }
    if (!(topP > 0 && topP <= 1)) {
      throw new UsageException("top_p is " + topP + ": it must be above 0 and at most 1");
    }
    if (!(repetitionPenalty > 0) || Double.isInfinite(repetitionPenalty)) {
      throw new UsageException(
          "repetition_penalty is " + repetitionPenalty + ": it must be above 0; 1 is none");
    }
    if (stop.contains("")) {
      throw new UsageException("a stop sequence is empty: it would end every answer at once");
    }
    stop = List.copyOf(stop);
    eosTokenIds = Set.copyOf(eosTokenIds);
  }

  /**
   * What a checkpoint asks for: its generation_config.json where it has one, and the tokens that
   * end an answer from there or from config.json.
   *
   * @throws LorikeetException when the file is not JSON, or a value is of the wrong kind
   */
  public static GenerationConfig of(Path folder, ModelConfig config) {
    Path file = folder.resolve(FILE);
    ModelConfig json =
        Files.exists(file) ? ModelConfig.of(file.toString(), JsonFile.read(file)) : config;
    boolean samples = json.flag("do_sample", false);
    Set<Integer> end = new LinkedHashSet<>(ids(json));
    if (end.isEmpty()) {
      end.addAll(ids(config));
    }
    return new GenerationConfig(
        json.integer("max_new_tokens", GREEDY.maxNewTokens),
        samples ? json.number("temperature", 1) : 0,
        samples ? json.integer("top_k", 50) : 0, // transformers' own default
        samples ? json.number("top_p", 1) : 1,
        json.number("repetition_penalty", 1),
        List.of(),
        end,
        true,
        0);
  }

  /** {@code eos_token_id}: one or several. */
  private static List<Integer> ids(ModelConfig json) {
    JsonNode value =
        json.has("eos_token_id") ? json.get("eos_token_id") : MissingNode.getInstance();
    List<Integer> ids = new ArrayList<>();
    for (JsonNode id : value.isArray() ? value : List.of(value)) {
      if (id.isInt()) {
        ids.add(id.intValue());
      } else if (!id.isMissingNode()) {
        throw new LorikeetException(
            json.place()
                + ": \"eos_token_id\" must be a token's id or a list of them, not "
                + value);
      }
    }
    return ids;
  }

  public GenerationConfig withMaxNewTokens(int tokens) {
    return new GenerationConfig(
        tokens, temperature, topK, topP, repetitionPenalty, stop, eosTokenIds, useCache, seed);
  }

  /** With other draws; see the record's parameters. */
  public GenerationConfig withSampling(double newTemperature, int newTopK, double newTopP) {
    return new GenerationConfig(
        maxNewTokens,
        newTemperature,
        newTopK,
        newTopP,
        repetitionPenalty,
        stop,
        eosTokenIds,
        useCache,
        seed);
  }

  public GenerationConfig withRepetitionPenalty(double penalty) {
    return new GenerationConfig(
        maxNewTokens, temperature, topK, topP, penalty, stop, eosTokenIds, useCache, seed);
  }

  public GenerationConfig withStop(List<String> texts) {
    return new GenerationConfig(
        maxNewTokens,
        temperature,
        topK,
        topP,
        repetitionPenalty,
        texts,
        eosTokenIds,
        useCache,
        seed);
  }

  public GenerationConfig withEosTokenIds(Set<Integer> ids) {
    return new GenerationConfig(
        maxNewTokens, temperature, topK, topP, repetitionPenalty, stop, ids, useCache, seed);
  }

  public GenerationConfig withCache(boolean use) {
    return new GenerationConfig(
        maxNewTokens, temperature, topK, topP, repetitionPenalty, stop, eosTokenIds, use, seed);
  }

  public GenerationConfig withSeed(long newSeed) {
    return new GenerationConfig(
        maxNewTokens,
        temperature,
        topK,
        topP,
        repetitionPenalty,
        stop,
        eosTokenIds,
        useCache,
        newSeed);
  }

  /** Whether the likeliest token is always taken, whatever came before. */
  boolean isPlainGreedy() {
    return temperature == 0 && repetitionPenalty == 1;
  }
}
