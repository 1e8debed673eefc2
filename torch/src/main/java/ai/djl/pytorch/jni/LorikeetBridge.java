package ai.djl.pytorch.jni;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;

/**
 * The one door to DJL's native calls. It lives in DJL's package because the class that declares
 * them, {@code PyTorchLibrary}, is package-private, and because the public way to call a
 * TorchScript method ({@code IValueUtils.runMethod}) always runs in inference mode, without
 * autograd.
 *
 * <p>Handles are native pointers. Passing one that was deleted is a segmentation fault, so only
 * {@code dev.lorikeet.torch} calls this class, through wrappers that check.
 */
@org.jspecify.annotations.NullMarked
public final class LorikeetBridge {
  private static final int STRIDED = 0;
  private static final int[] CPU = {0, -1};

  private LorikeetBridge() {}

  public static long loadModule(InputStream archive) throws IOException {
    return JniUtils.loadModuleHandle(archive, ai.djl.Device.cpu(), true, false);
  }

  /**
   * Runs a method with autograd as the thread's grad mode says.
   *
   * @param inference whether in libtorch's inference mode instead, which keeps no books for it
   */
  public static long run(long module, String method, long[] arguments, boolean inference) {
    return PyTorchLibrary.LIB.moduleRunMethod(module, method, arguments, !inference, false);
  }

  /**
   * A tensor over the buffer's memory, which must outlive it. {@code djlType} as DJL numbers types.
   */
  public static long fromBlob(ByteBuffer direct, long[] shape, int djlType) {
    return PyTorchLibrary.LIB.torchFromBlob(direct, shape, djlType, STRIDED, CPU, false);
  }

  /** The memory of a contiguous CPU tensor under 2 GiB. */
  public static ByteBuffer memory(long tensor) {
    return PyTorchLibrary.LIB.torchDirectByteBuffer(tensor);
  }

  public static long[] shape(long tensor) {
    return PyTorchLibrary.LIB.torchSizes(tensor);
  }

  /** The type as DJL numbers types; 9 where DJL has no number for it. */
  public static int djlType(long tensor) {
    return PyTorchLibrary.LIB.torchDType(tensor);
  }

  /** The device's type (0 CPU, 1 CUDA) and index. */
  public static int[] device(long tensor) {
    return PyTorchLibrary.LIB.torchDevice(tensor);
  }

  public static void requiresGrad(long tensor, boolean requires) {
    PyTorchLibrary.LIB.torchAttachGrad(tensor, requires);
  }

  public static long detach(long tensor) {
    return PyTorchLibrary.LIB.torchDetachGrad(tensor);
  }

  public static void deleteTensor(long tensor) {
    PyTorchLibrary.LIB.torchDeleteTensor(tensor);
  }

  public static void deleteValue(long value) {
    PyTorchLibrary.LIB.torchDeleteIValue(value);
  }

  public static long valueOf(boolean value) {
    return PyTorchLibrary.LIB.iValueFromBool(value);
  }

  public static long valueOf(long value) {
    return PyTorchLibrary.LIB.iValueFromLong(value);
  }

  public static long valueOf(double value) {
    return PyTorchLibrary.LIB.iValueFromDouble(value);
  }

  public static long valueOf(String value) {
    return PyTorchLibrary.LIB.iValueFromString(value);
  }

  public static long valueOf(long[] value) {
    return PyTorchLibrary.LIB.iValueFromLongList(value);
  }

  public static long valueOfTensor(long tensor) {
    return PyTorchLibrary.LIB.iValueFromTensor(tensor);
  }

  public static long valueOfTensors(long[] tensors) {
    return PyTorchLibrary.LIB.iValueFromTensorList(tensors);
  }

  public static long toTensor(long value) {
    return PyTorchLibrary.LIB.iValueToTensor(value);
  }

  public static long[] toTensors(long value) {
    return PyTorchLibrary.LIB.iValueToTensorList(value);
  }

  public static boolean toBool(long value) {
    return PyTorchLibrary.LIB.iValueToBool(value);
  }

  public static long toLong(long value) {
    return PyTorchLibrary.LIB.iValueToLong(value);
  }

  public static double toDouble(long value) {
    return PyTorchLibrary.LIB.iValueToDouble(value);
  }

  public static String toText(long value) {
    return PyTorchLibrary.LIB.iValueToString(value);
  }

  public static boolean gradMode() {
    return PyTorchLibrary.LIB.torchIsGradMode();
  }

  public static void gradMode(boolean enabled) {
    PyTorchLibrary.LIB.torchSetGradMode(enabled);
  }

  public static void seed(long seed) {
    PyTorchLibrary.LIB.torchManualSeed(seed);
  }

  public static void threads(int threads) {
    PyTorchLibrary.LIB.torchSetNumThreads(threads);
  }

  public static int threads() {
    return PyTorchLibrary.LIB.torchGetNumThreads();
  }

  /**
   * Per thread: the profiling executor re-specialises methods for each shape; off, it is as fast.
   */
  public static void graphOptimizer(boolean enabled) {
    PyTorchLibrary.LIB.setGraphExecutorOptimize(enabled);
  }
}
