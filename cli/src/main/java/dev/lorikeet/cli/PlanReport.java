package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterPlan;
import dev.lorikeet.torch.Printable;
import dev.lorikeet.training.TrainingMemory;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What an adapter would be, for people and as JSON.
 *
 * @param about the model, its head and the settings, for both
 * @param precision the type of the base's weights
 * @param optimizer its name
 */
record PlanReport(
    ObjectNode about, AdapterPlan plan, TrainingMemory memory, String precision, String optimizer) {

  // ---- as JSON ----

  ObjectNode json() {
    ObjectNode json = about.deepCopy();
    ArrayNode matches = json.putArray("matches");
    for (AdapterPlan.Match match : plan.matches()) {
      ObjectNode entry = matches.addObject();
      entry.put("setting", match.setting()).put("entry", match.entry());
      match.paths().forEach(entry.putArray("modules")::add);
    }
    ArrayNode modules = json.putArray("modules");
    plan.modules().forEach(module -> modules.add(json(module)));
    json.put("trainable_parameters", plan.trainable());
    json.put("frozen_parameters", plan.total() - plan.trainable());
    json.put("total_parameters", plan.total());
    json.put("trainable_percent", plan.percent());
    json.put("adapter_parameters_kept_frozen", memory.frozenParameters());
    json.putObject("memory")
        .put("weights_bytes", plan.weightBytes())
        .put("adapter_bytes", plan.adapterBytes())
        .put("gradients_bytes", memory.gradients())
        .put("optimizer_bytes", memory.optimizer())
        .put("sum_bytes", sum());
    json.put("adapter_file_bytes", plan.fileBytes());
    return json;
  }

  private static ObjectNode json(AdapterPlan.Module module) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("path", module.path()).put("kind", kind(module));
    module.shape().forEach(json.putArray("shape")::add);
    if (module.rank() != null) {
      json.put("r", module.rank());
    }
    if (module.alpha() != null) {
      json.put("alpha", module.alpha());
    }
    return json.put("trainable_parameters", module.trainable())
        .put("frozen_parameters", module.frozen());
  }

  private static String kind(AdapterPlan.Module module) {
    return module.kind().name().toLowerCase(Locale.ROOT);
  }

  private long sum() {
    return plan.weightBytes() + plan.adapterBytes() + memory.gradients() + memory.optimizer();
  }

  // ---- for people ----

  String text() {
    ModulePaths names = names();
    StringBuilder text = new StringBuilder();
    List<List<String>> rows = new ArrayList<>();
    groups(names).values().forEach(group -> rows.add(row(names, group)));
    text.append(aligned(rows)).append("\n");
    List<List<String>> settings = new ArrayList<>();
    for (AdapterPlan.Match match : plan.matches()) {
      settings.add(
          List.of(
              match.setting(),
              match.entry(),
              counted(match.paths().size(), "module"),
              names.line(match.paths())));
    }
    text.append(aligned(settings)).append("\n");
    text.append(
        format(
            "trainable params: %,d || all params: %,d || trainable%%: %.4f%n",
            plan.trainable(), plan.total(), plan.percent()));
    if (memory.frozenParameters() > 0) {
      text.append(format("of the adapter, %,d stay as they start%n", memory.frozenParameters()));
    }
    return text + "\n" + memoryText();
  }

  private ModulePaths names() {
    Stream<String> trained = plan.modules().stream().map(AdapterPlan.Module::path);
    Stream<String> matched = plan.matches().stream().flatMap(match -> match.paths().stream());
    return new ModulePaths(Stream.concat(trained, matched).distinct().toList());
  }

  /** Modules that differ in nothing but their layer. */
  private Map<List<Object>, List<AdapterPlan.Module>> groups(ModulePaths names) {
    return plan.modules().stream()
        .collect(
            Collectors.groupingBy(
                module ->
                    Stream.<Object>of(
                            names.name(module.path()),
                            module.kind(),
                            module.shape(),
                            Objects.requireNonNullElse(module.rank(), 0),
                            Objects.requireNonNullElse(module.alpha(), 0.0),
                            module.trainable(),
                            module.frozen())
                        .toList(),
                LinkedHashMap::new,
                Collectors.toList()));
  }

  private static List<String> row(ModulePaths names, List<AdapterPlan.Module> group) {
    AdapterPlan.Module first = group.get(0);
    String shape = first.shape().stream().map(Object::toString).collect(Collectors.joining("x"));
    String each = group.size() == 1 ? "" : " each";
    return List.of(
        names.name(first.path()),
        ModulePaths.layers(group.stream().map(AdapterPlan.Module::path).toList()),
        shape,
        first.rank() == null ? how(first.kind()) : "r=" + first.rank(),
        first.alpha() == null ? "" : "alpha=" + number(first.alpha()),
        format("%,d parameters%s", first.trainable(), each),
        first.frozen() == 0 ? "" : format("%,d frozen", first.frozen()));
  }

  private static String how(AdapterPlan.Kind kind) {
    return switch (kind) {
      case WHOLE -> "whole";
      case BIAS -> "bias";
      case TOKENS -> "rows";
      case INPUT -> "before the tokens";
      case LINEAR, EMBEDDING -> "";
    };
  }

  private static String number(double value) {
    return value == Math.rint(value) ? format("%.0f", value) : Double.toString(value);
  }

  private String memoryText() {
    List<List<String>> rows =
        List.of(
            List.of("weights", precision, size(plan.weightBytes())),
            List.of("adapter", "float32", size(plan.adapterBytes())),
            List.of("gradients", "float32", size(memory.gradients())),
            List.of("optimizer", optimizer, size(memory.optimizer())),
            List.of("sum", "without activations", size(sum())));
    return "memory\n"
        + aligned(rows)
        + format("adapter_model.safetensors: %,d bytes%n", plan.fileBytes());
  }

  private static String size(long bytes) {
    return format("%.1f MiB", bytes / (double) (1 << 20));
  }

  private static String counted(int count, String noun) {
    return format("%,d %s%s", count, noun, count == 1 ? "" : "s");
  }

  /** Rows whose columns are as wide as their widest cell; empty columns are left out. */
  private static String aligned(List<List<String>> cells) {
    List<List<String>> rows =
        cells.stream().map(row -> row.stream().map(Printable::line).toList()).toList();
    StringBuilder text = new StringBuilder();
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder(" ");
      for (int column = 0; column < row.size(); column++) {
        int at = column;
        int width = rows.stream().mapToInt(other -> other.get(at).length()).max().orElse(0);
        if (width > 0) {
          line.append(' ').append(row.get(at)).append(" ".repeat(width - row.get(at).length() + 1));
        }
      }
      text.append(line.toString().stripTrailing()).append("\n");
    }
    return text.toString();
  }

  private static String format(String pattern, Object... values) {
    return String.format(Locale.ROOT, pattern, values);
  }
}
