package dev.lorikeet.torch;

import ai.djl.pytorch.jni.LorikeetBridge;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicReferenceFieldUpdater;
import org.jspecify.annotations.Nullable;

/**
 * An array of numbers in libtorch's memory, on the host or a GPU. A tensor belongs to the {@link
 * Scope} that frees it; every use of a freed tensor throws.
 *
 * <p>Threads: several may read a tensor, and one may free it meanwhile: operations under way end
 * with the values that they began with, later ones throw. One thread that changes a tensor in place
 * while others read it, or change it too, gives them undefined numbers.
 *
 * <p>Operations return new tensors and are recorded for a backward pass while {@link GradMode} is
 * enabled; names that end in {@code InPlace} change the tensor itself. Operations that are not
 * arithmetic or shape, such as attention, are in {@link Ops}.
 */
public final class Tensor {
  static final String FREED = "this tensor was freed with its Scope";

  private static final AtomicReferenceFieldUpdater<Tensor, @Nullable Scope> OWNER =
      AtomicReferenceFieldUpdater.newUpdater(Tensor.class, Scope.class, "owner");

  /** DJL's numbers for the types that it can take from a buffer. */
  private static final List<DType> DJL_TYPES =
      List.of(
          DType.FLOAT32,
          DType.FLOAT64,
          DType.FLOAT16,
          DType.UINT8,
          DType.INT32,
          DType.INT8,
          DType.INT64,
          DType.BOOL);

  private final NativeTensor memory;

  /** The scope that frees it; null once it was freed. */
  private volatile @Nullable Scope owner;

  private volatile long @Nullable [] shape;
  private volatile @Nullable DType dtype;

  private Tensor(NativeTensor memory) {
    this.memory = memory;
    Scope scope;
    try {
      scope = Scope.innermost();
    } catch (IllegalStateException e) {
      memory.free();
      throw e;
    }
    owner = scope;
    scope.receive(this);
  }

  /** A tensor that owns libtorch's, by the IValue that holds it. */
  static Tensor ofValue(long value) {
    return new Tensor(new NativeTensor(value, 0));
  }

  /** A tensor that owns libtorch's, by its own handle. */
  static Tensor ofHandle(long handle) {
    return new Tensor(new NativeTensor(0, handle));
  }

  // ---- making ----

  /** A tensor of the given values in row-major order, [shape], float32. */
  public static Tensor of(float[] values, long... shape) {
    ByteBuffer buffer = direct(values.length, DType.FLOAT32);
    buffer.asFloatBuffer().put(values);
    return of(buffer, DType.FLOAT32, shape);
  }

  /** A tensor of the given values in row-major order, [shape], int64. */
  public static Tensor of(long[] values, long... shape) {
    ByteBuffer buffer = direct(values.length, DType.INT64);
    buffer.asLongBuffer().put(values);
    return of(buffer, DType.INT64, shape);
  }

  /**
   * A tensor that copies little-endian bytes, [shape].
   *
   * @param direct a direct buffer with exactly as many bytes left as the shape needs
   * @throws IllegalArgumentException when it has not, or for a type that only files can bring
   */
  public static Tensor of(ByteBuffer direct, DType dtype, long... shape) {
    if (!direct.isDirect()) {
      throw new IllegalArgumentException("the buffer lies on the Java heap: allocate a direct one");
    }
    if (direct.remaining() != count(shape) * dtype.bytes()) {
      throw new IllegalArgumentException(
          direct.remaining() + " bytes for " + dtype + " " + Arrays.toString(shape));
    }
    int djlType = DJL_TYPES.indexOf(dtype);
    if (djlType < 0) {
      throw new IllegalArgumentException("no buffers of " + dtype + ": map a file or convert");
    }
    Torch.ready();
    try (Scope scope = Scope.open()) {
      return scope.keep(ofHandle(LorikeetBridge.fromBlob(direct.slice(), shape, djlType)).copy());
    } finally {
      Reference.reachabilityFence(direct);
    }
  }

  /** All zero, [shape]. */
  public static Tensor zeros(DType dtype, Device device, long... shape) {
    return Torch.tensor("zeros", shape, dtype.code(), device.name());
  }

  /** All {@code value}, [shape]. */
  public static Tensor full(double value, DType dtype, Device device, long... shape) {
    return Torch.tensor("full", shape, value, dtype.code(), device.name());
  }

