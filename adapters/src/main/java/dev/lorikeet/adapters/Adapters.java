package dev.lorikeet.adapters;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A model's adapters by name, of which none, one or several answer. All of them stay in memory
 * beside one base: activating another exchanges pointers and copies no weights.
 *
 * <p>Several active adapters answer with the sum of their updates, as in PEFT; a pass can also let
 * each row be answered by another adapter ({@link #logits}).
 *
 * <p>Threads: any may call any method. What changes the set or who answers (adding, loading,
 * deleting, renaming, activating, disabling, merging) has the model to itself: it waits for the
 * passes of other threads, and later ones wait for it, so each pass, and each prediction or
 * generation as a whole, is answered by the adapters that were active when it began ({@link
 * Model#share}). Who is active is one choice for all threads; threads that want different adapters
 * say so row by row, and take turns. In the middle of a pass of its own thread a change throws an
 * {@link IllegalStateException}.
 *
 * <pre>{@code
 * Adapters adapters = new Adapters(model);
 * adapters.load("birds", Path.of("birds-lora"));
 * adapters.load("cats", Path.of("cats-lora"));
 * adapters.activate("cats");
 * try (Adapters.Pause base = adapters.disable()) { ... }
 * Tensor logits = adapters.logits(input, Arrays.asList("cats", "birds", null)); // a row each
 * }</pre>
 */
public final class Adapters {
  /** The name whose adapter lies in the folder itself, others in sub-folders, as PEFT has it. */
  public static final String DEFAULT = "default";

  /** PEFT's name of no adapter at all. */
  private static final String BASE = "__base__";

  private static final Pattern NAME = Pattern.compile("[\\w-]+");

  private final Model model;
  private volatile Map<String, Adapter> adapters = Map.of();
  private volatile Set<String> active = Set.of();
  private Sum answering = new Sum(Map.of());
  private int pauses;

  /** None yet. */
  public Adapters(Model model) {
    this.model = model;
  }

  // ---- coming and going ----

  /**
   * Adds a new adapter, trainable and not active.
   *
   * @param seed of its initial values
   * @throws UsageException when the name is taken or cannot be one, or as {@link Adapter#attach}
   * @throws LorikeetException when adapters are merged, or the model has one beside this set
   */
  public Adapter add(String name, AdapterConfig config, long seed) {
    return add(name, () -> Adapter.attach(model, config, seed));
  }

  /**
   * Adds an adapter from a PEFT folder, frozen and not active.
   *
   * @throws UsageException when the name is taken or cannot be one
   * @throws LorikeetException as {@link AdapterFolder#open} and {@link AdapterFolder#attachTo}, and
   *     as {@link #add}
   */
  public Adapter load(String name, Path folder) {
    return load(name, AdapterFolder.open(folder));
  }

  /**
   * Adds an adapter from a PEFT folder that is open, frozen and not active; all else is as in
   * {@link #load(String, Path)}.
   */
  public Adapter load(String name, AdapterFolder folder) {
    return add(name, () -> folder.attachTo(model));
  }

  /**
   * Adds all adapters of a folder: {@value #DEFAULT} lies in it, others in sub-folders of their
   * names.
   *
   * @throws LorikeetException when there is none; as {@link #load}
   */
  public void loadAll(Path folder) {
    Map<String, Path> found = new LinkedHashMap<>();
    if (Files.isRegularFile(folder.resolve(AdapterFolder.CONFIG))) {
      found.put(DEFAULT, folder);
    }
    try (Stream<Path> inside = Files.list(folder)) {
      inside
          .filter(path -> Files.isRegularFile(path.resolve(AdapterFolder.CONFIG)))
          .sorted()
          .forEach(path -> found.putIfAbsent(path.getFileName().toString(), path));
    } catch (IOException e) {
      throw new LorikeetException("cannot read " + folder + ": " + e.getMessage(), e);
    }
    if (found.isEmpty()) {
      throw new LorikeetException(
          folder + " has no " + AdapterFolder.CONFIG + ", nor has a folder in it: give adapters");
    }
    found.forEach(this::load);
  }

  private interface Maker {
    Adapter make();
  }

  private Adapter add(String name, Maker maker) {
    try (Model.Lease alone = model.exclusive()) {
      mustBeNew(name);
      mustNotBeMerged();
      try (Pause base = disable()) {
        Adapter adapter = maker.make().keptInSet();
        Map<String, Adapter> more = new LinkedHashMap<>(adapters);
        more.put(name, adapter);
        adapters = Collections.unmodifiableMap(more);
        return adapter;
      }
    }
  }

  /**
   * Writes all adapters as PEFT does: {@value #DEFAULT} into the folder, others into sub-folders of
   * their names. The folder must exist.
   *
   * @param other keys of adapter_config.json that the methods do not set
   */
  public void save(ObjectNode other, Path folder) throws IOException {
    try (Model.Lease asItIs = model.share()) {
      for (Map.Entry<String, Adapter> entry : adapters.entrySet()) {
        Path own = entry.getKey().equals(DEFAULT) ? folder : folder.resolve(entry.getKey());
        Files.createDirectories(own);
        AdapterFolder.write(entry.getValue(), other, own);
      }
    }
  }

  /**
   * Frees an adapter, which must not be used again. If it was active, the others that were stay so.
   */
  public void delete(String name) {
    try (Model.Lease alone = model.exclusive()) {
      Adapter adapter = get(name);
      Set<String> others = new LinkedHashSet<>(active);
      if (others.remove(name)) {
        activate(others);
      }
      try (Pause base = disable()) {
        adapter.free();
        Map<String, Adapter> fewer = new LinkedHashMap<>(adapters);
        fewer.remove(name);
        adapters = Collections.unmodifiableMap(fewer);
      }
    }
  }

  /** Gives an adapter another name; it keeps its place in the order, and stays active if it was. */
  public void rename(String name, String newName) {
    try (Model.Lease alone = model.exclusive()) {
      get(name);
      mustBeNew(newName);
      Map<String, Adapter> renamed = new LinkedHashMap<>();
      adapters.forEach((key, adapter) -> renamed.put(key.equals(name) ? newName : key, adapter));
      adapters = Collections.unmodifiableMap(renamed);
      Set<String> stillActive = new LinkedHashSet<>();
      active.forEach(key -> stillActive.add(key.equals(name) ? newName : key));
      active = stillActive;
    }
  }

  // ---- what there is ----

  /** The names, in the order in which the adapters came. */
  public Set<String> names() {
    return adapters.keySet();
  }

  /** The names of those that answer, or would but for {@link #disable}. */
  public Set<String> active() {
    return Collections.unmodifiableSet(active);
  }

  /**
   * An adapter, for its parameters and settings; whether it answers is decided here.
   *
   * @throws UsageException when there is none of the name
   */
  public Adapter get(String name) {
    Adapter adapter = adapters.get(name);
    if (adapter == null) {
      throw new UsageException("no adapter is called \"" + name + "\"; " + whatThereIs());
    }
    return adapter;
  }

  private String whatThereIs() {
    return adapters.isEmpty() ? "there are none" : "there are " + String.join(", ", names());
  }

  private void mustBeNew(String name) {
    if (!NAME.matcher(name).matches() || name.equals(BASE)) {
      throw new UsageException(
          ("\"" + name + "\" cannot name an adapter: use letters, digits, _ and -, and not ")
              + (BASE + ", which is PEFT's name of the base"));
    }
    if (adapters.containsKey(name)) {
      throw new UsageException(
          "an adapter is called \"" + name + "\" already; " + whatThereIs() + ": choose another");
    }
  }

  // ---- who answers ----

  /** {@link #activate(Iterable)}. */
  public void activate(String... names) {
    activate(Arrays.asList(names));
  }

  /**
   * Lets these adapters answer and no others; none lets the base answer. Several answer with the
   * sum of their updates. A merge is taken back first.
   *
   * @throws UsageException when there is none of a name
   * @throws LorikeetException when they make no sum: a method does not add to the base's answer, or
   *     two of them train the same module whole; nothing is changed
   */
  public void activate(Iterable<String> names) {
    try (Model.Lease alone = model.exclusive()) {
      Map<String, Adapter> chosen = new LinkedHashMap<>();
      names.forEach(name -> chosen.put(name, get(name)));
      Sum sum = new Sum(chosen);
      leave();
      answering = sum;
      active = new LinkedHashSet<>(chosen.keySet());
      if (pauses == 0) {
        answering.in();
      }
    }
  }

  /** While it is open, the base answers, on all threads. */
  public interface Pause extends AutoCloseable {
    @Override
    void close();
  }

  /**
   * Lets the base answer until the pause is closed; then the active adapters do again, or those
   * that were activated meanwhile.
   *
   * @throws LorikeetException when adapters are merged
   */
  public Pause disable() {
    try (Model.Lease alone = model.exclusive()) {
      mustNotBeMerged();
      leave();
      pauses++;
      return this::endPause;
    }
  }

  private void endPause() {
    try (Model.Lease alone = model.exclusive()) {
      pauses--;
      if (pauses == 0) {
        answering.in();
      }
    }
  }

  /** Lets the base answer, if no adapter from elsewhere does. */
  private void leave() {
    answering.out();
    try {
      Adapter.mustBeFree(model);
    } catch (LorikeetException e) {
      answering.in();
      throw e;
    }
  }

  /**
   * Folds the active adapters into the base's weights, one after the other, as {@link
   * Adapter#merge} does.
   *
   * @return what each did, by name; the weights before are those that the one before it left
   * @throws LorikeetException as {@link Adapter#merge}, and while they are disabled; nothing is
   *     changed
   */
  public Map<String, MergeReceipt> merge() {
    try (Model.Lease alone = model.exclusive()) {
      if (pauses > 0) {
        throw new LorikeetException("the adapters are disabled and cannot be merged: enable them");
      }
      return answering.fold();
    }
  }

  /** Takes a merge back: the base's weights are the very bytes that they were. */
  public void unmerge() {
    try (Model.Lease alone = model.exclusive()) {
      if (isMerged()) {
        answering.out();
        answering.in();
      }
    }
  }

  /** Whether adapters are merged. */
  public boolean isMerged() {
    return adapters.values().stream().anyMatch(Adapter::isMerged);
  }

  private void mustNotBeMerged() {
    if (isMerged()) {
      throw new LorikeetException(
          "adapters "
              + String.join(", ", active)
              + " are merged into the base: unmerge them first");
    }
  }

  // ---- rows of different adapters ----

  /**
   * One forward pass whose rows are answered by different adapters, each as that adapter alone
   * would, whatever is active. It has the model to itself: such passes take turns.
   *
   * @param input B rows
   * @param rows for each row the name of its adapter, or null for the base
   * @return the logits of all rows, as {@link Model#logits}
   * @throws UsageException when there is none of a name, or there are more or fewer than rows
   * @throws LorikeetException when adapters are merged, or one of several changes what cannot be
   *     chosen row by row: it has virtual tokens, trains norms or embeddings whole, or adapts what
   *     all rows share
   */
  public Tensor logits(ModelInput input, List<@Nullable String> rows) {
    return answered(input, rows, model::logits);
  }

  /**
   * What the head reads in such a pass, as {@link Model#features}; all else is as in {@link
   * #logits}.
   */
  public Tensor features(ModelInput input, List<@Nullable String> rows) {
    return answered(input, rows, model::features);
  }

  private Tensor answered(
      ModelInput input, List<@Nullable String> rows, Function<ModelInput, Tensor> forward) {
    if (rows.size() != input.rows()) {
      throw new UsageException(
          rows.size() + " names of adapters for " + input.rows() + " rows: give one a row");
    }
    try (Model.Lease alone = model.exclusive()) {
      List<Optional<Adapter>> adapterOfRow =
          rows.stream().map(name -> Optional.ofNullable(name).map(this::get)).toList();
      Set<@Nullable String> names = new LinkedHashSet<>(rows);
      if (names.size() > 1) {
        mustAnswerRows(names.stream().filter(Objects::nonNull).toList());
      }
      try (Pause base = disable()) {
        return Scope.tidy(() -> routed(input, adapterOfRow, forward));
      }
    }
  }

  /**
   * Checks that adapters can answer rows of a batch in which others answer other rows.
   *
   * @throws UsageException when there is none of a name
   * @throws LorikeetException when one changes what cannot be chosen row by row, as in {@link
   *     #logits}
   */
  public void mustAnswerRows(Iterable<String> names) {
    Routable routable = new Routable(model);
    names.forEach(name -> routable.mustContain(name, get(name)));
  }

  private Tensor routed(
      ModelInput input, List<Optional<Adapter>> rows, Function<ModelInput, Tensor> forward) {
    RowGroups groups = RowGroups.of(rows, model.mode().device());
    if (groups.groups().size() > 1) {
      return new Routing(model, groups).answer(input, forward);
    }
    Optional<Adapter> alone = rows.get(0);
    try {
      alone.ifPresent(Adapter::in);
      return forward.apply(input);
    } finally {
      alone.ifPresent(Adapter::out);
    }
  }
}
