package dev.lorikeet.lora;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterConfig;
import dev.lorikeet.adapters.AdapterEmbedding;
import dev.lorikeet.adapters.AdapterLayer;
import dev.lorikeet.adapters.Bias;
import dev.lorikeet.adapters.PathPatterns;
import dev.lorikeet.adapters.Settings;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.adapters.TrainableTokens;
import dev.lorikeet.models.Dropout;
import dev.lorikeet.models.Embedding;
import dev.lorikeet.models.Linear;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.settings.Setting;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * LoRA's settings, under PEFT's names. Rank-stabilised scaling is Kalajdzievski's (2023,
 * arXiv:2312.03732), DoRA Liu et al.'s (2024, arXiv:2402.09353).
 */
@Setting.Group("Method")
public record LoraConfig(
    @Setting(value = "The rank of the update.", flag = "--rank", label = "R") int r,
    @Setting(value = "The update is scaled by alpha/r.", flag = "--alpha", label = "ALPHA")
        double loraAlpha,
    @Setting(value = "Dropout of the update's input.", flag = "--dropout", label = "P")
        double loraDropout,
    Targets targets,
    @Setting(
            value = "Ranks by path pattern, instead of r; the first that matches counts.",
            flag = Setting.NO_FLAG)
        Map<String, Integer> rankPattern,
    @Setting(value = "Likewise alphas.", flag = Setting.NO_FLAG) Map<String, Double> alphaPattern,
    @Setting("Which biases of the base are trained.") Bias bias,
    @Setting(value = "Modules that are trained and saved whole.", label = "MODULES")
        List<String> modulesToSave,
    @Setting("Scale by alpha/sqrt(r).") boolean useRslora,
    @Setting(
            value =
                "How A and B start: true, false, gaussian, orthogonal, olora, pissa, loftq, eva.",
            key = "init_lora_weights",
            flag = Setting.NO_FLAG)
        LoraInit init,
    @Setting(
            value = "Train the lengths of the weights apart from their direction (DoRA).",
            flag = Setting.NO_FLAG)
        boolean useDora,
    @Setting(value = "Whether B has a bias.", flag = Setting.NO_FLAG) boolean loraBias,
    @Setting(
            value = "Tokens whose embeddings are trained themselves.",
            key = "trainable_token_indices",
            flag = Setting.NO_FLAG)
        TrainableTokens trainableTokens,
    @Setting(
            value = "Tied embeddings and output weights stay one where they are saved or adapted.",
            key = "ensure_weight_tying",
            flag = Setting.NO_FLAG)
        boolean ensuresWeightTying)
    implements AdapterConfig {

  /** Rank 8, α 16, no dropout, on all linear layers but the head. */
  public static final LoraConfig DEFAULT = new Builder().build();

  public LoraConfig {
    Settings.mustBeRank("r", r);
    if (loraBias && useDora) {
      throw new UsageException("lora_bias does not go with use_dora: choose one of them");
    }
    if (loraBias && init.kind() != LoraInit.Kind.KAIMING && init.kind() != LoraInit.Kind.RANDOM) {
      throw new UsageException(
          "lora_bias goes with init_lora_weights true or false only, not with " + init.id());
    }
    mustBeAlpha("lora_alpha", loraAlpha);
    if (!(loraDropout >= 0 && loraDropout < 1)) {
      throw new UsageException(
          "lora_dropout is " + loraDropout + ": it must be at least 0 and below 1");
    }
    rankPattern.forEach((key, rank) -> Settings.mustBeRank("rank_pattern " + key, rank));
    PathPatterns.mustBeExpressions("rank_pattern", rankPattern.keySet());
    PathPatterns.mustBeExpressions("alpha_pattern", alphaPattern.keySet());
    alphaPattern.forEach((key, alpha) -> mustBeAlpha("alpha_pattern " + key, alpha));
    rankPattern = Collections.unmodifiableMap(new LinkedHashMap<>(rankPattern));
    alphaPattern = Collections.unmodifiableMap(new LinkedHashMap<>(alphaPattern));
    modulesToSave = List.copyOf(modulesToSave);
  }

  static void mustBeAlpha(String key, double alpha) {
    if (!(alpha > 0)) {
      throw new UsageException(key + " is " + alpha + ": it must be above 0");
    }
    if (alpha > Float.MAX_VALUE) {
      throw new UsageException(key + " is " + alpha + ": float32 holds no such number");
    }
  }

  /** The defaults with another rank and α. */
  public static LoraConfig of(int r, double loraAlpha) {
    return DEFAULT.but().r(r).loraAlpha(loraAlpha).build();
  }

  /** These settings, to be changed. */
  public Builder but() {
    return new Builder(this);
  }

  /** With dropout of the update's input. */
  public LoraConfig withDropout(double dropout) {
    return but().loraDropout(dropout).build();
  }

  /** On other layers. */
  public LoraConfig withTargets(Targets other) {
    return but().targets(other).build();
  }

  @Override
  public LoraConfig with(Targets newTargets, List<String> newModulesToSave) {
    return but().targets(newTargets).modulesToSave(newModulesToSave).build();
  }

  @Override
  public String peftType() {
    return LoraMethod.PEFT_TYPE;
  }

  /** The rank at a path. */
  public int rank(String path) {
    return PathPatterns.first("rank_pattern", rankPattern, path).orElse(r);
  }

  /** The factor of the update at a path: α/r, or α/√r. */
  public double scaling(String path) {
    return alpha(path) / (useRslora ? Math.sqrt((double) rank(path)) : rank(path));
  }

  double alpha(String path) {
    return PathPatterns.first("alpha_pattern", alphaPattern, path).orElse(loraAlpha);
  }

  @Override
  public void mustMatch(List<String> adaptedPaths) {
    PathPatterns.mustMatch("rank_pattern", rankPattern.keySet(), adaptedPaths);
    PathPatterns.mustMatch("alpha_pattern", alphaPattern.keySet(), adaptedPaths);
  }

  @Override
  public AdapterLayer layer(Linear base, Scope owner) {
    String path = base.path();
    Update update = Update.of(base, rank(path), scaling(path), init, owner);
    Dropout dropout = new Dropout(loraDropout, base.mode());
    if (useDora) {
      return DoraLayer.of(base, update, dropout, owner);
    }
    return new LoraLayer(base, update, loraBias ? bias(base, owner) : null, dropout);
  }

  /** B's bias, [out]: zero, or as PyTorch draws a linear layer's. */
  private Parameter bias(Linear base, Scope owner) {
    boolean drawn = init.kind() == LoraInit.Kind.RANDOM;
    double bound = drawn ? 1 / Math.sqrt((double) rank(base.path())) : 0;
    Tensor start = Tensor.uniform(-bound, bound, base.out()).to(base.mode().device());
    return new Parameter(base.path() + ".lora_B.bias", start, owner);
  }

  @Override
  public boolean adaptsEmbeddings() {
    return true;
  }

  @Override
  public AdapterEmbedding embedding(Embedding base, Scope owner) {
    String path = base.path();
    if (loraBias || init.changesBase()) {
      throw new UsageException(
          (loraBias ? "lora_bias" : "init_lora_weights " + init.id())
              + " is for linear layers only, and target "
              + path
              + " is an embedding");
    }
    return LoraEmbedding.of(base, rank(path), scaling(path), init, useDora, owner);
  }

  @Override
  public LoraOutput tied(Linear base, AdapterEmbedding table) {
    LoraEmbedding words = (LoraEmbedding) table;
    String path = words.base().path();
    if (useDora) {
      throw new UsageException(
          "use_dora does not go with ensure_weight_tying for targets "
              + (path + " and " + base.path())
              + ", whose lengths are not one: leave one of the two out");
    }
    mustBeOne("rank_pattern", path, rank(path), base.path(), rank(base.path()));
    mustBeOne("alpha_pattern", path, alpha(path), base.path(), alpha(base.path()));
    return LoraOutput.of(base, words, rank(path), init, new Dropout(loraDropout, base.mode()));
  }

  private static <N> void mustBeOne(
      String pattern, String path, N ofTable, String other, N ofOutput) {
    if (!ofTable.equals(ofOutput)) {
      throw new UsageException(
          (pattern + " gives " + path + " " + ofTable + " and " + other + " " + ofOutput)
              + ", and ensure_weight_tying makes their updates one: give both the same");
    }
  }

  @Override
  public LoraConfig planned() {
    return init.changesBase() || startsFromData() ? but().init(LoraInit.KAIMING).build() : this;
  }

  @Override
  public boolean startsFromData() {
    return init.kind() == LoraInit.Kind.EVA;
  }

  /** An ordinary adapter of the unchanged base: of twice the rank where the start is taken out. */
  @Override
  public LoraConfig saved() {
    if (!init.changesBase()) {
      return this;
    }
    double factor = useRslora ? Math.sqrt(2) : 2; // keeps the scaling
    Map<String, Integer> ranks = new LinkedHashMap<>(rankPattern);
    ranks.replaceAll((key, rank) -> 2 * rank);
    Map<String, Double> alphas = new LinkedHashMap<>(alphaPattern);
    alphas.replaceAll((key, alpha) -> factor * alpha);
    return but()
        .r(2 * r)
        .loraAlpha(factor * loraAlpha)
        .rankPattern(ranks)
        .alphaPattern(alphas)
        .init(LoraInit.KAIMING)
        .build();
  }

  @Override
  public ObjectNode json() {
    return LoraMethod.json(this);
  }

  /** Settings to be changed one by one; those not set are the defaults. */
  public static final class Builder {
    private int r = 8;
    private double loraAlpha = 16;
    private double loraDropout;
    private Targets targets = Targets.allLinear();
    private Map<String, Integer> rankPattern = Map.of();
    private Map<String, Double> alphaPattern = Map.of();
    private Bias bias = Bias.NONE;
    private List<String> modulesToSave = List.of();
    private boolean useRslora;
    private LoraInit init = LoraInit.KAIMING;
    private boolean useDora;
    private boolean loraBias;
    private TrainableTokens trainableTokens = TrainableTokens.NONE;
    private boolean ensuresWeightTying;

    Builder() {}

    private Builder(LoraConfig config) {
      r = config.r;
      loraAlpha = config.loraAlpha;
      loraDropout = config.loraDropout;
      targets = config.targets;
      rankPattern = config.rankPattern;
      alphaPattern = config.alphaPattern;
      bias = config.bias;
      modulesToSave = config.modulesToSave;
      useRslora = config.useRslora;
      init = config.init;
      useDora = config.useDora;
      loraBias = config.loraBias;
      trainableTokens = config.trainableTokens;
      ensuresWeightTying = config.ensuresWeightTying;
    }

    public Builder r(int value) {
      r = value;
      return this;
    }

    public Builder loraAlpha(double value) {
      loraAlpha = value;
      return this;
    }

    public Builder loraDropout(double value) {
      loraDropout = value;
      return this;
    }

    public Builder targets(Targets value) {
      targets = value;
      return this;
    }

    public Builder rankPattern(Map<String, Integer> value) {
      rankPattern = value;
      return this;
    }

    public Builder alphaPattern(Map<String, Double> value) {
      alphaPattern = value;
      return this;
    }

    public Builder bias(Bias value) {
      bias = value;
      return this;
    }

    public Builder modulesToSave(List<String> value) {
      modulesToSave = value;
      return this;
    }

    public Builder useRslora(boolean value) {
      useRslora = value;
      return this;
    }

    public Builder init(LoraInit value) {
      init = value;
      return this;
    }

    public Builder useDora(boolean value) {
      useDora = value;
      return this;
    }

    public Builder loraBias(boolean value) {
      loraBias = value;
      return this;
    }

    public Builder trainableTokens(TrainableTokens value) {
      trainableTokens = value;
      return this;
    }

    public Builder ensureWeightTying(boolean value) {
      ensuresWeightTying = value;
      return this;
    }

    /**
     * The settings.
     *
     * @throws UsageException when one of them makes no sense
     */
    public LoraConfig build() {
      return new LoraConfig(
          r,
          loraAlpha,
          loraDropout,
          targets,
          rankPattern,
          alphaPattern,
          bias,
          modulesToSave,
          useRslora,
          init,
          useDora,
          loraBias,
          trainableTokens,
          ensuresWeightTying);
    }
  }
}