  /** The integers from {@code start} to {@code end} − 1, [end − start], int64. */
  public static Tensor arange(long start, long end, Device device) {
    return Torch.tensor("arange", start, end, device.name());
  }

  /** Independent draws from N(mean, std²), [shape], float32, on the host. */
  public static Tensor normal(double mean, double std, long... shape) {
    return ThreadGenerator.tensor(Device.CPU, "normal", shape, mean, std);
  }

  /**
   * Independent draws from N(0, std²) without its tails beyond 2 std, [shape], float32, on the
   * host.
   */
  public static Tensor truncatedNormal(double std, long... shape) {
    return ThreadGenerator.tensor(Device.CPU, "truncated_normal", shape, std);
  }

  /** Independent draws from U[low, high), [shape], float32, on the host. */
  public static Tensor uniform(double low, double high, long... shape) {
    return ThreadGenerator.tensor(Device.CPU, "uniform", shape, low, high);
  }

  /**
   * The first {@code elements} elements of a file, [elements], mapped and read only when touched.
   * Writing to the tensor changes private copies of the touched pages, never the file.
   *
   * @throws LorikeetException when the file is shorter than that
   */
  public static Tensor map(Path file, DType dtype, long elements) {
    long needed = Math.multiplyExact(elements, (long) dtype.bytes());
    long size = file.toFile().length();
    if (size < needed) {
      throw new LorikeetException(file + " has " + size + " bytes, " + needed + " are asked for");
    }
    return Torch.tensor("from_file", file.toString(), elements, dtype.code());
  }

  // ---- what it is ----

  /** The size of each axis. */
  public long[] shape() {
    long[] sizes = shape;
    if (sizes == null) {
      sizes = memory.withHandle(LorikeetBridge::shape);
      shape = sizes;
    }
    return sizes.clone();
  }

  /** The size of one axis; a negative one counts from the last. */
  public long size(int axis) {
    long[] sizes = shape();
    return sizes[axis < 0 ? axis + sizes.length : axis];
  }

  /** The number of elements. */
  public long count() {
    return count(shape());
  }

  public DType dtype() {
    DType type = dtype;
    if (type == null) {
      int djlType = memory.withHandle(LorikeetBridge::djlType);
      type =
          djlType < DJL_TYPES.size()
              ? DJL_TYPES.get(djlType)
              : DType.ofCode(Torch.integer("dtype", this));
      dtype = type;
    }
    return type;
  }

  public Device device() {
    int[] typeAndIndex = memory.withHandle(LorikeetBridge::device);
    return typeAndIndex[0] == 0 ? Device.CPU : new Device("cuda:" + typeAndIndex[1]);
  }

  public boolean requiresGrad() {
    return Torch.bool("requires_grad", this); // DJL's own call says no of all but leaves
  }

  // ---- type, place, memory ----

  public Tensor to(DType type) {
    return type == dtype() ? this : Torch.tensor("to_dtype", this, type.code());
  }

  public Tensor to(Device device) {
    return device.equals(device()) ? this : Torch.tensor("to_device", this, device.name());
  }

  /** A copy with memory of its own. */
  public Tensor copy() {
    return Torch.tensor("clone", this);
  }

  /** The same memory, outside the graph of gradients. */
  public Tensor detach() {
    return ofHandle(memory.withHandle(LorikeetBridge::detach));
  }

  /**
   * The very same tensor, its place in the graph included, under a handle with a lifetime of its
   * own.
   */
  public Tensor alias() {
    return ofValue(memory.withHandle(LorikeetBridge::valueOfTensor));
  }

  public Tensor contiguous() {
    return Torch.tensor("contiguous", this);
  }

  /** Marks this leaf as one that gradients are asked for, or not. */
  public Tensor requiresGrad(boolean value) {
    memory.withHandle(
        handle -> {
          LorikeetBridge.requiresGrad(handle, value);
          return this;
        });
    return this;
  }

  /** Overwrites this tensor with {@code source}, converted to this one's type and device. */
  public void setInPlace(Tensor source) {
    inPlace("copy_", this, source);
  }

  /** Adds s·y to this tensor. */
  public void addInPlace(Tensor y, double s) {
    inPlace("add_", this, y, s);
  }

