package dev.lorikeet.torch;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.engine.StandardCapabilities;
import ai.djl.pytorch.jni.LorikeetBridge;
import ai.djl.util.Utils;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.jspecify.annotations.Nullable;

/**
 * The engine: starts libtorch through DJL, compiles the op library and calls its methods.
 *
 * <p>libtorch compiles TorchScript <em>source</em> when it loads an archive. So an archive without
 * weights, made here from {@code ops.py}, gives Java every ATen operation with autograd, at the
 * price of one native call.
 */
public final class Torch {
  private static final String OPS = "ops.py";
  private static final String VERSION = "10\n";

  /** {@code GLOBAL __torch__ Ops; EMPTY_TUPLE; NEWOBJ; EMPTY_DICT; BUILD; STOP}. */
  private static final byte[] MODULE_PICKLE = pickle("c__torch__\nOps\n)\u0081}b.");

  private static final byte[] CONSTANTS_PICKLE = pickle(").");

  private static final Engine ENGINE = startEngine();
  private static final long MODULE = loadOps();

  private static final long NONE = LorikeetBridge.run(MODULE, "none", new long[0], false);
  private static final ThreadLocal<ThreadState> STATE = ThreadLocal.withInitial(Torch::readyThread);

  private Torch() {}

  /** The libtorch version, such as {@code 2.7.1}. */
  public static String version() {
    return ENGINE.getVersion();
  }

  /** The number of CUDA devices that this build of libtorch can use. */
  public static int gpuCount() {
    return ENGINE.hasCapability(StandardCapabilities.CUDA) ? ENGINE.getGpuCount() : 0;
  }

  /**
   * Seeds this thread's random numbers, on every device. Initialisation and dropout draw them. Each
   * thread has numbers of its own: what other threads draw, or how they are seeded, changes none of
   * them.
   */
  public static void seed(long seed) {
    generator().seed(seed);
  }

  /** Sets the number of CPU threads that one operation may use. */
  public static void threads(int threads) {
    if (threads < 1) {
      throw new UsageException("threads is " + threads + ": use at least 1");
    }
    LorikeetBridge.threads(threads);
  }

  public static int threads() {
    return LorikeetBridge.threads();
  }

  /**
   * The instructions that libtorch's own kernels use here: {@code NO AVX}, {@code AVX2} or {@code
   * AVX512} on x86-64. It is what the CPU has, unless {@code ATEN_CPU_CAPABILITY} asked for less as
   * the process started.
   */
  public static String cpuCapability() {
    return text("cpu_capability");
  }

  static Tensor tensor(String method, @Nullable Object... arguments) {
    return Tensor.ofValue(value(method, arguments));
  }

  static List<Tensor> tensors(String method, @Nullable Object... arguments) {
    long value = value(method, arguments);
    try {
      return java.util.Arrays.stream(LorikeetBridge.toTensors(value))
          .mapToObj(Tensor::ofHandle)
          .toList();
    } finally {
      LorikeetBridge.deleteValue(value);
    }
  }

  static boolean bool(String method, @Nullable Object... arguments) {
    long value = value(method, arguments);
    try {
      return LorikeetBridge.toBool(value);
    } finally {
      LorikeetBridge.deleteValue(value);
    }
  }

  static long integer(String method, @Nullable Object... arguments) {
    long value = value(method, arguments);
    try {
      return LorikeetBridge.toLong(value);
    } finally {
      LorikeetBridge.deleteValue(value);
    }
  }

  static double number(String method, @Nullable Object... arguments) {
    long value = value(method, arguments);
    try {
      return LorikeetBridge.toDouble(value);
    } finally {
      LorikeetBridge.deleteValue(value);
    }
  }

  static String text(String method, @Nullable Object... arguments) {
    long value = value(method, arguments);
    try {
      return LorikeetBridge.toText(value);
    } finally {
      LorikeetBridge.deleteValue(value);
    }
  }

  /** What a thread is set to. */
  static final class ThreadState {
    boolean inference;
    private @Nullable ThreadGenerator generator;
  }

  /** Makes sure that the engine runs and that this thread's settings are ours. */
  static ThreadState ready() {
    return STATE.get();
  }

  /** This thread's random numbers. */
  static ThreadGenerator generator() {
    ThreadState thread = ready();
    if (thread.generator == null) {
      thread.generator = new ThreadGenerator();
    }
    return thread.generator;
  }

  /** What a method answers, an IValue that the caller deletes. */
  static long value(String method, @Nullable Object... arguments) {
    boolean inference = ready().inference;
    long[] values = new long[arguments.length];
    int given = 0;
    try {
      while (given < values.length) {
        values[given] = give(arguments[given]);
        given++;
      }
      return LorikeetBridge.run(MODULE, method, values, inference);
    } catch (EngineException e) {
      throw OutOfMemory.is(e) ? new OutOfMemory(e) : e;
    } finally {
      while (given > 0) {
        given--;
        takeBack(arguments[given], values[given]);
      }
    }
  }

