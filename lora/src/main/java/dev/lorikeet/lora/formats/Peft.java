package dev.lorikeet.lora.formats;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.lora.LoraConfig;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** PEFT's folders: {@code base_model.model.PATH.lora_A.weight} and the like. */
final class Peft implements LoraFormat {
  private static final String PREFIX = "base_model.model.";
  private static final String A = ".lora_A.weight";
  private static final String B = ".lora_B.weight";
  private static final String MAGNITUDE = ".lora_magnitude_vector";

  @Override
  public String id() {
    return "peft";
  }

  @Override
  public LoraTensors read(Path place, Model model) {
    AdapterFolder folder = AdapterFolder.open(place);
    if (!(folder.config() instanceof LoraConfig config)) {
      throw new LorikeetException(
          place + " is " + folder.config().peftType() + ", and other tools' files hold LoRA only");
    }
    Safetensors file = folder.weights();
    Map<String, LoraTensors.Update> updates = new LinkedHashMap<>();
    for (String name : file.names()) {
      if (name.endsWith(A) && name.startsWith(PREFIX)) {
        String stored = name.substring(0, name.length() - A.length());
        String path = model.nameInMemory(stored.substring(PREFIX.length()));
        Tensor a = AdapterFiles.matrix(file, name, place);
        Tensor b = AdapterFiles.beside(file, stored + B, name);
        boolean dora = file.names().contains(stored + MAGNITUDE);
        Tensor magnitude = dora ? file.tensor(stored + MAGNITUDE) : null;
        double alpha = config.scaling(path) * a.size(0);
        updates.put(path, new LoraTensors.Update(a, b, magnitude, alpha));
      } else if (!name.endsWith(B) && !name.endsWith(MAGNITUDE)) {
        throw new LorikeetException(
            place
                + ": tensor \""
                + name
                + "\" is no update of a linear layer, and other tools' files have no place for it");
      }
    }
    return new LoraTensors(updates, config.loraDropout()).checked(place.toString(), model);
  }

  @Override
  public void write(LoraTensors tensors, Path folder, Model model) throws IOException {
    Map<String, Tensor> named = new LinkedHashMap<>();
    tensors
        .updates()
        .forEach(
            (path, update) -> {
              named.put(PREFIX + path + A, update.a());
              named.put(PREFIX + path + B, update.b());
              if (update.magnitude() != null) {
                named.put(PREFIX + path + MAGNITUDE, update.magnitude());
              }
            });
    ObjectNode other = JsonNodeFactory.instance.objectNode();
    String task = model.headType() == null ? "" : model.headType().peftTaskType();
    other.put("task_type", task.isEmpty() ? null : task);
    AdapterFolder.write(config(tensors, model), named, isTransposed(tensors, model), other, folder);
    AdapterFolder.open(folder).attachTo(model).remove(); // as everybody else will read it
  }

  private static LoraConfig config(LoraTensors tensors, Model model) {
    Map<String, LoraTensors.Update> updates = tensors.updates();
    LoraTensors.Update first = updates.values().iterator().next();
    Map<String, Integer> ranks = new LinkedHashMap<>();
    Map<String, Double> alphas = new LinkedHashMap<>();
    updates.forEach(
        (path, update) -> {
          if (update.rank() != first.rank()) {
            ranks.put(path, update.rank());
          }
          if (update.alpha() != first.alpha()) {
            alphas.put(path, update.alpha());
          }
        });
    return LoraConfig.of(first.rank(), first.alpha())
        .withDropout(tensors.dropout())
        .withTargets(targets(updates.keySet(), model.projections().keySet()))
        .but()
        .rankPattern(ranks)
        .alphaPattern(alphas)
        .useDora(tensors.isDora())
        .build();
  }

  /** The last names of paths where these mean no other layers, else the paths. */
  private static Targets targets(Set<String> paths, Collection<String> all) {
    List<String> names =
        paths.stream().map(path -> path.substring(path.lastIndexOf('.') + 1)).distinct().toList();
    boolean others =
        all.stream()
            .filter(path -> !paths.contains(path))
            .anyMatch(path -> names.contains(path.substring(path.lastIndexOf('.') + 1)));
    return Targets.of((others ? List.copyOf(paths) : names).toArray(new String[0]));
  }

  /** Whether all adapted layers are stored transposed. */
  private static boolean isTransposed(LoraTensors tensors, Model model) {
    return model.projections().values().stream()
        .filter(slot -> tensors.updates().containsKey(slot.path()))
        .allMatch(slot -> slot.base().transposed());
  }
}