  private static void inPlace(String method, Object... arguments) {
    try (Scope scope = Scope.open();
        GradMode off = GradMode.disabled()) {
      Torch.tensor(method, arguments);
    }
  }

  // ---- arithmetic; shapes broadcast ----

  public Tensor add(Tensor y) {
    return Torch.tensor("add", this, y);
  }

  /** x + s·y. */
  public Tensor add(Tensor y, double s) {
    return Torch.tensor("add_scaled", this, y, s);
  }

  public Tensor add(double s) {
    return Torch.tensor("add_number", this, s);
  }

  public Tensor sub(Tensor y) {
    return Torch.tensor("sub", this, y);
  }

  public Tensor mul(Tensor y) {
    return Torch.tensor("mul", this, y);
  }

  public Tensor mul(double s) {
    return Torch.tensor("scale", this, s);
  }

  public Tensor div(Tensor y) {
    return Torch.tensor("div", this, y);
  }

  public Tensor pow(double exponent) {
    return Torch.tensor("pow", this, exponent);
  }

  public Tensor exp() {
    return Torch.tensor("exp", this);
  }

  public Tensor abs() {
    return Torch.tensor("abs", this);
  }

  public Tensor tanh() {
    return Torch.tensor("tanh", this);
  }

  public Tensor sigmoid() {
    return Torch.tensor("sigmoid", this);
  }

  public Tensor matmul(Tensor y) {
    return Torch.tensor("matmul", this, y);
  }

  /** Where elements are equal, bool. */
  public Tensor eq(Tensor y) {
    return Torch.tensor("eq", this, y);
  }

  /** Where elements equal a number, bool. */
  public Tensor eq(double y) {
    return Torch.tensor("eq_number", this, y);
  }

  /** Where elements differ from a number, bool. */
  public Tensor ne(double y) {
    return Torch.tensor("ne_number", this, y);
  }

  /** Where elements exceed a number, bool. */
  public Tensor gt(double y) {
    return Torch.tensor("gt_number", this, y);
  }

  // ---- reductions ----

  /** The sum of all elements, a scalar. */
  public Tensor sum() {
    return Torch.tensor("sum", this);
  }

  public Tensor sum(int axis, boolean keepAxis) {
    return Torch.tensor("sum_dim", this, axis, keepAxis);
  }

  /** The sums of the elements up to each along an axis; int64 for bool. */
  public Tensor cumsum(int axis) {
    return Torch.tensor("cumsum", this, axis);
  }

  public Tensor mean(int axis, boolean keepAxis) {
    return Torch.tensor("mean_dim", this, axis, keepAxis);
  }

  /** The largest element, a scalar. */
  public Tensor max() {
    return Torch.tensor("max", this);
  }

  /** The index of the largest element along an axis, int64. */
  public Tensor argmax(int axis) {
    return Torch.tensor("argmax", this, axis);
  }

  /** The Euclidean norm of all elements, a scalar. */
  public Tensor norm() {
    return norm(dtype());
  }

  /** The Euclidean norm of all elements, a scalar, summed up in another floating-point type. */
  public Tensor norm(DType type) {
    return Torch.tensor("norm", this, type.code());
  }

  /** The Euclidean norms along an axis, which goes, as float32. */
  public Tensor norm(int axis) {
    return Torch.tensor("norm_dim", this, axis);
  }

  // ---- shape ----

  public Tensor reshape(long... newShape) {
    return Torch.tensor("reshape", this, newShape);
  }

  public Tensor transpose(int a, int b) {
    return Torch.tensor("transpose", this, a, b);
  }

  /**
   * A view of {@code newShape} in row-major order that starts {@code offset} elements into memory.
   */
  public Tensor view(long offset, long... newShape) {
    long[] stride = new long[newShape.length];
    long step = 1;
    for (int i = newShape.length - 1; i >= 0; i--) {
      stride[i] = step;
      step *= newShape[i];
    }
    return Torch.tensor("as_strided", this, newShape, stride, offset);
  }

  public Tensor expand(long... newShape) {
    return Torch.tensor("expand", this, newShape);
  }

  public Tensor unsqueeze(int axis) {
    return Torch.tensor("unsqueeze", this, axis);
  }

  public Tensor squeeze(int axis) {
    return Torch.tensor("squeeze", this, axis);
  }

  /** The slice at one index of an axis, which disappears. */
  public Tensor select(int axis, long index) {
    return Torch.tensor("select", this, axis, index);
  }

