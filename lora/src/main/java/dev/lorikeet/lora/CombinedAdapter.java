package dev.lorikeet.lora;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.adapters.PeftNames;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.models.OutputFolder;
import dev.lorikeet.models.OutputFolder.ThrowingConsumer;
import dev.lorikeet.models.ResultKind;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import dev.lorikeet.torch.UsageException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * One LoRA adapter made of several, each with a weight, without their base. A layer that only some
 * of them adapt is made of theirs. The result is scaled by 1: α is the rank, and ranks that differ
 * from layer to layer are in {@code rank_pattern}.
 */
public final class CombinedAdapter {
  /** An adapter and its weight, which may be negative. */
  public record Weighted(AdapterFolder adapter, double weight) {}

  private final Combination how;
  private final List<LoraFile> files = new ArrayList<>();
  private final List<Double> weights = new ArrayList<>();

  /** Layers with the adapters, by their numbers, that have them. */
  private final SortedMap<String, List<Integer>> layers = new TreeMap<>();

  private CombinedAdapter(Combination how, List<Weighted> adapters) {
    for (Weighted one : adapters) {
      files.add(LoraFile.open(one.adapter()));
      weights.add(one.weight());
    }
    for (int i = 0; i < files.size(); i++) {
      for (String path : files.get(i).layers().keySet()) {
        layers.computeIfAbsent(path, any -> new ArrayList<>()).add(i);
      }
    }
    this.how = how.orRank(files.stream().mapToInt(LoraFile::largestRank).max().orElseThrow());
  }

  /**
   * Checks that adapters can be combined. Of their tensors only the headers are read.
   *
   * @throws UsageException when there is none, or a weight is not a number
   * @throws LorikeetException when one cannot be weighted without its base, two of them differ in a
   *     layer's shape or in what they saved whole, or have other ranks where one is asked for
   */
  public static CombinedAdapter of(Combination how, List<Weighted> adapters) {
    if (adapters.isEmpty()) {
      throw new UsageException("there are no adapters to combine: name at least one");
    }
    for (Weighted one : adapters) {
      if (!Double.isFinite(one.weight())) {
        throw new UsageException(
            "the weight of " + one.adapter().folder() + " is " + one.weight() + ": use a number");
      }
    }
    CombinedAdapter combined = new CombinedAdapter(how, adapters);
    combined.layers.forEach(combined::mustFit);
    try (Scope scope = Scope.open()) {
      combined.whole();
    }
    return combined;
  }

  private void mustFit(String path, List<Integer> havers) {
    LoraFile first = files.get(havers.get(0));
    for (int i : havers) {
      LoraFile other = files.get(i);
      long[] shape = first.shape(path);
      long[] found = other.shape(path);
      if (!Arrays.equals(shape, found) || first.layers().get(path) != other.layers().get(path)) {
        throw new LorikeetException(
            path
                + " is "
                + Arrays.toString(shape)
                + " to "
                + first.folder()
                + " and "
                + Arrays.toString(found)
                + " to "
                + other.folder()
                + ": were they made for the same base?");
      }
      int rank = first.config().rank(path);
      if (how.type().form() == CombinationType.Form.FACTORS && other.config().rank(path) != rank) {
        throw new LorikeetException(
            "combination type "
                + how.type().id()
                + " needs one rank, and at "
                + path
                + " it is "
                + rank
                + " in "
                + first.folder()
                + " and "
                + other.config().rank(path)
                + " in "
                + other.folder()
                + ": use cat or svd");
      }
    }
  }

  /** What was saved whole, by name: there is no weighting it, so that all must have the same. */
  private Map<String, Tensor> whole() {
    Map<String, Tensor> whole = new TreeMap<>();
    Map<String, LoraFile> owners = new LinkedHashMap<>();
    for (LoraFile file : files) {
      for (String name : file.whole()) {
        LoraFile owner = owners.putIfAbsent(name, file);
        Tensor known = whole.putIfAbsent(name, file.tensor(name));
        if (owner != null && known != null && !known.sameAs(file.tensor(name))) {
          throw new LorikeetException(
              name
                  + " is saved whole by "
                  + owner.folder()
                  + " and, with other values, by "
                  + file.folder()
                  + ": such modules cannot be weighted; combine adapters that share them");
        }
      }
    }
    return whole;
  }

  /** The bases that the adapters name, each once: more than one may be the same in two places. */
  public Set<String> bases() {
    return files.stream()
        .map(file -> file.adapter().json().path("base_model_name_or_path").asText(""))
        .collect(Collectors.toCollection(LinkedHashSet::new));
  }

