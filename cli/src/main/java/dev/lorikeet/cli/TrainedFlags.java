package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The flags that name a trained model: a checkpoint, an adapter, which knows its base, or both. */
final class TrainedFlags {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Option(
      names = "--model",
      paramLabel = "MODEL",
      description =
          "A checkpoint's folder, or ORG/NAME[@REVISION] on the hub. It may be left out where"
              + " --adapter is given, and may be an adapter's folder itself.")
  private @Nullable String model;

  @Option(
      names = "--adapter",
      paramLabel = "ADAPTER",
      description = "An adapter that was trained on it: a folder, or on the hub.")
  private List<String> adapters = List.of();

  /**
   * A trained model's folders.
   *
   * @param base the checkpoint
   * @param adapter null where the checkpoint itself was trained
   */
  record Place(Path base, @Nullable Path adapter) {}

  /** A base and its adapters, as they were typed, none or several. */
  private record Places(Path base, Map<NamedAdapter, Path> adapters) {}

  private @Nullable Places found;

  /**
   * The folders, from the hub where they are its.
   *
   * @throws UsageException when neither is named, or two adapters are
   * @throws dev.lorikeet.torch.LorikeetException when one is not there
   */
  Place place() {
    if (adapters.size() > 1) {
      throw new UsageException(
          "--adapter is given %d times: give one; several answer by predict --adapter-column"
              .formatted(adapters.size()));
    }
    Places places = places();
    return new Place(places.base(), places.adapters().values().stream().findFirst().orElse(null));
  }

  /** The checkpoint of {@link #named}. */
  Path base() {
    return places().base();
  }

  /**
   * The folders of adapters by their names.
   *
   * @throws UsageException when there is no adapter, or two have one name
   * @throws dev.lorikeet.torch.LorikeetException when one is not there
   */
  Map<String, Path> named() {
    Map<String, Path> named = new LinkedHashMap<>();
    places().adapters().forEach((adapter, folder) -> adapter.putInto(named, folder));
    if (named.isEmpty()) {
      throw new UsageException("there are no adapters: give --adapter NAME=ADAPTER for each");
    }
    return named;
  }

  /** What the run that trained the model says of itself; of several adapters that of the first. */
  JsonNode settings() {
    Path first = places().adapters().values().stream().findFirst().orElse(places().base());
    return Bases.record(first).path("settings");
  }

  private Places places() {
    if (found == null) {
      found = find(spec.commandLine().getErr());
    }
    return found;
  }

  private Places find(PrintWriter messages) {
    Map<NamedAdapter, Path> folders = new LinkedHashMap<>();
    for (String typed : adapters) {
      NamedAdapter adapter = NamedAdapter.parse(typed);
      folders.put(adapter, Folders.adapter(adapter.typed(), messages));
    }
    if (model == null) {
      if (folders.isEmpty()) {
        throw new UsageException("give --model, or --adapter, which knows its base");
      }
      return new Places(baseOf(folders, messages), folders);
    }
    Path folder = Folders.model(model, messages);
    if (!Bases.isAdapter(folder)) {
      return new Places(folder, folders);
    }
    if (!folders.isEmpty()) {
      throw new UsageException(
          ("--model " + model + " is an adapter, and so is --adapter " + adapters.get(0))
              + ": give one");
    }
    folders.put(NamedAdapter.parse(model), folder);
    return new Places(baseOf(folders, messages), folders);
  }

  /** The one base that adapters were trained on. */
  private static Path baseOf(Map<NamedAdapter, Path> folders, PrintWriter messages) {
    Path first = folders.values().iterator().next();
    Path base = Bases.of(first, messages);
    for (Path adapter : folders.values()) {
      Path other = adapter.equals(first) ? base : Bases.of(adapter, messages);
      if (!isSame(base, other)) {
        throw new UsageException(
            ("adapter " + first + " was trained on " + base + ", " + adapter + " on " + other)
                + ": give --model, if these are the same model");
      }
    }
    return base;
  }

  private static boolean isSame(Path one, Path other) {
    try {
      return Files.isSameFile(one, other);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
