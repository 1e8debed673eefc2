package dev.lorikeet.models;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Tensor;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Places as rotations: the pair of elements i and i + r/2 of every query and key turns by the angle
 * position · fᵢ with fᵢ = θ^(−2i/r), so that their product depends on the distance alone (Su et al.
 * 2021, arXiv:2104.09864, §3.2). The {@code rope_type}s are ways to slow the rotations down for
 * texts longer than those of pretraining.
 *
 * <p>Axes: B batch, T tokens, H heads, d width of a head, r rotated elements of a head.
 *
 * <p>Frequencies are rounded to float32 where the reference rounds them.
 */
final class RotaryEmbedding {
  private static final Map<String, Scaling> SCALINGS =
      new TreeMap<>(
          Map.of(
              "default", RotaryEmbedding::plain,
              "linear", RotaryEmbedding::linear,
              "dynamic", RotaryEmbedding::dynamic,
              "llama3", RotaryEmbedding::llama3,
              "yarn", RotaryEmbedding::yarn,
              "longrope", RotaryEmbedding::longrope));

  /** A {@code rope_type}. */
  private interface Scaling {
    /** f [r/2], in radians a token, for texts of {@code length} tokens. */
    float[] frequencies(Settings settings, long length);
  }

  /**
   * What config.json says.
   *
   * @param json the {@code rope_parameters}, in their newer form
   * @param theta θ
   * @param rotated r
   * @param positions {@code max_position_embeddings}
   * @param originalPositions those of pretraining
   */
  record Settings(
      ModelConfig json,
      String type,
      double theta,
      int rotated,
      double positions,
      double originalPositions) {

    /**
     * Reads {@code rope_parameters} with all in it, or the older {@code rope_theta} and {@code
     * rope_scaling}.
     *
     * @param headSize d
     */
    static Settings of(ModelConfig json, int headSize) {
      JsonNode written = json.get(key(json));
      if (written.has("full_attention") || written.has("sliding_attention")) {
        throw new LorikeetException(
            json.place()
                + ": "
                + key(json)
                + " differ by layer type, which no layer of a "
                + json.modelType()
                + " model asks for");
      }
      return of(json, written, headSize, json.number("rope_theta", 10_000));
    }

    /**
     * Reads one layer type's entry of {@code rope_parameters}, or the older {@code thetaKey} and,
     * for layers without a window, {@code rope_scaling}.
     *
     * @param theta θ where config.json has none
     */
    static Settings ofLayerType(
        ModelConfig json, String layerType, int headSize, String thetaKey, double theta) {
      boolean scaled = layerType.equals("full_attention") && isOlder(json);
      JsonNode written = scaled ? json.get(key(json)) : json.get("rope_parameters").path(layerType);
      return of(json, written, headSize, json.number(thetaKey, theta));
    }

    private static Settings of(ModelConfig json, JsonNode written, int headSize, double theta) {
      JsonNode object = written.isObject() ? written : JsonNodeFactory.instance.objectNode();
      ModelConfig parameters = ModelConfig.of(json.place() + ": " + key(json), object);
      double partial =
          parameters.number("partial_rotary_factor", json.number("partial_rotary_factor", 1));
      double positions = json.number("max_position_embeddings");
      double original = parameters.number("original_max_position_embeddings", positions);
      return new Settings(
          parameters,
          parameters.text("rope_type", parameters.text("type", "default")),
          parameters.number("rope_theta", theta),
          rotated(json, headSize, partial),
          positions,
          json.number("original_max_position_embeddings", original));
    }

    /** How many elements of a head turn, two by two. */
    private static int rotated(ModelConfig json, int headSize, double partial) {
      int rotated = (int) (headSize * partial);
      if (rotated < 2 || rotated > headSize || rotated % 2 != 0) {
        throw new LorikeetException(
            json.place()
                + (": partial_rotary_factor " + partial + " of a head of " + headSize)
                + (" elements has " + rotated + " turn: it must be an even number of them"));
      }
      return rotated;
    }

    /** The names of the types that config.json asks for, by layer type where they differ. */
    private static List<String> types(ModelConfig json) {
      JsonNode written = json.get(key(json));
      return Stream.of(written, written.path("full_attention"), written.path("sliding_attention"))
          .map(node -> node.path("rope_type").asText(node.path("type").asText()))
          .filter(type -> !type.isEmpty())
          .toList();
    }

    private static String key(ModelConfig json) {
      return isOlder(json) ? "rope_scaling" : "rope_parameters";
    }

    private static boolean isOlder(ModelConfig json) {
      return json.get("rope_scaling").size() > 0;
    }

    /** For families whose heads rotate as a whole. */
    Settings whole(int headSize) {
      if (rotated != headSize) {
        throw new LorikeetException(
            json.place()
                + ": partial_rotary_factor leaves "
                + rotated
                + " of "
                + headSize
                + " elements of a head to rotate, and this model_type rotates all");
      }
      return this;
    }

    Settings withType(String newType) {
      return new Settings(json, newType, theta, rotated, positions, originalPositions);
    }

    Settings withTheta(double newTheta) {
      return new Settings(json, type, newTheta, rotated, positions, originalPositions);
    }

    Settings withOriginalPositions(double newPositions) {
      return new Settings(json, type, theta, rotated, positions, newPositions);
    }

    /** θ^(2i/r): how many tokens a pair takes for one radian. */
    float period(int pair) {
      return (float) Math.pow((float) theta, 2f * pair / rotated);
    }
  }