  /**
   * Combines layer by layer and writes a PEFT folder, whole or not at all.
   *
   * @param beside adds what else belongs into the folder
   * @return the rank at each path
   * @throws LorikeetException when a combined layer has NaN or infinite elements, or the folder
   *     cannot be written
   */
  public SortedMap<String, Integer> write(Path folder, ThrowingConsumer<Path> beside) {
    try (Scope scope = Scope.open()) {
      Torch.seed(how.seed());
      Map<String, Tensor> tensors = whole();
      SortedMap<String, Integer> ranks = new TreeMap<>();
      layers.forEach((path, havers) -> ranks.put(path, combine(path, havers, tensors)));
      ObjectNode settings = settings(ranks);
      OutputFolder.write(
          folder,
          ResultKind.ADAPTER,
          temporary -> {
            AdapterFolder.write(settings, tensors, temporary);
            beside.accept(temporary);
          });
      return ranks;
    }
  }

  private int combine(String path, List<Integer> havers, Map<String, Tensor> tensors) {
    LoraFile.Kind kind = Objects.requireNonNull(files.get(havers.get(0)).layers().get(path));
    try (Scope scope = Scope.open()) {
      List<Combination.Term> terms =
          havers.stream().map(i -> files.get(i).term(path, weights.get(i))).toList();
      Combination.Factors factors = how.combine(terms);
      if (!factors.a().isFinite() || !factors.b().isFinite()) {
        throw new LorikeetException(
            path + ": the combination has NaN or infinite elements; nothing was written");
      }
      tensors.put(PeftNames.ofLayer(path, kind.a), scope.keep(factors.a().contiguous()));
      tensors.put(PeftNames.ofLayer(path, kind.b), scope.keep(factors.b().contiguous()));
      return factors.rank();
    }
  }

  /** The first adapter's settings, with what has become of ranks, scales and targets. */
  private ObjectNode settings(SortedMap<String, Integer> ranks) {
    LoraFile first = files.get(0);
    int r = Collections.max(ranks.values());
    Map<String, Integer> others = new LinkedHashMap<>();
    Map<String, Double> alphas = new LinkedHashMap<>();
    ranks.forEach(
        (path, rank) -> {
          if (rank != r) {
            others.put(path, rank);
            alphas.put(path, (double) rank);
          }
        });
    LoraConfig config =
        first
            .config()
            .but()
            .r(r)
            .loraAlpha(r)
            .rankPattern(others)
            .alphaPattern(alphas)
            .useRslora(false)
            .init(LoraInit.KAIMING)
            .targets(targets())
            .modulesToSave(modulesToSave())
            .ensureWeightTying(first.config().ensuresWeightTying() && !tiesUpdates())
            .build();
    ObjectNode settings = first.adapter().json();
    settings.remove("ensure_weight_tying");
    boolean transposed = settings.path("fan_in_fan_out").asBoolean();
    settings.setAll(config.json());
    return settings.put("fan_in_fan_out", transposed);
  }

  /** Whether some have one update for two layers, of which each gets its own combination. */
  private boolean tiesUpdates() {
    return files.stream().anyMatch(LoraFile::tiesUpdates);
  }

  private List<String> modulesToSave() {
    return files.stream()
        .flatMap(file -> file.config().modulesToSave().stream())
        .distinct()
        .toList();
  }

  /**
   * All that an adapter has as target, as PEFT puts it: the union of lists, or one expression for
   * all. Where adapters say it in different ways, or not all of it, the layers' whole paths.
   */
  private Targets targets() {
    List<Targets> all = files.stream().map(file -> file.config().targets()).distinct().toList();
    Targets first = all.get(0);
    if (all.size() == 1 && !tiesUpdates()) {
      return first;
    }
    if (tiesUpdates() || all.stream().anyMatch(other -> !isLike(first, other))) {
      return first.resolved(List.copyOf(layers.keySet()));
    }
    List<String> modules = all.stream().flatMap(t -> t.modules().stream()).distinct().toList();
    List<String> together =
        first.regex()
            ? List.of(modules.stream().map(t -> "(" + t + ")").collect(Collectors.joining("|")))
            : modules;
    return new Targets(
        together,
        first.regex(),
        first.exclude(),
        first.excludeRegex(),
        first.layersToTransform(),
        first.layersPattern());
  }

  /** Whether two differ in nothing but the names of modules. */
  private static boolean isLike(Targets first, Targets other) {
    return first.regex() == other.regex()
        && !first.modules().isEmpty()
        && !other.modules().isEmpty()
        && !other.modules().contains(Targets.ALL_LINEAR)
        && !first.modules().contains(Targets.ALL_LINEAR)
        && first.exclude().equals(other.exclude())
        && first.excludeRegex() == other.excludeRegex()
        && Objects.equals(first.layersToTransform(), other.layersToTransform())
        && first.layersPattern().equals(other.layersPattern());
  }
}