  /** The IValue of an argument, until {@link #takeBack}. */
  private static long give(@Nullable Object argument) {
    if (argument == null) {
      return NONE;
    } else if (argument instanceof Tensor tensor) {
      return tensor.memory().acquireValue();
    } else if (argument instanceof ThreadGenerator generator) {
      return generator.value();
    } else if (argument instanceof List<?> tensors) {
      return listOf(tensors);
    } else if (argument instanceof Double number) {
      return LorikeetBridge.valueOf(number.doubleValue());
    } else if (argument instanceof Integer number) {
      return LorikeetBridge.valueOf(number.longValue());
    } else if (argument instanceof Long number) {
      return LorikeetBridge.valueOf(number.longValue());
    } else if (argument instanceof Boolean flag) {
      return LorikeetBridge.valueOf(flag.booleanValue());
    } else if (argument instanceof String text) {
      return LorikeetBridge.valueOf(text);
    } else if (argument instanceof long[] numbers) {
      return LorikeetBridge.valueOf(numbers);
    }
    throw new IllegalArgumentException("no IValue for " + argument.getClass());
  }

  private static void takeBack(@Nullable Object argument, long value) {
    if (argument instanceof Tensor tensor) {
      tensor.memory().release();
    } else if (argument != null && !(argument instanceof ThreadGenerator)) {
      LorikeetBridge.deleteValue(value);
    }
  }

  /** An IValue that holds tensors, and keeps them. */
  private static long listOf(List<?> tensors) {
    long[] handles = new long[tensors.size()];
    int given = 0;
    try {
      while (given < handles.length) {
        handles[given] = ((Tensor) tensors.get(given)).memory().acquireHandle();
        given++;
      }
      return LorikeetBridge.valueOfTensors(handles);
    } finally {
      while (given > 0) {
        given--;
        ((Tensor) tensors.get(given)).memory().release();
      }
    }
  }

  private static ThreadState readyThread() {
    LorikeetBridge.graphOptimizer(false);
    LorikeetBridge.gradMode(false);
    return new ThreadState();
  }

  private static Engine startEngine() {
    if (System.getProperty("ai.djl.offline") == null) {
      System.setProperty("ai.djl.offline", "true");
    }
    for (String library : List.of("pytorch", "tokenizers")) {
      ExtractedNatives.removeAbandoned(
          Utils.getEngineCacheDir(library), "tmp", Duration.ofHours(1)); // first uses, cut off
    }
    Engine engine = Engine.getEngine("PyTorch");
    engine.newBaseManager(Device.cpu()).close();
    return engine;
  }

  private static long loadOps() {
    try (InputStream text = Torch.class.getResourceAsStream(OPS)) {
      if (text == null) {
        throw new IllegalStateException(OPS + " is missing from the jar");
      }
      String ops = new String(text.readAllBytes(), StandardCharsets.UTF_8);
      return LorikeetBridge.loadModule(new ByteArrayInputStream(archive(moduleSource(ops))));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Makes the functions of {@code ops.py} methods of a module: the class around them, {@code self}
   * typed.
   */
  private static String moduleSource(String ops) {
    StringBuilder source =
        new StringBuilder("class Ops(Module):\n  __parameters__ = []\n  __buffers__ = []\n");
    ops.lines()
        .filter(line -> !line.isBlank() && !line.startsWith("#"))
        .map(
            line ->
                line.startsWith("def ")
                    ? line.replaceFirst("\\(self", "(self: __torch__.Ops")
                    : line)
        .forEach(line -> source.append("  ").append(line).append('\n'));
    return source.toString();
  }

  /**
   * A TorchScript archive: an uncompressed zip of the module's pickle, its constants and its code.
   */
  private static byte[] archive(String source) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      zip.setMethod(ZipOutputStream.STORED);
      store(zip, "ops/data.pkl", MODULE_PICKLE);
      store(zip, "ops/constants.pkl", CONSTANTS_PICKLE);
      store(zip, "ops/version", VERSION.getBytes(StandardCharsets.US_ASCII));
      store(zip, "ops/code/__torch__.py", source.getBytes(StandardCharsets.UTF_8));
    }
    return bytes.toByteArray();
  }

  private static void store(ZipOutputStream zip, String name, byte[] content) throws IOException {
    CRC32 crc = new CRC32();
    crc.update(content);
    ZipEntry entry = new ZipEntry(name);
    entry.setSize(content.length);
    entry.setCrc(crc.getValue());
    zip.putNextEntry(entry);
    zip.write(content);
    zip.closeEntry();
  }

  /** Protocol 2's header, then the opcodes. */
  private static byte[] pickle(String opcodes) {
    return ("\u0080\u0002" + opcodes).getBytes(StandardCharsets.ISO_8859_1);
  }
}
