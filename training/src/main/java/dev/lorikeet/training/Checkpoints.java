package dev.lorikeet.training;

import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Where the checkpoints of one run lie, {@code checkpoint-STEP} each, and whether the run goes on
 * from the newest. A run that goes on ends with the bytes that it would have had without the
 * interruption, on the same machine with the same number of threads.
 *
 * <p>No two runs may use a folder at once.
 */
public final class Checkpoints {
  private static final String PREFIX = "checkpoint-";
  private static final Pattern NAME = Pattern.compile(PREFIX + "(\\d{1,18})");

  /** What an interrupted write or deletion leaves. */
  private static final Pattern REMAINS =
      Pattern.compile("\\.lorikeet-.*\\.(?:tmp|lock)|\\.deleted-" + PREFIX + "\\d+");

  private final Path folder;
  private final boolean resume;
  private final Consumer<String> messages;
  private final BooleanSupplier stop;
  private final Supplier<Map<String, String>> identity;

  private Checkpoints(
      Path folder,
      boolean resume,
      Consumer<String> messages,
      BooleanSupplier stop,
      Supplier<Map<String, String>> identity) {
    this.folder = folder;
    this.resume = resume;
    this.messages = messages;
    this.stop = stop;
    this.identity = identity;
  }

  /** Checkpoints in a folder, which need not exist, of a run that starts at its beginning. */
  public static Checkpoints in(Path folder) {
    return new Checkpoints(folder, false, message -> {}, () -> false, Map::of);
  }

  /** The same for a run that goes on from the newest checkpoint, where there is one. */
  public Checkpoints resuming(boolean resumes) {
    return new Checkpoints(folder, resumes, messages, stop, identity);
  }

  /** The same, telling people what is found. */
  public Checkpoints messages(Consumer<String> consumer) {
    return new Checkpoints(folder, resume, consumer, stop, identity);
  }

  /** The same; after the step in which {@code request} becomes true the run is saved and ends. */
  public Checkpoints stoppingWhen(BooleanSupplier request) {
    return new Checkpoints(folder, resume, messages, request, identity);
  }

  /**
   * The same, with more that a run must have in common with the one that was saved, beside the
   * training settings, the examples and the parameters: values by the keys that users know. It is
   * asked once, and only for a run that is saved or goes on.
   */
  public Checkpoints identifiedBy(Supplier<Map<String, String>> more) {
    return new Checkpoints(
        folder,
        resume,
        messages,
        stop,
        () -> {
          Map<String, String> all = new LinkedHashMap<>(identity.get());
          all.putAll(more.get());
          return all;
        });
  }

  /** The folder. */
  public Path folder() {
    return folder;
  }

  Map<String, String> identity() {
    return identity.get();
  }

  boolean stopIsRequested() {
    return stop.getAsBoolean();
  }

  /** The folder of a step's checkpoint. */
  Path at(long step) {
    return folder.resolve(PREFIX + step);
  }

  /**
   * The checkpoint to go on from: the newest whose files are all as they were written. Null for a
   * run that starts at its beginning.
   *
   * @throws UsageException when there are checkpoints, and the run is not to go on from them
   */
  @Nullable RunCheckpoint newest() {
    List<Path> folders = newestFirst();
    if (!resume) {
      mustBeNone(folders);
      clear();
      return null;
    }
    clear();
    for (Path candidate : folders) {
      try {
        RunCheckpoint checkpoint = RunCheckpoint.open(candidate);
        messages.accept("going on from " + candidate);
        return checkpoint;
      } catch (LorikeetException e) {
        messages.accept(candidate + " is damaged and left out: " + e.getMessage());
      }
    }
    messages.accept("no complete checkpoint in " + folder + ": starting at the beginning");
    return null;
  }

  private void mustBeNone(List<Path> folders) {
    if (!folders.isEmpty()) {
      throw new UsageException(
          folder
              + " has checkpoints of an earlier run, the newest "
              + folders.get(0).getFileName()
              + ": give --resume to go on from there, or delete the folder to begin anew");
    }
  }

  /** Deletes what interrupted writes and deletions have left. */
  private void clear() {
    list(name -> REMAINS.matcher(name).matches()).forEach(RunCheckpoint::delete);
  }

  /** Deletes all checkpoints but so many of the newest; 0 for none. */
  void keep(int limit) {
    if (limit > 0) {
      newestFirst().stream().skip(limit).forEach(RunCheckpoint::delete);
    }
  }

  /** Deletes all checkpoints, and the folder if nothing else is in it. */
  public void deleteAll() {
    if (!Files.isDirectory(folder)) {
      return;
    }
    newestFirst().forEach(RunCheckpoint::delete);
    clear();
    if (list(name -> true).isEmpty()) {
      try {
        Files.delete(folder);
      } catch (IOException e) {
        throw new LorikeetException(folder + " cannot be deleted: " + e.getMessage(), e);
      }
    }
  }

  private List<Path> newestFirst() {
    return list(name -> NAME.matcher(name).matches()).stream()
        .sorted(Comparator.comparingLong(Checkpoints::step).reversed())
        .toList();
  }

  private static long step(Path checkpoint) {
    Matcher matcher = NAME.matcher(checkpoint.getFileName().toString());
    return matcher.matches() ? Long.parseLong(matcher.group(1)) : -1;
  }

  private List<Path> list(Predicate<String> names) {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> paths = Files.list(folder)) {
      return paths.filter(path -> names.test(path.getFileName().toString())).toList();
    } catch (IOException e) {
      throw new LorikeetException("cannot read " + folder + ": " + e.getMessage(), e);
    }
  }
}