  private final Settings settings;
  private final Scaling scaling;
  private final double scale;
  private final Tensor usual;
  private final Mode mode;

  /**
   * The embedding that {@code settings} describe.
   *
   * @throws LorikeetException when the {@code rope_type} is unknown, or lacks one of its settings
   */
  RotaryEmbedding(Settings settings, Weights weights) {
    Scaling known = SCALINGS.get(settings.type);
    if (known == null) {
      throw new LorikeetException(
          settings.json.place()
              + ": rope_type \""
              + settings.type
              + "\" is not supported; supported: "
              + String.join(", ", SCALINGS.keySet()));
    }
    this.settings = settings;
    scaling = known;
    scale =
        switch (settings.type) {
          case "yarn" -> yarnScale(settings);
          case "longrope" -> longropeScale(settings);
          default -> 1;
        };
    usual = weights.constant(scaling.frequencies(settings, 0)); // [r/2]
    mode = weights.mode();
  }

  /** Whether config.json asks for angles other than those of pretraining, for longer texts. */
  static boolean isScaled(ModelConfig json) {
    return Settings.types(json).stream().anyMatch(type -> !type.equals("default"));
  }

  /** cos and sin of one pass, made once for all layers. */
  record Angles(Tensor cos, Tensor sin, Mode mode) {
    /** [B, T, H, d], each token turned by its place. */
    Tensor rotate(Tensor x) {
      return ByHand.rotate(x, cos, sin, mode);
    }
  }

  /** The angles of the tokens that a pass reads: of {@code length} after {@code past}. */
  Angles angles(ModelInput input, long past, long length) {
    Tensor places = input.positionIds();
    Tensor positions =
        places == null ? Tensor.arange(past, past + length, mode.device()) : places; // [T], [B, T]
    Tensor frequencies = usual;
    if (dependsOnLength()) {
      long end = places == null ? past + length : (long) places.max().item() + 1;
      float[] values = scaling.frequencies(settings, end);
      frequencies = Tensor.of(values, values.length).to(mode.device());
    }
    List<Tensor> cosSin = Ops.angles(positions, frequencies, scale, mode.dtype());
    return new Angles(cosSin.get(0), cosSin.get(1), mode);
  }

  private boolean dependsOnLength() {
    return settings.type.equals("dynamic") || settings.type.equals("longrope");
  }

  // ---- the types ----

  private static float[] plain(Settings s, long length) {
    float[] values = new float[s.rotated / 2];
    for (int i = 0; i < values.length; i++) {
      values[i] = 1 / s.period(i);
    }
    return values;
  }

  /** f / factor: positions interpolated (Chen et al. 2023, arXiv:2306.15595). */
  private static float[] linear(Settings s, long length) {
    float factor = (float) s.json.number("factor");
    float[] values = plain(s, length);
    for (int i = 0; i < values.length; i++) {
      values[i] /= factor;
    }
    return values;
  }