  /** The slice of {@code length} indices of an axis from {@code start}. */
  public Tensor narrow(int axis, long start, long length) {
    return Torch.tensor("narrow", this, axis, start, length);
  }

  /** Slices of the given lengths, one after the other along an axis; views. */
  public List<Tensor> split(int axis, int... lengths) {
    return Torch.tensors("split", this, Arrays.stream(lengths).asLongStream().toArray(), axis);
  }

  /** The slices of an axis at {@code indices} [n], int64. */
  public Tensor index(int axis, Tensor indices) {
    return Torch.tensor("index_select", this, axis, indices);
  }

  /** This with its slices at {@code indices}, int64, of an axis replaced by those of source. */
  public Tensor replace(int axis, Tensor indices, Tensor source) {
    return Torch.tensor("index_copy", this, axis, indices, source);
  }

  public static Tensor cat(List<Tensor> tensors, int axis) {
    return Torch.tensor("cat", tensors, axis);
  }

  // ---- reading ----

  /** The one element of a tensor that has one. */
  public double item() {
    return Torch.number("number", this);
  }

  /** Whether all elements are finite. */
  public boolean isFinite() {
    return Torch.bool("all_finite", this);
  }

  /** Whether shape, type and every element are the same; NaN differs from itself. */
  public boolean sameAs(Tensor y) {
    return dtype() == y.dtype()
        && Arrays.equals(shape(), y.shape())
        && Torch.bool("equal", this, y);
  }

  /** All elements in row-major order, converted to float. */
  public float[] toFloats() {
    float[] values = new float[Math.toIntExact(count())];
    try (Scope scope = Scope.open()) {
      to(DType.FLOAT32).hostMemory().asFloatBuffer().get(values);
    }
    return values;
  }

  /** All elements in row-major order, converted to long. */
  public long[] toLongs() {
    long[] values = new long[Math.toIntExact(count())];
    try (Scope scope = Scope.open()) {
      to(DType.INT64).hostMemory().asLongBuffer().get(values);
    }
    return values;
  }

  /** A copy of all elements in row-major order, little-endian, in this type, on the Java heap. */
  public byte[] toBytes() {
    try (Scope scope = Scope.open()) {
      ByteBuffer memory = hostMemory();
      byte[] bytes = new byte[memory.remaining()];
      memory.get(bytes);
      return bytes;
    }
  }

  /**
   * This tensor's own memory when it lies contiguous on the host, else a copy's. Valid until the
   * innermost scope closes, which keeps the memory even if the tensor is freed before.
   */
  public ByteBuffer hostMemory() {
    if (count() == 0) {
      return ByteBuffer.allocateDirect(0);
    }
    Tensor host = to(Device.CPU).detach().contiguous();
    return host.memory.withHandle(LorikeetBridge::memory).order(ByteOrder.LITTLE_ENDIAN);
  }

  @Override
  public String toString() {
    return owner == null ? "Tensor (freed)" : dtype() + " " + Arrays.toString(shape());
  }

  // ---- lifetime ----

  /** How many tensors exist: not freed yet, in the whole process. For leak tests. */
  public static long live() {
    return NativeTensor.live();
  }

  /** libtorch's side, for operations. */
  NativeTensor memory() {
    return memory;
  }

  boolean belongsTo(Scope scope) {
    return owner == scope;
  }

  /**
   * Lets another scope free it from now on.
   *
   * @throws IllegalStateException when it was freed
   */
  void moveTo(Scope scope) {
    Scope before;
    do {
      before = owner;
      if (before == null) {
        throw new IllegalStateException(FREED);
      }
    } while (!OWNER.compareAndSet(this, before, scope));
  }

  /** Frees it if it belongs to a scope, and says whether it did. */
  boolean freeFrom(Scope scope) {
    boolean own = OWNER.compareAndSet(this, scope, null);
    if (own) {
      memory.free();
    }
    return own;
  }

  private static long count(long[] shape) {
    long count = 1;
    for (long size : shape) {
      count = Math.multiplyExact(count, size);
    }
    return count;
  }

  private static ByteBuffer direct(int count, DType dtype) {
    return ByteBuffer.allocateDirect(Math.multiplyExact(count, dtype.bytes()))
        .order(ByteOrder.LITTLE_ENDIAN);
  }
}
