package dev.lorikeet.training;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.settings.Form;
import dev.lorikeet.models.settings.Section;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Nearest;
import dev.lorikeet.torch.UsageException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How much each class's labels count in the loss.
 *
 * @param balanced whether a class weighs N / (C · its labels) of the N labels of C classes
 * @param byLabel weights by label; 1 where a label is not named
 */
public record ClassWeights(boolean balanced, Map<String, Double> byLabel) {
  /** Every label counts alike. */
  public static final ClassWeights NONE = new ClassWeights(false, Map.of());

  /** The rarer a class, the more its labels count. */
  public static final ClassWeights BALANCED = new ClassWeights(true, Map.of());

  /** What users type for {@link #BALANCED}. */
  public static final String BALANCED_ID = "balanced";

  public ClassWeights {
    byLabel = Collections.unmodifiableMap(new LinkedHashMap<>(byLabel));
    byLabel.forEach(
        (label, weight) -> {
          if (!(weight >= 0 && weight < Double.POSITIVE_INFINITY)) {
            throw new UsageException(
                "class_weights: " + label + " is " + weight + ": it must be at least 0 and finite");
          }
        });
  }

  public static ClassWeights of(Map<String, Double> byLabel) {
    return new ClassWeights(false, byLabel);
  }

  public boolean isNone() {
    return !balanced && byLabel.isEmpty();
  }

  /**
   * The classes' weights in the order of their ids.
   *
   * @param labels the classes' names
   * @throws UsageException when a label that is named is none of them
   * @throws LorikeetException when a class has no label to balance
   */
  public float[] of(List<String> labels, List<EncodedExample> examples) {
    return balanced ? balanced(labels, examples) : named(labels);
  }

  private float[] named(List<String> labels) {
    byLabel.forEach(
        (label, weight) -> {
          if (!labels.contains(label)) {
            throw new UsageException(
                "class_weights: no label is called \""
                    + label
                    + "\"; nearest: "
                    + String.join(", ", Nearest.of(label, labels, 2)));
          }
        });
    float[] weights = new float[labels.size()];
    for (int id = 0; id < weights.length; id++) {
      weights[id] = byLabel.getOrDefault(labels.get(id), 1.0).floatValue();
    }
    return weights;
  }

  private static float[] balanced(List<String> labels, List<EncodedExample> examples) {
    long[] counts = new long[labels.size()];
    long all = 0;
    for (EncodedExample example : examples) {
      for (long id : example.classes()) {
        if (id != EncodedExample.IGNORED) {
          counts[(int) id]++;
          all++;
        }
      }
    }
    float[] weights = new float[counts.length];
    for (int id = 0; id < weights.length; id++) {
      if (counts[id] == 0) {
        throw new LorikeetException(
            "class_weights is balanced, but no training example has the label \""
                + labels.get(id)
                + "\": give weights by label");
      }
      weights[id] = (float) ((double) all / ((double) counts.length * counts[id]));
    }
    return weights;
  }

  /** {@code balanced}, or a section of labels and weights. */
  public static final class Names implements Form<ClassWeights> {
    @Override
    public @Nullable ClassWeights read(
        Section section, String key, Record defaults, @Nullable ClassWeights otherwise) {
      if (!section.has(key)) {
        return otherwise;
      }
      if (section.isObject(key)) {
        Map<String, Double> weights = new LinkedHashMap<>();
        section
            .entries(key)
            .forEach(
                (label, value) -> weights.put(label, section.number(key + "." + label, value)));
        return ClassWeights.of(weights);
      }
      String text = section.text(key, null);
      if (!BALANCED_ID.equals(text)) {
        throw new UsageException(
            ("recipe: training." + key + " is \"" + text)
                + "\": use balanced, or a section of labels and weights");
      }
      return BALANCED;
    }

    @Override
    public void write(ObjectNode json, String key, @Nullable ClassWeights value) {
      if (requireNonNull(value).balanced()) {
        json.put(key, BALANCED_ID);
      } else {
        ObjectNode weights = json.putObject(key);
        value.byLabel().forEach(weights::put);
      }
    }

    @Override
    public void describe(ObjectNode schema) {
      schema.putArray("oneOf").addObject().put("const", BALANCED_ID);
      schema.withArray("oneOf").addObject().put("type", "object");
    }

    @Override
    public String label() {
      return "balanced|LABEL=WEIGHT";
    }

    @Override
    public boolean hasEntries() {
      return true;
    }
  }
}
