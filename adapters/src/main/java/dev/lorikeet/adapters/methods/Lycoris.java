package dev.lorikeet.adapters.methods;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterConfig;
import dev.lorikeet.adapters.PathPatterns;
import dev.lorikeet.adapters.Settings;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.models.Linear;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.settings.Setting;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * What LoHa and LoKr have in common: an update ΔW of a weight, made of small factors and scaled by
 * α/r (Yeh et al. 2024, arXiv:2309.14859).
 */
public record Lycoris(
    @Setting("The rank.") int r,
    @Setting("The update is scaled by alpha/r.") double alpha,
    @Setting("The probability with which a row of the update is left out in training.")
        double rankDropout,
    @Setting("The probability with which all of the update is left out.") double moduleDropout,
    Targets targets,
    @Setting("Ranks by path pattern, instead of r; the first that matches counts.")
        Map<String, Integer> rankPattern,
    @Setting("Likewise alphas.") Map<String, Double> alphaPattern,
    @Setting("Modules that are trained and saved whole.") List<String> modulesToSave) {

  /** Settings of which these are a part. */
  interface Config extends AdapterConfig {
    Lycoris common();

    @Override
    default Targets targets() {
      return common().targets;
    }

    @Override
    default List<String> modulesToSave() {
      return common().modulesToSave;
    }

    @Override
    default void mustMatch(List<String> adaptedPaths) {
      PathPatterns.mustMatch("rank_pattern", common().rankPattern.keySet(), adaptedPaths);
      PathPatterns.mustMatch("alpha_pattern", common().alphaPattern.keySet(), adaptedPaths);
    }
  }

  public Lycoris {
    Settings.mustBeRank("r", r);
    rankPattern.forEach((key, rank) -> Settings.mustBeRank("rank_pattern " + key, rank));
    mustBeProbability("rank_dropout", rankDropout);
    mustBeProbability("module_dropout", moduleDropout);
    PathPatterns.mustBeExpressions("rank_pattern", rankPattern.keySet());
    PathPatterns.mustBeExpressions("alpha_pattern", alphaPattern.keySet());
    rankPattern = Collections.unmodifiableMap(new LinkedHashMap<>(rankPattern));
    alphaPattern = Collections.unmodifiableMap(new LinkedHashMap<>(alphaPattern));
    modulesToSave = List.copyOf(modulesToSave);
  }

  static void mustBeProbability(String key, double p) {
    if (!(p >= 0 && p < 1)) {
      throw new UsageException(key + " is " + p + ": it must be at least 0 and below 1");
    }
  }

  static Lycoris read(Settings settings) {
    return new Lycoris(
        settings.integer("r", 8),
        settings.number("alpha", 8),
        settings.number("rank_dropout", 0),
        settings.number("module_dropout", 0),
        Targets.read(settings.json()),
        settings.integers("rank_pattern"),
        settings.numbers("alpha_pattern"),
        settings.modulesToSave());
  }

  void write(ObjectNode json) {
    json.put("r", r);
    Settings.put(json, "alpha", alpha);
    json.put("rank_dropout", rankDropout);
    json.put("module_dropout", moduleDropout);
    targets.write(json);
    ObjectNode ranks = json.putObject("rank_pattern");
    rankPattern.forEach(ranks::put);
    ObjectNode alphas = json.putObject("alpha_pattern");
    alphaPattern.forEach((key, value) -> Settings.put(alphas, key, value));
    Settings.put(json, "modules_to_save", modulesToSave);
    json.put("use_effective_conv2d", false); // of convolutions, which no layer here is
  }

  Lycoris with(Targets newTargets, List<String> newModulesToSave) {
    return new Lycoris(
        r,
        alpha,
        rankDropout,
        moduleDropout,
        newTargets,
        rankPattern,
        alphaPattern,
        newModulesToSave);
  }

  int rank(String path) {
    return PathPatterns.first("rank_pattern", rankPattern, path).orElse(r);
  }

  /** α/r at a path. */
  double scaling(String path) {
    return PathPatterns.first("alpha_pattern", alphaPattern, path).orElse(alpha) / rank(path);
  }

  /** A factor [rows, columns] drawn as PyTorch draws a linear layer's weight, or zero. */
  static Parameter factor(
      Linear base, String name, long rows, long columns, boolean zero, Scope owner) {
    double bound = zero ? 0 : 1 / Math.sqrt((double) columns);
    Tensor start = Tensor.uniform(-bound, bound, rows, columns).to(base.mode().device());
    return new Parameter(base.path() + "." + name, start, owner);
  }

  /**
   * x ΔWᵀ, with dropout while the model trains.
   *
   * @param rescaled whether the rows that are kept make up for those left out
   * @param update ΔW [out, in], float32
   */
  Tensor added(Linear base, Tensor x, boolean rescaled, Supplier<Tensor> update) {
    boolean training = base.mode().isTraining();
    if (training && moduleDropout > 0 && Tensor.uniform(0, 1, 1).item() <= moduleDropout) {
      return nothing(base, x);
    }
    Tensor delta = update.get();
    if (training && rankDropout > 0) {
      Tensor kept = Tensor.uniform(0, 1, base.out(), 1).gt(rankDropout).to(DType.FLOAT32);
      double share = kept.sum().item() / base.out();
      delta = delta.mul(kept.to(delta.device()).mul(rescaled && share > 0 ? 1 / share : 1));
    }
    return Ops.linear(x, delta.to(x.dtype()), null);
  }

  private static Tensor nothing(Linear base, Tensor x) {
    long[] shape = x.shape().clone();
    shape[shape.length - 1] = base.out();
    return Tensor.zeros(x.dtype(), x.device(), shape);
  }
}
