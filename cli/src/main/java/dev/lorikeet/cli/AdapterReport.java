package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.adapters.KnownBase;
import dev.lorikeet.lora.LoraConfig;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Printable;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What is in an adapter's folder, for people and as JSON; its base is not needed. */
final class AdapterReport {
  /** Settings that say nothing of what the adapter computes. */
  private static final Set<String> UNTOLD =
      Set.of("inference_mode", "peft_version", "auto_mapping");

  /** The first factor of a LoRA update, and what lies before and behind its name. */
  private static final Pattern FIRST =
      Pattern.compile(
          "(?:base_model\\.model\\.)?(.*)\\.(lora_A\\.weight|lora_embedding_A)", Pattern.DOTALL);

  private final AdapterFolder adapter;
  private final Safetensors file;
  private final ObjectNode json = JsonNodeFactory.instance.objectNode();
  private final StringBuilder text = new StringBuilder();
  private final List<String> warnings = new ArrayList<>();

  AdapterReport(AdapterFolder adapter) {
    this.adapter = adapter;
    file = adapter.weights();
    addSettings();
    addBase();
    Map<String, Double> norms = addTensors();
    if (adapter.config() instanceof LoraConfig lora) {
      addUpdates(lora, norms);
    }
    addWarnings();
  }

  ObjectNode json() {
    return json;
  }

  String text() {
    return text.toString();
  }

  private void addSettings() {
    for (Map.Entry<String, JsonNode> setting : new TreeMap<>(settings()).entrySet()) {
      JsonNode value = setting.getValue();
      json.set(setting.getKey(), value);
      line(setting.getKey(), value.isTextual() ? value.asText() : value.toString());
    }
  }

  /** The settings that say something. */
  private Map<String, JsonNode> settings() {
    Map<String, JsonNode> settings = new LinkedHashMap<>();
    adapter
        .json()
        .properties()
        .forEach(
            setting -> {
              JsonNode value = setting.getValue();
              boolean empty =
                  value.isNull()
                      || (value.isContainerNode() && value.isEmpty())
                      || (value.isBoolean() && !value.booleanValue());
              if (!empty && !UNTOLD.contains(setting.getKey())) {
                settings.put(setting.getKey(), value);
              }
            });
    return settings;
  }

  private void addBase() {
    KnownBase base = adapter.base();
    if (!base.path().isEmpty()) {
      base.write(json);
      line("trained on", base.path());
      line("fingerprint", base.fingerprint());
    }
  }

  private void line(String key, String value) {
    if (!value.isEmpty()) {
      text.append(format("%-24s %s%n", key, value));
    }
  }

  // ---- tensors ----

  private Map<String, Double> addTensors() {
    Map<String, Double> norms = new LinkedHashMap<>();
    Set<String> types = new TreeSet<>();
    StringBuilder lines = new StringBuilder();
    ArrayNode tensors = json.putArray("tensors");
    long parameters = 0;
    long bytes = 0;
    for (String name : file.names()) {
      try (Scope scope = Scope.open()) {
        Tensor tensor = file.tensor(name);
        double norm = tensor.to(DType.FLOAT32).norm(DType.FLOAT64).item();
        norms.put(name, norm);
        types.add(dtype(tensor));
        parameters += tensor.count();
        bytes += tensor.count() * tensor.dtype().bytes();
        ObjectNode entry = tensors.addObject().put("name", name);
        ArrayNode shape = entry.putArray("shape");
        Arrays.stream(tensor.shape()).forEach(shape::add);
        entry.put("dtype", dtype(tensor)).put("norm", norm);
        lines.append(
            format("  %-84s %-14s norm %.4f%n", name, Arrays.toString(tensor.shape()), norm));
        warn(name, tensor, norm);
      }
    }
    json.put("parameters", parameters).put("bytes", bytes);
    json.put("dtype", String.join(", ", types));
    line("dtype", String.join(", ", types));
    line("parameters", format("%,d (%,d bytes)", parameters, bytes));
    text.append(lines);
    return norms;
  }

  private static String dtype(Tensor tensor) {
    return tensor.dtype().name().toLowerCase(Locale.ROOT);
  }

  private void warn(String name, Tensor tensor, double norm) {
    if (!tensor.isFinite()) {
      warnings.add(name + " has NaN or infinite elements");
    } else if (norm == 0) {
      boolean second = name.contains("lora_B") || name.endsWith("lora_embedding_A");
      warnings.add(name + " is zero" + (second ? ": the update is none" : ""));
    }
  }

  // ---- LoRA's updates ----

  private void addUpdates(LoraConfig lora, Map<String, Double> norms) {
    ArrayNode updates = json.putArray("updates");
    StringBuilder lines = new StringBuilder();
    for (String a : file.names()) {
      Matcher name = FIRST.matcher(a);
      if (!name.matches()) {
        continue;
      }
      String b =
          a.replace("lora_A.weight", "lora_B.weight").replace("_embedding_A", "_embedding_B");
      String path = name.group(1);
      if (!norms.containsKey(b)) {
        warnings.add(a + " has no " + b.substring(b.lastIndexOf("lora_")) + " beside it");
        continue;
      }
      try (Scope scope = Scope.open()) {
        Tensor first = matrix(file.tensor(a));
        Tensor second = matrix(file.tensor(b));
        if (first.shape().length != 2
            || second.shape().length != 2
            || first.size(0) != second.size(1)) {
          warnings.add(
              a
                  + " is "
                  + Arrays.toString(file.entry(a).shape())
                  + " and "
                  + b
                  + " "
                  + Arrays.toString(file.entry(b).shape())
                  + ": they have no product");
          continue;
        }
        double update = lora.scaling(path) * productNorm(first, second);
        double normA = norms.getOrDefault(a, 0.0);
        double normB = norms.getOrDefault(b, 0.0);
        updates
            .addObject()
            .put("module", path)
            .put("r", first.size(0))
            .put("alpha", lora.scaling(path) * first.size(0))
            .put("scaling", lora.scaling(path))
            .put("norm_A", normA)
            .put("norm_B", normB)
            .put("norm_update", update);
        lines.append(
            format(
                "  %-60s r=%-4d s=%-8.4g |A| %-9.4f |B| %-9.4f |s BA| %.4f%n",
                path, first.size(0), lora.scaling(path), normA, normB, update));
      }
    }
    if (!updates.isEmpty()) {
      text.append("updates\n").append(lines);
    }
  }

  /** A convolution's kernels are rows, as in PEFT's update. */
  private static Tensor matrix(Tensor tensor) {
    Tensor floats = tensor.to(DType.FLOAT32);
    return floats.shape().length > 2 ? floats.reshape(floats.size(0), -1) : floats;
  }

  /**
   * ‖BA‖, from products of rank r alone: ‖BA‖² is the sum of AAᵀ times BᵀB, element by element.
   *
   * @param a [r, in]
   * @param b [out, r]
   */
  static double productNorm(Tensor a, Tensor b) {
    Tensor columns = b.transpose(0, 1).contiguous();
    Tensor products = Ops.linear(a, a, null).mul(Ops.linear(columns, columns, null));
    return Math.sqrt(Math.max(0, products.sum().item()));
  }

  private void addWarnings() {
    ArrayNode array = json.putArray("warnings");
    warnings.forEach(
        warning -> {
          array.add(warning);
          text.append(format("warning: %s%n", warning));
        });
  }

  private static String format(String pattern, Object... values) {
    return Printable.format(pattern, values);
  }
}
