package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.adapters.KnownBase;
import dev.lorikeet.models.JsonFile;
import dev.lorikeet.models.hub.HubName;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Printable;
import dev.lorikeet.torch.UsageException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Finds the base that an adapter was trained on by what lies beside the adapter. */
final class Bases {
  private Bases() {}

  /** Whether a folder is an adapter's, and no model's. */
  static boolean isAdapter(Path folder) {
    return Files.isRegularFile(folder.resolve(AdapterFolder.CONFIG))
        && !Files.isRegularFile(folder.resolve("config.json"));
  }

  /**
   * The base's folder: as PEFT's {@code base_model_name_or_path} or {@code lorikeet.json} name it,
   * from where the command runs or from where the adapter lies; else from the hub.
   *
   * @throws LorikeetException when none of these is there
   */
  static Path of(Path adapter, PrintWriter messages) {
    JsonNode config = AdapterFolder.open(adapter).json();
    JsonNode record = record(adapter);
    String named = config.path("base_model_name_or_path").asText("");
    Set<String> places = new LinkedHashSet<>();
    places.add(named);
    places.add(record.path("base").path("path").asText(""));
    places.add(record.path("settings").path("model").asText(""));
    places.remove("");
    for (String place : places) {
      Path found = folder(place, adapter);
      if (found != null) {
        return found;
      }
    }
    for (String place : places) {
      HubName name = hubName(place, config.path("revision").asText(""));
      if (name != null) {
        messages.println(Printable.message(adapter + " was trained on " + name));
        return Folders.model(name.toString(), messages);
      }
    }
    throw new LorikeetException(
        places.isEmpty()
            ? adapter + " does not say what it was trained on: give --model"
            : adapter
                + " was trained on "
                + String.join(" or ", places)
                + ", which is not here: give --model");
  }

  private static @Nullable Path folder(String place, Path adapter) {
    try {
      for (Path candidate : new Path[] {Path.of(place), adapter.resolve(place)}) {
        if (Files.isDirectory(candidate)) {
          return candidate;
        }
      }
    } catch (InvalidPathException e) {
      // It names no folder of this system.
    }
    return null;
  }

  private static @Nullable HubName hubName(String place, String revision) {
    try {
      return HubName.parse(
          revision.isEmpty() || place.contains("@") ? place : place + "@" + revision);
    } catch (UsageException e) {
      return null;
    }
  }

  /** What {@code lorikeet.json} says; nothing where another program wrote the folder. */
  static JsonNode record(Path folder) {
    Path file = folder.resolve(KnownBase.FILE);
    return Files.exists(file) ? JsonFile.read(file) : MissingNode.getInstance();
  }
}
