package dev.lorikeet.torch;

import ai.djl.pytorch.jni.LorikeetBridge;
import java.lang.ref.Cleaner;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A thread's random numbers. Each thread has its own, so that what runs on one draws the same
 * whatever the others do; libtorch has only one stream a device, which all threads share.
 *
 * <p>On the CPU they come from a generator that operations are handed, and are those that libtorch
 * itself would draw by the same seed. Operations that take no generator, and those on a GPU, draw
 * from libtorch's own, seeded for each of them anew while no other thread draws from it.
 */
final class ThreadGenerator {
  /** libtorch's own seed where nobody gives one. */
  private static final long DEFAULT_SEED = 67280421310721L;

  private static final Object DEFAULT_GENERATORS = new Object();
  private static final Cleaner CLEANER = Cleaner.create();

  private final long generator;
  private SplittableRandom seeds = new SplittableRandom(DEFAULT_SEED);

  ThreadGenerator() {
    long made = Torch.value("generator", DEFAULT_SEED);
    generator = made;
    CLEANER.register(this, () -> LorikeetBridge.deleteValue(made));
  }

  /** The IValue of the generator on the CPU. */
  long value() {
    return generator;
  }

  /** Begins anew, by a seed. */
  void seed(long seed) {
    Torch.integer("seed_", this, seed);
    seeds = new SplittableRandom(seed);
  }

  /** The result of a method whose last parameter is a generator, on a device. */
  static Tensor tensor(Device device, String method, @Nullable Object... arguments) {
    return device.isCuda()
        ? byDefaultGenerator(() -> Torch.tensor(method, with(null, arguments)))
        : Torch.tensor(method, with(Torch.generator(), arguments));
  }

  /** The same of a method with several results. */
  static List<Tensor> tensors(Device device, String method, @Nullable Object... arguments) {
    return device.isCuda()
        ? byDefaultGenerator(() -> Torch.tensors(method, with(null, arguments)))
        : Torch.tensors(method, with(Torch.generator(), arguments));
  }

  /** What an operation answers that draws from libtorch's own generators. */
  static <T> T byDefaultGenerator(Supplier<T> operation) {
    long seed = Torch.generator().seeds.nextLong();
    synchronized (DEFAULT_GENERATORS) {
      LorikeetBridge.seed(seed);
      return operation.get();
    }
  }

  private static @Nullable Object[] with(
      @Nullable ThreadGenerator generator, @Nullable Object[] arguments) {
    @Nullable Object[] all = Arrays.copyOf(arguments, arguments.length + 1);
    all[arguments.length] = generator;
    return all;
  }
}
