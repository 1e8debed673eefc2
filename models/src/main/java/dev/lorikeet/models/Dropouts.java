package dev.lorikeet.models;

import dev.lorikeet.models.settings.Bounds;
import dev.lorikeet.models.settings.Setting;
import dev.lorikeet.torch.UsageException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Dropout probabilities in place of those that config.json says; null leaves one as it is. */
@Setting.Group("Regularization")
public record Dropouts(
    @Setting(
            value = "Dropout of embeddings and of what layers add up, in place of config.json's.",
            key = "dropout",
            flag = "--hidden-dropout",
            label = "P")
        @Setting.Range(atLeast = 0, below = 1)
        @Nullable Double hidden,
    @Setting(
            value = "Dropout of attention's probabilities, in place of config.json's.",
            key = "attention_dropout",
            label = "P")
        @Setting.Range(atLeast = 0, below = 1)
        @Nullable Double attention,
    @Setting(
            value = "Dropout of what the head reads, in place of config.json's.",
            key = "classifier_dropout",
            label = "P")
        @Setting.Range(atLeast = 0, below = 1)
        @Nullable Double classifier) {
  /** Those of config.json. */
  public static final Dropouts UNCHANGED = new Dropouts(null, null, null);

  public Dropouts {
    Bounds.check(Dropouts.class, hidden, attention, classifier);
  }

  /** The keys of config.json that hold an architecture's probabilities; none where it has none. */
  record Keys(List<String> hidden, List<String> attention, List<String> classifier) {
    /** As BERT and its descendants have them. */
    static final Keys BERT =
        new Keys(
            List.of("hidden_dropout_prob"),
            List.of("attention_probs_dropout_prob"),
            List.of("classifier_dropout"));

    /** As the decoders without dropout of their layers have them. */
    static final Keys ATTENTION_ONLY = new Keys(List.of(), List.of("attention_dropout"), List.of());
  }

  /**
   * A configuration with these probabilities, under its architecture's own keys.
   *
   * @throws UsageException when the architecture has no such dropout
   */
  ModelConfig in(ModelConfig config, Keys keys) {
    ModelConfig changed = put(config, "dropout", keys.hidden, hidden);
    changed = put(changed, "attention_dropout", keys.attention, attention);
    return put(changed, "classifier_dropout", keys.classifier, classifier);
  }

  private static ModelConfig put(
      ModelConfig config, String option, List<String> keys, @Nullable Double p) {
    if (p == null) {
      return config;
    }
    if (keys.isEmpty()) {
      throw new UsageException(
          option
              + " is "
              + p
              + ", and model_type \""
              + config.modelType()
              + "\" has no dropout there: leave it out");
    }
    ModelConfig changed = config;
    for (String key : keys) {
      changed = changed.withNumber(key, p);
    }
    return changed;
  }
}
