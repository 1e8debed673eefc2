package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.data.Augmentation;
import dev.lorikeet.models.Dropouts;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.AveragingConfig;
import dev.lorikeet.training.ClassWeights;
import dev.lorikeet.training.NonFiniteConfig;
import dev.lorikeet.training.RegularizationConfig;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The keys of the recipe's section {@code training} that regularise, and what bad steps do. */
final class RegularizationSection {
  private RegularizationSection() {}

  static RegularizationConfig read(Section section, RegularizationConfig defaults) {
    AveragingConfig averaging = defaults.averaging();
    Augmentation.Rates rates = defaults.augmentation();
    return new RegularizationConfig(
        section.number("label_smoothing_factor", defaults.labelSmoothingFactor()),
        classWeights(section, defaults.classWeights()),
        section.number("focal_gamma", defaults.focalGamma()),
        section.number("neftune_noise_alpha", defaults.neftuneNoiseAlpha()),
        section.number("mixout", defaults.mixout()),
        new AveragingConfig(
            section.number("ema_decay", averaging.emaDecay()),
            section.flag("ema_warmup", averaging.emaWarmup()),
            section.integer("average_last_epochs", averaging.lastEpochs())),
        new Dropouts(
            probability(section, "dropout", defaults.dropouts().hidden()),
            probability(section, "attention_dropout", defaults.dropouts().attention()),
            probability(section, "classifier_dropout", defaults.dropouts().classifier())),
        new Augmentation.Rates(
            section.number("word_dropout", rates.wordDropout()),
            section.number("word_swap", rates.wordSwap()),
            section.number("token_masking", rates.tokenMasking())));
  }

  static NonFiniteConfig nonFinite(Section section, NonFiniteConfig defaults) {
    String onNan = section.text("on_nan", null);
    return new NonFiniteConfig(
        onNan == null ? defaults.onNan() : NonFiniteConfig.OnNan.of(onNan),
        section.integer("max_nan_steps", defaults.maxInARow()));
  }

  /** {@code balanced}, or a section of labels and weights. */
  private static ClassWeights classWeights(Section section, ClassWeights defaults) {
    if (!section.has("class_weights")) {
      return defaults;
    }
    if (section.isObject("class_weights")) {
      Map<String, Double> weights = new LinkedHashMap<>();
      section
          .entries("class_weights")
          .forEach(
              (label, value) ->
                  weights.put(label, section.number("class_weights." + label, value)));
      return ClassWeights.of(weights);
    }
    String text = section.text("class_weights", null);
    if (!ClassWeights.BALANCED_ID.equals(text)) {
      throw new UsageException(
          "recipe: training.class_weights is \""
              + text
              + "\": use balanced, or a section of"
              + " labels and weights");
    }
    return ClassWeights.BALANCED;
  }

  private static @Nullable Double probability(
      Section section, String key, @Nullable Double otherwise) {
    return section.has(key) ? (Double) section.number(key, 0) : otherwise;
  }

  /** Spells out every setting. */
  static void put(ObjectNode json, RegularizationConfig config) {
    json.put("label_smoothing_factor", config.labelSmoothingFactor());
    if (config.classWeights().balanced()) {
      json.put("class_weights", ClassWeights.BALANCED_ID);
    } else {
      ObjectNode weights = json.putObject("class_weights");
      config.classWeights().byLabel().forEach(weights::put);
    }
    json.put("focal_gamma", config.focalGamma());
    json.put("neftune_noise_alpha", config.neftuneNoiseAlpha());
    json.put("mixout", config.mixout());
    json.put("ema_decay", config.averaging().emaDecay());
    json.put("ema_warmup", config.averaging().emaWarmup());
    json.put("average_last_epochs", config.averaging().lastEpochs());
    json.put("dropout", config.dropouts().hidden());
    json.put("attention_dropout", config.dropouts().attention());
    json.put("classifier_dropout", config.dropouts().classifier());
    json.put("word_dropout", config.augmentation().wordDropout());
    json.put("word_swap", config.augmentation().wordSwap());
    json.put("token_masking", config.augmentation().tokenMasking());
  }
}
