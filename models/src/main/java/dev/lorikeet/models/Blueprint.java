package dev.lorikeet.models;

import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A model of which only config.json is known: every tensor that its checkpoint has, by name and
 * shape, in the order of the architecture, and how it would be drawn. No weight is made, whatever
 * the model's size.
 *
 * <p>The architecture is built as always; what it asks its {@link Weights} for is written down, and
 * one zero, seen everywhere, stands in its place. So {@link #model} can be walked, and adapters can
 * be attached to count what they would train; what it computes means nothing.
 */
public final class Blueprint implements AutoCloseable {
  private final Map<String, Entry> entries = new LinkedHashMap<>();
  private final Model model;

  private Blueprint(ModelConfig config, @Nullable Checkpoint checkpoint, ModelOptions options) {
    model = Model.planned(config, checkpoint, options, entries);
  }

  /**
   * The blueprint of a model.
   *
   * @param options the head, the seed, and how weights are drawn ({@code scratch})
   * @throws dev.lorikeet.torch.LorikeetException when config.json lacks a value, or names a model
   *     that is not supported
   */
  public static Blueprint of(ModelConfig config, ModelOptions options) {
    return new Blueprint(config, null, options);
  }

  /**
   * The blueprint of a model that is there: of its weights the names and shapes are read, so that
   * {@link Model#newModules} are those that the checkpoint lacks.
   *
   * @throws dev.lorikeet.torch.LorikeetException as {@link Model#open}
   */
  public static Blueprint of(Checkpoint checkpoint, ModelOptions options) {
    return new Blueprint(ModelConfig.read(checkpoint.folder()), checkpoint, options);
  }

  /** A tensor that is not there yet: its place in the checkpoint, and how it is drawn. */
  public static final class Entry {
    private final String name;
    private final long[] shape;
    private final long seed;
    private final Supplier<Tensor> draw;

    Entry(String name, long[] shape, long seed, Supplier<Tensor> draw) {
      this.name = name;
      this.shape = shape.clone();
      this.seed = seed;
      this.draw = draw;
    }

    public String name() {
      return name;
    }

    public long[] shape() {
      return shape.clone();
    }

    /** The number of elements. */
    public long count() {
      return Arrays.stream(shape).reduce(1, Math::multiplyExact);
    }

    /**
     * The tensor with its first values, the same each time: they depend on the seed and the name
     * alone.
     *
     * @return [shape], float32, on the CPU, in the innermost scope
     */
    public Tensor draw() {
      Torch.seed(seed);
      return draw.get();
    }

    @Override
    public String toString() {
      return name + " " + Arrays.toString(shape);
    }
  }

  /** All tensors by name, in the order of the architecture. */
  public Map<String, Entry> tensors() {
    return Collections.unmodifiableMap(entries);
  }

  /** The number of all tensors' elements: the model's parameters. */
  public long count() {
    return entries.values().stream().mapToLong(Entry::count).sum();
  }

  /** The model itself, with names, shapes and places for adapters but no values. */
  public Model model() {
    return model;
  }

  /** Closes the model, and with it adapters that were attached. */
  @Override
  public void close() {
    model.close();
  }
}
