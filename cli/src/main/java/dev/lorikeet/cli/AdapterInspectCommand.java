package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** Shows what is in an adapter, without its base. */
@Command(
    name = "inspect",
    description = "Show an adapter's method, settings, size, base, and the norm of each tensor.",
    mixinStandardHelpOptions = true)
final class AdapterInspectCommand implements Callable<Integer> {
  private static final String[] SETTINGS = {
    "peft_type",
    "task_type",
    "r",
    "lora_alpha",
    "use_rslora",
    "rank_pattern",
    "alpha_pattern",
    "bias",
    "target_modules",
    "modules_to_save",
    "base_model_name_or_path"
  };

  @Mixin private Console console;

  @Parameters(paramLabel = "DIR", description = "The adapter.")
  private Path folder;

  @Override
  public Integer call() {
    AdapterFolder adapter = AdapterFolder.open(folder);
    Safetensors file = adapter.weights();
    ObjectNode results = JsonNodeFactory.instance.objectNode();
    StringBuilder text = new StringBuilder();
    for (String key : SETTINGS) {
      JsonNode value = adapter.json().path(key);
      if (!value.isMissingNode()
          && !value.isNull()
          && !(value.isContainerNode() && value.isEmpty())) {
        results.set(key, value);
        text.append(String.format("%-24s %s%n", key, value.isTextual() ? value.asText() : value));
      }
    }
    tensors(file, results.putArray("tensors"), results, text);
    console.print(results, text.toString());
    return 0;
  }

  private static void tensors(
      Safetensors file, ArrayNode tensors, ObjectNode results, StringBuilder text) {
    long parameters = 0;
    long bytes = 0;
    StringBuilder lines = new StringBuilder();
    for (String name : file.names()) {
      try (Scope scope = Scope.open()) {
        Tensor tensor = file.tensor(name);
        double norm = tensor.to(DType.FLOAT32).norm().item();
        parameters += tensor.count();
        bytes += tensor.count() * tensor.dtype().bytes();
        ObjectNode entry = tensors.addObject().put("name", name);
        for (long size : tensor.shape()) {
          entry.withArray("shape").add(size);
        }
        entry.put("norm", norm);
        lines.append(
            String.format(
                Locale.ROOT,
                "  %-84s %-14s norm %.4f%n",
                name,
                Arrays.toString(tensor.shape()),
                norm));
      }
    }
    results.put("parameters", parameters).put("bytes", bytes);
    text.append(
        String.format(
            Locale.ROOT, "%-24s %,d (%,d bytes)%n%s", "parameters", parameters, bytes, lines));
  }
}
