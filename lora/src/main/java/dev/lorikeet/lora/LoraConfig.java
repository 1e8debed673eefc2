package dev.lorikeet.lora;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterConfig;
import dev.lorikeet.adapters.AdapterLayer;
import dev.lorikeet.adapters.Bias;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.models.Dropout;
import dev.lorikeet.models.Linear;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * LoRA's settings, under PEFT's names.
 *
 * @param r the rank of the update
 * @param loraAlpha α: the update is scaled by α/r, or α/√r with {@code useRslora}
 * @param loraDropout dropout of the update's input, in [0, 1)
 * @param targets the layers to adapt
 * @param rankPattern ranks for paths that a key matches, instead of {@code r}; the first key counts
 *     for which {@code ^(.*\.)?(key)$} matches the path
 * @param alphaPattern likewise α
 * @param bias which biases are trained
 * @param modulesToSave modules that are trained and saved whole
 * @param useRslora rank-stabilised scaling (Kalajdzievski 2023, arXiv:2312.03732)
 * @param init how A starts; B starts at zero
 */
public record LoraConfig(
    int r,
    double loraAlpha,
    double loraDropout,
    Targets targets,
    Map<String, Integer> rankPattern,
    Map<String, Double> alphaPattern,
    Bias bias,
    List<String> modulesToSave,
    boolean useRslora,
    LoraInit init)
    implements AdapterConfig {

  /** Rank 8, α 16, no dropout, on all linear layers but the head. */
  public static final LoraConfig DEFAULT =
      new LoraConfig(
          8,
          16,
          0,
          Targets.allLinear(),
          Map.of(),
          Map.of(),
          Bias.NONE,
          List.of(),
          false,
          LoraInit.KAIMING);

  public LoraConfig {
    mustBePositive("r", r);
    mustBeAlpha("lora_alpha", loraAlpha);
    if (!(loraDropout >= 0 && loraDropout < 1)) {
      throw new UsageException(
          "lora_dropout is " + loraDropout + ": it must be at least 0 and below 1");
    }
    rankPattern.forEach((key, rank) -> mustBePositive("rank_pattern " + key, rank));
    rankPattern.keySet().forEach(key -> mustBeRegex("rank_pattern", key));
    alphaPattern.keySet().forEach(key -> mustBeRegex("alpha_pattern", key));
    alphaPattern.forEach((key, alpha) -> mustBeAlpha("alpha_pattern " + key, alpha));
    rankPattern = Collections.unmodifiableMap(new LinkedHashMap<>(rankPattern));
    alphaPattern = Collections.unmodifiableMap(new LinkedHashMap<>(alphaPattern));
    modulesToSave = List.copyOf(modulesToSave);
  }

  private static void mustBeAlpha(String key, double alpha) {
    if (!(alpha > 0) || Double.isInfinite(alpha)) {
      throw new UsageException(key + " is " + alpha + ": it must be above 0");
    }
  }

  private static void mustBeRegex(String key, String expression) {
    try {
      Pattern.compile(expression);
    } catch (PatternSyntaxException e) {
      throw new UsageException(
          key + " \"" + expression + "\" is not a regular expression: " + e.getDescription());
    }
  }

  private static void mustBePositive(String key, int rank) {
    if (rank < 1) {
      throw new UsageException(key + " is " + rank + ": a rank must be at least 1");
    }
  }

  /** The defaults with another rank and α. */
  public static LoraConfig of(int r, double loraAlpha) {
    return new LoraConfig(
        r,
        loraAlpha,
        0,
        DEFAULT.targets,
        Map.of(),
        Map.of(),
        Bias.NONE,
        List.of(),
        false,
        LoraInit.KAIMING);
  }

  /** With dropout of the update's input. */
  public LoraConfig withDropout(double dropout) {
    return new LoraConfig(
        r,
        loraAlpha,
        dropout,
        targets,
        rankPattern,
        alphaPattern,
        bias,
        modulesToSave,
        useRslora,
        init);
  }

  /** On other layers. */
  public LoraConfig withTargets(Targets other) {
    return with(other, modulesToSave);
  }

  @Override
  public LoraConfig with(Targets newTargets, List<String> newModulesToSave) {
    return new LoraConfig(
        r,
        loraAlpha,
        loraDropout,
        newTargets,
        rankPattern,
        alphaPattern,
        bias,
        newModulesToSave,
        useRslora,
        init);
  }

  @Override
  public String peftType() {
    return LoraMethod.PEFT_TYPE;
  }

  /** The rank at a path. */
  public int rank(String path) {
    return first(rankPattern, path).orElse(r);
  }

  /** The factor of the update at a path: α/r, or α/√r. */
  public double scaling(String path) {
    double alpha = first(alphaPattern, path).orElse(loraAlpha);
    return alpha / (useRslora ? Math.sqrt((double) rank(path)) : rank(path));
  }

  private static <T> Optional<T> first(Map<String, T> pattern, String path) {
    return pattern.entrySet().stream()
        .filter(entry -> matches(entry.getKey(), path))
        .map(Map.Entry::getValue)
        .findFirst();
  }

  private static boolean matches(String key, String path) {
    return Pattern.matches("(.*\\.)?(" + key + ")", path);
  }

  @Override
  public void mustMatch(List<String> adaptedPaths) {
    mustMatch("rank_pattern", rankPattern, adaptedPaths);
    mustMatch("alpha_pattern", alphaPattern, adaptedPaths);
  }

  private static void mustMatch(String name, Map<String, ?> pattern, List<String> paths) {
    for (String key : pattern.keySet()) {
      if (paths.stream().noneMatch(path -> matches(key, path))) {
        throw Targets.noMatch(name, key, paths);
      }
    }
  }

  @Override
  public AdapterLayer layer(Linear base, Scope owner) {
    int rank = rank(base.path());
    Tensor a = init.draw(rank, base.in()).to(base.mode().device());
    Tensor b = Tensor.zeros(DType.FLOAT32, base.mode().device(), base.out(), rank);
    return new LoraLayer(
        base,
        new Parameter(base.path() + ".lora_A.weight", a, owner),
        new Parameter(base.path() + ".lora_B.weight", b, owner),
        scaling(base.path()),
        new Dropout(loraDropout, base.mode()));
  }

  @Override
  public ObjectNode json() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("r", r);
    LoraMethod.put(json, "lora_alpha", loraAlpha);
    json.put("lora_dropout", loraDropout);
    targets.write(json);
    ObjectNode ranks = json.putObject("rank_pattern");
    rankPattern.forEach(ranks::put);
    ObjectNode alphas = json.putObject("alpha_pattern");
    alphaPattern.forEach((key, alpha) -> LoraMethod.put(alphas, key, alpha));
    json.put("bias", bias.id());
    if (modulesToSave.isEmpty()) {
      json.putNull("modules_to_save");
    } else {
      modulesToSave.forEach(json.putArray("modules_to_save")::add);
    }
    json.put("use_rslora", useRslora);
    json.put("fan_in_fan_out", false);
    json.set("init_lora_weights", init.json());
    return json;
  }
}