  /**
   * A larger θ for texts longer than {@code max_position_embeddings}, by their length: "dynamic
   * NTK", as Peng et al. 2023, arXiv:2309.00071, §3.3 tell it.
   */
  private static float[] dynamic(Settings s, long length) {
    double factor = s.json.number("factor");
    double stretch = factor * Math.max((double) length, s.positions) / s.positions - (factor - 1);
    double exponent = s.rotated / (s.rotated - 2.0);
    return plain(s.withTheta(s.theta * Math.pow(stretch, exponent)), length);
  }

  /**
   * f / factor for wavelengths beyond the pretraining's length, f for much shorter ones, and a
   * mixture between (Grattafiori et al. 2024, arXiv:2407.21783, §3.2; as Llama 3.1's code does it).
   */
  private static float[] llama3(Settings s, long length) {
    double factor = s.json.number("factor");
    double low = s.json.number("low_freq_factor");
    double high = s.json.number("high_freq_factor");
    float[] values = plain(s, length);
    for (int i = 0; i < values.length; i++) {
      double turns = s.originalPositions * values[i] / (2 * Math.PI);
      double kept = Math.min(1, Math.max(0, (turns - low) / (high - low)));
      values[i] = (float) ((1 - kept) * values[i] / factor + kept * values[i]);
    }
    return values;
  }

  /**
   * f / factor for pairs that turn less than {@code beta_slow} times in pretraining's length, f for
   * those that turn more than {@code beta_fast} times, a ramp over the pairs between, and attention
   * sharpened by √(1/t) = 0.1 ln(factor) + 1 (Peng et al. 2023, arXiv:2309.00071, §3.2 and §3.4).
   */
  private static float[] yarn(Settings s, long length) {
    double factor = factor(s);
    double low = pairThatTurns(s, s.json.number("beta_fast", 32));
    double high = pairThatTurns(s, s.json.number("beta_slow", 1));
    if (s.json.flag("truncate", true)) {
      low = Math.floor(low);
      high = Math.ceil(high);
    }
    low = Math.max(low, 0);
    high = Math.min(high, s.rotated - 1.0);
    if (low == high) {
      high += 0.001; // as the reference: no division by zero
    }
    float[] values = plain(s, length);
    for (int i = 0; i < values.length; i++) {
      double interpolated = Math.min(1, Math.max(0, (i - low) / (high - low)));
      values[i] = (float) (values[i] / factor * interpolated + values[i] * (1 - interpolated));
    }
    return values;
  }

  /** The pair, a fraction of one included, that turns so often in pretraining's length. */
  private static double pairThatTurns(Settings s, double turns) {
    return s.rotated
        * Math.log(s.originalPositions / (turns * 2 * Math.PI))
        / (2 * Math.log(s.theta));
  }

  private static double yarnScale(Settings s) {
    double factor = factor(s);
    double mscale = s.json.number("mscale", 0);
    double mscaleAllDim = s.json.number("mscale_all_dim", 0);
    double inferred =
        mscale != 0 && mscaleAllDim != 0
            ? sharpening(factor, mscale) / sharpening(factor, mscaleAllDim)
            : sharpening(factor, 1);
    return s.json.number("attention_factor", inferred);
  }

  private static double sharpening(double factor, double mscale) {
    return factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1;
  }

  /**
   * f divided by factors found by search, one set for texts up to pretraining's length and one for
   * longer ones (Ding et al. 2024, arXiv:2402.13753, §3).
   */
  private static float[] longrope(Settings s, long length) {
    String key = length > s.originalPositions ? "long_factor" : "short_factor";
    JsonNode factors = s.json.get(key);
    float[] values = new float[s.rotated / 2];
    if (factors.size() != values.length) {
      throw new LorikeetException(
          s.json.place()
              + ": "
              + key
              + " has "
              + factors.size()
              + " factors, not "
              + values.length);
    }
    for (int i = 0; i < values.length; i++) {
      values[i] = 1 / ((float) factors.get(i).asDouble() * s.period(i));
    }
    return values;
  }

  private static double longropeScale(Settings s) {
    double factor = factor(s);
    double inferred =
        factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(s.originalPositions));
    return s.json.number("attention_factor", inferred);
  }

  /** How much longer texts may be than those of pretraining. */
  private static double factor(Settings s) {
    return s.json.number("factor", s.positions / s.originalPositions);
  }
}
