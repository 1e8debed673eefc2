package dev.lorikeet.lora;

import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.Sample;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.adapters.TiedLayer;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.ProjectionSlot;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import dev.lorikeet.torch.UsageException;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * EVA's start: A are the directions in which a layer's inputs vary most, found batch by batch, B is
 * 0; and ranks go to the layers where they explain the largest shares of variance (Paischer et al.
 * 2024, arXiv:2410.07170, §3).
 *
 * <p>Batches are taken again and again until the directions in use no longer turn, or until there
 * were {@value #MOST_BATCHES}. Layers that read the same tensor share their directions.
 */
public final class Eva {
  /** Where it ends when directions still turn. */
  public static final int MOST_BATCHES = 128;

  private final Model model;
  private final LoraConfig config;
  private final EvaConfig settings;

  /** The adapted layers, in the model's order, and the ranks that they would have. */
  private final Map<String, Integer> asked = new LinkedHashMap<>();

  /** How many directions are looked for. */
  private final Map<String, Integer> most = new LinkedHashMap<>();

  /** For each layer the first one that reads the same, which may be itself. */
  private final Map<String, String> reader = new LinkedHashMap<>();

  private final Map<String, IncrementalPca> found = new LinkedHashMap<>();

  private final Scope owner;

  private Eva(Model model, LoraConfig config, Scope owner) {
    this.model = model;
    this.owner = owner;
    this.config = config;
    this.settings = config.init().eva();
  }

  /**
   * Slips a new adapter into a model, started from data, and makes its parameters trainable. Layers
   * that get no rank are left out of its targets.
   *
   * @param config with {@code init_lora_weights: eva}; the adapter's own settings say which ranks
   *     came of it
   * @param batches of what it will be trained on; each is asked for when its turn has come, and
   *     what is made then is freed after its pass
   * @param remarks hears what came of it
   * @throws UsageException when a layer's rank times rho is more than it reads
   * @throws LorikeetException when there is no batch with so many positions as a layer's rank times
   *     rho
   */
  public static Adapter attach(
      Model model, LoraConfig config, long seed, List<Sample> batches, Consumer<String> remarks) {
    try (Model.Lease alone = model.exclusive()) {
      return attachAlone(model, config, seed, batches, remarks);
    }
  }

  private static Adapter attachAlone(
      Model model, LoraConfig config, long seed, List<Sample> batches, Consumer<String> remarks) {
    LoraConfig plain = config.but().init(LoraInit.KAIMING).build();
    Adapter first = Adapter.attach(model, plain, seed); // knows what is adapted
    LoraConfig resolved = (LoraConfig) first.config();
    List<String> paths = List.copyOf(first.layers().keySet());
    boolean ties = first.layers().values().stream().anyMatch(TiedLayer.class::isInstance);
    first.remove();
    if (ties) {
      throw new UsageException(
          "init_lora_weights eva does not go with ensure_weight_tying for targets that are"
              + " embeddings or output layers, whose ranks it would make two: leave one of them out");
    }
    try (Scope scope = Scope.open()) {
      Eva eva = new Eva(model, resolved.but().init(config.init()).build(), scope);
      Torch.seed(seed);
      eva.look(paths, batches, remarks);
      Map<String, Integer> ranks = eva.ranks();
      Adapter adapter = Adapter.attach(model, eva.redistributed(resolved, paths, ranks), seed);
      ranks.forEach((path, rank) -> eva.start(adapter, path, rank));
      remarks.accept("init_lora_weights eva gives ranks " + ranks);
      return adapter;
    }
  }

  // ---- looking ----

  private void look(List<String> paths, List<Sample> batches, Consumer<String> remarks) {
    List<ProjectionSlot> slots =
        paths.stream().map(model.projections()::get).filter(Objects::nonNull).toList();
    if (batches.isEmpty()) {
      throw new LorikeetException("init_lora_weights eva needs data, and there are no batches");
    }
    model.training(false);
    slots.forEach(this::ask);
    group(slots, batches);
    int taken = 0;
    while (taken < MOST_BATCHES && !isSettled()) {
      pass(slots, batches, taken % batches.size());
      taken++;
      mustHaveStarted(taken, batches.size());
    }
    if (!isSettled()) {
      remarks.accept(
          "init_lora_weights eva: some directions still turn after " + taken + " batches");
    }
  }

  private void ask(ProjectionSlot slot) {
    int rank = config.rank(slot.path());
    int directions = (int) Math.rint(rank * settings.rho());
    if (directions > slot.base().in()) {
      throw new UsageException(
          "init_lora_weights eva: rank "
              + rank
              + " times rho "
              + settings.rho()
              + " is more than the "
              + slot.base().in()
              + " inputs of "
              + slot.path()
              + ": lower r or rho");
    }
    asked.put(slot.path(), rank);
    most.put(slot.path(), directions);
  }

  /** Finds the layers that read the same tensor. */
  private void group(List<ProjectionSlot> slots, List<Sample> batches) {
    IdentityHashMap<Tensor, String> firstReader = new IdentityHashMap<>();
    try (Scope scope = Scope.open()) {
      run(
          slots,
          batches.get(0),
          (path, x) -> reader.putIfAbsent(path, firstReader.computeIfAbsent(x, same -> path)));
    }
    asked.keySet().retainAll(reader.keySet());
    reader.forEach((path, first) -> most.merge(first, directions(path), Math::max));
    reader.forEach((path, first) -> most.put(path, directions(first)));
    asked.keySet().stream()
        .filter(path -> path.equals(reader.get(path)))
        .forEach(path -> found.put(path, new IncrementalPca(directions(path), owner)));
  }

  /** Hears what a layer reads. */
  private interface Observer {
    void read(String path, Tensor x);
  }

  private void run(List<ProjectionSlot> slots, Sample batch, Observer observer) {
    for (ProjectionSlot slot : slots) {
      slot.fill(
          x -> {
            observer.read(slot.path(), x);
            return slot.base().forward(x);
          });
    }
    try {
      model.logits(batch.input());
    } finally {
      slots.forEach(ProjectionSlot::reset);
    }
  }

  private void pass(List<ProjectionSlot> slots, List<Sample> batches, int index) {
    Map<String, Integer> ranks = isStarted() ? ranks() : most;
    try (Scope scope = Scope.open()) {
      Sample batch = batches.get(index);
      run(
          slots,
          batch,
          (path, x) -> {
            IncrementalPca pca = found.get(path);
            if (pca != null && !pca.isSettled(leading(path, ranks), settings.tau())) {
              take(pca, x, batch, directions(path));
            }
          });
    }
  }

  private static void take(IncrementalPca pca, Tensor x, Sample batch, int directions) {
    try (Scope scope = Scope.open()) {
      Tensor rows = rows(x, batch);
      if (rows.size(0) >= directions) {
        pca.add(rows);
      }
    }
  }

  /** The positions that count, [n, in], float32. */
  private static Tensor rows(Tensor x, Sample batch) {
    Tensor flat = x.detach().reshape(-1, x.size(-1)).to(DType.FLOAT32);
    Tensor counted = x.shape().length == 3 ? batch.counted().get(x.size(1)) : null;
    return counted == null ? flat : flat.index(0, counted.to(flat.device()));
  }

  private void mustHaveStarted(int taken, int batches) {
    if (taken >= batches && !isStarted()) {
      String path = found.keySet().stream().filter(p -> pca(p).isEmpty()).findFirst().orElseThrow();
      throw new LorikeetException(
          "init_lora_weights eva looks for "
              + directions(path)
              + " directions at "
              + path
              + ", and no batch has so many positions: raise batch_size, or lower r or rho");
    }
  }

  private boolean isStarted() {
    return found.values().stream().noneMatch(IncrementalPca::isEmpty);
  }

  private boolean isSettled() {
    if (!isStarted()) {
      return false;
    }
    Map<String, Integer> ranks = ranks();
    return found.keySet().stream()
        .allMatch(path -> pca(path).isSettled(leading(path, ranks), settings.tau()));
  }

  /** The largest rank of the layers that use a layer's directions. */
  private int leading(String path, Map<String, Integer> ranks) {
    return reader.entrySet().stream()
        .filter(entry -> entry.getValue().equals(path))
        .mapToInt(entry -> ranks.getOrDefault(entry.getKey(), 0))
        .max()
        .orElse(0);
  }

  // ---- sharing out ----

  /** A direction of a layer, and the share of variance that it explains. */
  private record Share(String path, double explained) {}

  /** The layers' ranks: as many in all as were asked for, where they explain most. */
  private Map<String, Integer> ranks() {
    List<String> order = new ArrayList<>(found.keySet());
    asked.keySet().stream().filter(path -> !found.containsKey(path)).forEach(order::add);
    List<Share> shares = new ArrayList<>();
    for (String path : order) {
      for (double explained : pca(path(path)).explained()) {
        shares.add(new Share(path, explained));
      }
    }
    shares.sort((x, y) -> Double.compare(y.explained, x.explained)); // ties stay in order
    Map<String, Integer> ranks = new LinkedHashMap<>();
    asked.keySet().forEach(path -> ranks.put(path, 0));
    int budget = asked.values().stream().mapToInt(rank -> rank).sum();
    shares.stream().limit(budget).forEach(share -> ranks.merge(share.path, 1, Integer::sum));
    return ranks;
  }

  /** The settings that come of the ranks. */
  private LoraConfig redistributed(
      LoraConfig resolved, List<String> paths, Map<String, Integer> ranks) {
    Map<String, Integer> rankPattern = new LinkedHashMap<>();
    Map<String, Double> alphaPattern = new LinkedHashMap<>();
    List<String> left = new ArrayList<>();
    for (String path : paths) {
      int before = resolved.rank(path);
      int rank = ranks.getOrDefault(path, before); // an embedding keeps its own
      if (rank == 0) {
        continue;
      }
      left.add(path);
      if (rank != resolved.r()) {
        rankPattern.put(path, rank);
      }
      double alpha = resolved.alpha(path);
      double adjusted = settings.adjustScalingFactors() ? alpha * rank / before : alpha;
      if (adjusted != resolved.loraAlpha()) {
        alphaPattern.put(path, adjusted);
      }
    }
    return resolved
        .but()
        .targets(Targets.of(left.toArray(new String[0])))
        .rankPattern(rankPattern)
        .alphaPattern(alphaPattern)
        .build();
  }

  private void start(Adapter adapter, String path, int rank) {
    if (rank == 0) {
      return;
    }
    try (Scope scope = Scope.open()) {
      IncrementalPca pca = pca(path(path));
      Tensor a = Objects.requireNonNull(pca.directions()).narrow(0, 0, rank);
      if (settings.whiten()) {
        Tensor root = Objects.requireNonNull(pca.singular()).narrow(0, 0, rank).pow(0.5);
        a = a.div(root.unsqueeze(1));
      }
      Map<String, Parameter> layer =
          Objects.requireNonNull(adapter.layers().get(path), path).parameters();
      Objects.requireNonNull(layer.get("lora_A.weight")).original().setInPlace(a);
    }
  }

  private int directions(String path) {
    return Objects.requireNonNull(most.get(path), path);
  }

  private String path(String path) {
    return Objects.requireNonNull(reader.get(path), path);
  }

  private IncrementalPca pca(String path) {
    @Nullable IncrementalPca pca = found.get(path);
    return Objects.requireNonNull(pca, path);
  }
}
