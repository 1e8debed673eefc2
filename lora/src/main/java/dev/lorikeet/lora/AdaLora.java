package dev.lorikeet.lora;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.Adapted;
import dev.lorikeet.adapters.AdapterConfig;
import dev.lorikeet.adapters.AdapterLayer;
import dev.lorikeet.adapters.AdapterMethod;
import dev.lorikeet.adapters.Bias;
import dev.lorikeet.adapters.LayerMaker;
import dev.lorikeet.adapters.Settings;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.adapters.TrainingPart;
import dev.lorikeet.models.Dropout;
import dev.lorikeet.models.Linear;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.settings.Setting;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * AdaLoRA: an update in the form of singular values, of which training keeps those that matter most
 * in the whole model (Zhang et al. 2023, arXiv:2303.10512). Settings under PEFT's names.
 *
 * @param schedule when ranks are taken away
 * @param importance how the ranks that stay are chosen
 * @param targets the layers to adapt
 * @param rankPattern which ranks of a saved adapter are left, by layer; what is not listed has all
 */
public record AdaLora(
    @Setting(value = "The rank of each layer at first.", key = "init_r") int initR,
    @Setting("The update is scaled by alpha/r of the first rank.") double loraAlpha,
    @Setting("Dropout of the update's input.") double loraDropout,
    RankSchedule schedule,
    Importance importance,
    Targets targets,
    @Setting("Which biases of the base are trained.") Bias bias,
    @Setting("Modules that are trained and saved whole.") List<String> modulesToSave,
    @Setting(value = "Start as the unchanged model, and not at random.", key = "init_lora_weights")
        boolean initWeights,
    Map<String, List<Boolean>> rankPattern)
    implements AdapterConfig {

  private static final String PEFT_TYPE = "ADALORA";

  /** Whether a singular value is left, in {@code rank_pattern}. */
  private static final String VALUES = ".lora_E";

  /** How the importance of ranks is measured, §3.2. */
  public record Importance(
      @Setting("The decay of the running mean of sensitivities.") double beta1,
      @Setting("The decay of the running mean of their uncertainty.") double beta2,
      @Setting(
              "What the loss adds per unit of the singular vectors' distance from orthonormal ones.")
          double orthRegWeight) {
    public Importance {
      mustBeShare("beta1", beta1);
      mustBeShare("beta2", beta2);
      if (!(orthRegWeight >= 0) || Double.isInfinite(orthRegWeight)) {
        throw new UsageException("orth_reg_weight is " + orthRegWeight + ": it must be at least 0");
      }
    }

    private static void mustBeShare(String key, double value) {
      if (!(value > 0 && value < 1)) {
        throw new UsageException(key + " is " + value + ": it must be above 0 and below 1");
      }
    }
  }

  public AdaLora {
    Settings.mustBeRank("init_r", initR);
    if (initR < schedule.targetR()) {
      throw new UsageException(
          "init_r is " + initR + ": it must be at least target_r, " + schedule.targetR());
    }
    LoraConfig.mustBeAlpha("lora_alpha", loraAlpha);
    if (!(loraDropout >= 0 && loraDropout < 1)) {
      throw new UsageException(
          "lora_dropout is " + loraDropout + ": it must be at least 0 and below 1");
    }
    modulesToSave = List.copyOf(modulesToSave);
  }

  /** AdaLoRA as PEFT calls it. */
  public static final class Method implements AdapterMethod {
    @Override
    public String peftType() {
      return PEFT_TYPE;
    }

    @Override
    public AdaLora read(ObjectNode json) {
      Settings settings = new Settings(json);
      settings.mustBeOff(
          "use_dora",
          "lora_bias",
          "trainable_token_indices",
          "target_parameters",
          "layer_replication");
      mustNotTie(settings, Targets.read(json));
      return new AdaLora(
          settings.integer("init_r", 12),
          settings.number("lora_alpha", 8),
          settings.number("lora_dropout", 0),
          new RankSchedule(
              settings.integer("target_r", 8),
              settings.integer("tinit", 0),
              settings.integer("tfinal", 0),
              settings.integer("deltaT", 1),
              settings.integer("total_step", 0)),
          new Importance(
              settings.number("beta1", 0.85),
              settings.number("beta2", 0.85),
              settings.number("orth_reg_weight", 0.5)),
          Targets.read(json),
          Bias.of(settings.text("bias", "none")),
          settings.modulesToSave(),
          settings.flag("init_lora_weights", true),
          pattern(json));
    }

    private static void mustNotTie(Settings settings, Targets targets) {
      boolean named =
          targets.haveEmbeddings()
              || settings.modulesToSave().stream().anyMatch(Targets::isEmbedding);
      if (named && settings.flag("ensure_weight_tying", false)) {
        throw new LorikeetException(
            "adapter_config.json: ensure_weight_tying is true, and target_modules or modules_to_save"
                + " name an embedding or output layer, which AdaLoRA does not tie: set it to false");
      }
    }

    private static Map<String, List<Boolean>> pattern(ObjectNode json) {
      Map<String, List<Boolean>> pattern = new LinkedHashMap<>();
      json.path("rank_pattern")
          .properties()
          .forEach(
              entry -> {
                if (!entry.getKey().endsWith(VALUES) || !entry.getValue().isArray()) {
                  throw new LorikeetException(
                      "adapter_config.json: rank_pattern "
                          + entry
                          + " is not a list of true and false under a path that ends with "
                          + VALUES);
                }
                List<Boolean> left = new ArrayList<>();
                entry.getValue().forEach(value -> left.add(value.asBoolean()));
                String key = entry.getKey();
                pattern.put(key.substring(0, key.length() - VALUES.length()), left);
              });
      return pattern;
    }
  }

  @Override
  public String peftType() {
    return PEFT_TYPE;
  }

  @Override
  public AdaLora with(Targets newTargets, List<String> newModulesToSave) {
    return new AdaLora(
        initR,
        loraAlpha,
        loraDropout,
        schedule,
        importance,
        newTargets,
        bias,
        newModulesToSave,
        initWeights,
        rankPattern);
  }

  @Override
  public ObjectNode json() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("init_r", initR).put("target_r", schedule.targetR());
    json.put("tinit", schedule.tinit()).put("tfinal", schedule.tfinal());
    json.put("deltaT", schedule.deltaT());
    if (schedule.totalStep() == 0) {
      json.putNull("total_step");
    } else {
      json.put("total_step", schedule.totalStep());
    }
    json.put("beta1", importance.beta1()).put("beta2", importance.beta2());
    json.put("orth_reg_weight", importance.orthRegWeight());
    Settings.put(json, "lora_alpha", loraAlpha);
    json.put("lora_dropout", loraDropout);
    targets.write(json);
    json.put("bias", bias.id());
    Settings.put(json, "modules_to_save", modulesToSave);
    json.put("init_lora_weights", initWeights);
    json.put("fan_in_fan_out", false);
    if (!rankPattern.isEmpty()) {
      ObjectNode pattern = json.putObject("rank_pattern");
      rankPattern.forEach(
          (path, left) -> {
            ArrayNode values = pattern.putArray(path + VALUES);
            left.forEach(values::add);
          });
    }
    return json;
  }

  /** As PEFT opens it: with the run's steps, and which ranks are left. */
  @Override
  public AdaLora saved(Map<String, Adapted> layers) {
    Map<String, List<Boolean>> pattern = new LinkedHashMap<>(rankPattern);
    RankSchedule known = schedule;
    for (Map.Entry<String, Adapted> entry : layers.entrySet()) {
      if (entry.getValue() instanceof AdaLoraLayer layer) {
        known = layer.allocator().schedule();
        List<Boolean> left = layer.left();
        if (left.contains(false)) {
          pattern.merge(entry.getKey(), left, AdaLora::of);
        }
      }
    }
    return new AdaLora(
        initR,
        loraAlpha,
        loraDropout,
        new RankSchedule(
            known.targetR(), known.tinit(), known.tfinal(), known.deltaT(), known.savedTotal()),
        importance,
        targets,
        bias,
        modulesToSave,
        initWeights,
        pattern);
  }

  /** What is left of ranks of which some were left before. */
  private static List<Boolean> of(List<Boolean> before, List<Boolean> left) {
    List<Boolean> all = new ArrayList<>();
    Iterator<Boolean> next = left.iterator();
    before.forEach(kept -> all.add(kept && next.next()));
    return all;
  }

  @Override
  public AdapterLayer layer(Linear base, Scope owner) {
    return layers(List.of(base), owner).around(base);
  }

  @Override
  public LayerMaker layers(List<Linear> adapted, Scope owner) {
    RankAllocator allocator = new RankAllocator(schedule, importance);
    return new LayerMaker() {
      @Override
      public AdapterLayer around(Linear base) {
        AdaLoraLayer layer = layerOf(base, allocator, owner);
        allocator.add(base.path(), layer);
        return layer;
      }

      @Override
      public TrainingPart trainingPart() {
        return allocator;
      }
    };
  }

  private AdaLoraLayer layerOf(Linear base, RankAllocator allocator, Scope owner) {
    List<Boolean> left = rankPattern.get(base.path());
    long r = left == null ? initR : left.stream().filter(kept -> kept).count();
    Device device = base.mode().device();
    double vectors = initWeights ? 0.02 : 1;
    Tensor a = Tensor.normal(0, vectors, r, base.in()).to(device);
    Tensor e = Tensor.normal(0, initWeights ? 0 : 1, r, 1).to(device);
    Tensor b = Tensor.normal(0, vectors, base.out(), r).to(device);
    return new AdaLoraLayer(
        base,
        new Parameter(base.path() + ".lora_A", a, owner),
        new Parameter(base.path() + ".lora_E", e, owner),
        new Parameter(base.path() + ".lora_B", b, owner),
        loraAlpha / (initR + 1e-5), // as PEFT has it
        new Dropout(loraDropout, base.mode()),
        allocator);
  }
}
