package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterConfig;
import dev.lorikeet.adapters.AdapterMethod;
import dev.lorikeet.adapters.AdapterMethods;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.adapters.TrainableTokens;
import dev.lorikeet.lora.LoraConfig;
import dev.lorikeet.lora.LoraInit;
import dev.lorikeet.models.settings.Binder;
import dev.lorikeet.models.settings.Section;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A recipe's {@code adapter} section, whose keys are PEFT's names of a method's settings. Which
 * there are, and of what kind, is what the method writes for its defaults.
 */
final class AdapterSection {
  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  /** Doubles hold every whole number up to this one. */
  private static final double MAX_WHOLE = 0x1p53;

  /** Keys that are a list of texts. */
  private static final Set<String> LISTS = Set.of("modules_to_save", "feedforward_modules");

  private static final Set<String> TARGETS =
      Set.of("target_modules", "exclude_modules", "layers_to_transform", "layers_pattern");

  private AdapterSection() {}

  /** The settings of an adapter method; where nothing is adapted, LoRA's, which nobody reads. */
  static AdapterConfig read(Section section, String method) {
    return AdapterMethods.ofId(method)
        .filter(other -> !isLora(other))
        .map(other -> read(section, other))
        .orElseGet(() -> lora(section, LoraConfig.DEFAULT));
  }

  /** What a method's settings are where a recipe says nothing of them. */
  static AdapterConfig defaults(AdapterMethod method) {
    return isLora(method) ? LoraConfig.DEFAULT : method.read(JSON.objectNode());
  }

  private static boolean isLora(AdapterMethod method) {
    return method.peftType().equals(LoraConfig.DEFAULT.peftType());
  }

  private static LoraConfig lora(Section adapter, LoraConfig defaults) {
    Map<String, Integer> ranks = new LinkedHashMap<>();
    adapter
        .entries("rank_pattern")
        .forEach((key, value) -> ranks.put(key, adapter.integer("rank_pattern." + key, value)));
    Map<String, Double> alphas = new LinkedHashMap<>();
    adapter
        .entries("alpha_pattern")
        .forEach((key, value) -> alphas.put(key, adapter.number("alpha_pattern." + key, value)));
    return Binder.read(adapter, defaults)
        .but()
        .targets(targets(adapter, Targets.allLinear()))
        .rankPattern(ranks)
        .alphaPattern(alphas)
        .init(init(adapter, defaults.init()))
        .trainableTokens(TrainableTokens.of(adapter.integers("trainable_token_indices")))
        .build();
  }

  private static LoraInit init(Section adapter, LoraInit otherwise) {
    String id = adapter.text("init_lora_weights", null);
    LoraInit init = id == null ? otherwise : LoraInit.of(id);
    return switch (init.kind()) {
      case LOFTQ -> init.with(readAll(adapter.section("loftq_config"), init.loftq()), init.eva());
      case EVA -> init.with(init.loftq(), readAll(adapter.section("eva_config"), init.eva()));
      default -> init;
    };
  }

  private static <R extends Record> R readAll(Section section, R defaults) {
    R record = Binder.read(section, defaults);
    section.done();
    return record;
  }

  private static AdapterConfig read(Section section, AdapterMethod method) {
    ObjectNode json = defaults(method).json();
    json.remove("fan_in_fan_out"); // the layers know
    boolean targeted = json.has("target_modules");
    for (Map.Entry<String, JsonNode> setting : json.properties()) {
      String key = setting.getKey();
      if (!TARGETS.contains(key) && section.has(key)) {
        setting.setValue(value(section, key, setting.getValue()));
      }
    }
    if (targeted) {
      targets(section, Targets.of()).write(json);
    }
    return method.read(json);
  }

  /** A value of the kind that the default is of. */
  private static JsonNode value(Section section, String key, JsonNode otherwise) {
    if (LISTS.contains(key)) {
      ArrayNode texts = JSON.arrayNode();
      section.texts(key).forEach(texts::add);
      return texts;
    } else if (otherwise.isObject()) {
      ObjectNode patterns = JSON.objectNode();
      section.entries(key).forEach((path, node) -> patterns.set(path, number(section, path, node)));
      return patterns;
    } else if (otherwise.isBoolean()) {
      return JSON.booleanNode(Boolean.TRUE.equals(section.flag(key, false)));
    } else if (otherwise.isNumber() && !otherwise.isIntegralNumber()) {
      return JSON.numberNode(section.number(key, section.get(key)));
    }
    String text = section.text(key, "");
    boolean whole = otherwise.isNumber() || (text != null && text.matches("\\d+"));
    return whole ? number(section, key, JSON.textNode(text)) : JSON.textNode(text);
  }

  /** A whole number, or one with a fraction. */
  private static JsonNode number(Section section, String key, JsonNode value) {
    double number = section.number(key, value);
    return number == Math.rint(number) && Math.abs(number) <= MAX_WHOLE
        ? JSON.numberNode((long) number)
        : JSON.numberNode(number);
  }

  /** Which modules to adapt, as users type it. */
  static Targets targets(Section section, Targets otherwise) {
    Targets named = typed(section, "target_modules");
    Targets targets = named == null ? otherwise : named;
    Targets excluded = typed(section, "exclude_modules");
    List<Integer> layers = section.integers("layers_to_transform");
    return new Targets(
        targets.modules(),
        targets.regex(),
        excluded == null ? List.of() : excluded.modules(),
        excluded != null && excluded.regex(),
        layers.isEmpty() ? null : new LinkedHashSet<>(layers),
        section.texts("layers_pattern"));
  }

  /** A list of entries, or one text as users type it; null where the key is absent. */
  private static @Nullable Targets typed(Section section, String key) {
    if (section.isList(key)) {
      return Targets.of(section.texts(key).toArray(new String[0]));
    }
    String text = section.text(key, null);
    return text == null ? null : Targets.parse(text);
  }
}
