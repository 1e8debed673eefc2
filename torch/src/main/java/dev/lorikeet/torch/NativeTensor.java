package dev.lorikeet.torch;

import ai.djl.pytorch.jni.LorikeetBridge;
import java.util.concurrent.atomic.AtomicIntegerFieldUpdater;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongFieldUpdater;

/**
 * libtorch's side of a tensor, which several threads may use while another frees it: it counts its
 * users, takes none once it is freed, and is deleted by the last. A pointer that was deleted never
 * reaches native code.
 *
 * <p>Operations take and give values, all else takes handles: each is made of the other when it is
 * asked for first.
 */
final class NativeTensor {
  private static final AtomicLong LIVE = new AtomicLong();

  /** Added to the number of users once it is freed. */
  private static final int FREED = Integer.MIN_VALUE;

  private static final AtomicIntegerFieldUpdater<NativeTensor> USERS =
      AtomicIntegerFieldUpdater.newUpdater(NativeTensor.class, "users");
  private static final AtomicLongFieldUpdater<NativeTensor> VALUE =
      AtomicLongFieldUpdater.newUpdater(NativeTensor.class, "value");
  private static final AtomicLongFieldUpdater<NativeTensor> HANDLE =
      AtomicLongFieldUpdater.newUpdater(NativeTensor.class, "handle");

  private volatile int users;
  private volatile long value;
  private volatile long handle;

  /** What is done with a pointer. */
  @FunctionalInterface
  interface Use<T> {
    T of(long pointer);
  }

  /**
   * Owns libtorch's tensor from now on.
   *
   * @param value the IValue that holds it, or 0
   * @param handle the tensor's own handle, or 0
   */
  NativeTensor(long value, long handle) {
    this.value = value;
    this.handle = handle;
    LIVE.incrementAndGet();
  }

  /** How many there are in the process, not deleted yet. */
  static long live() {
    return LIVE.get();
  }

  boolean isFreed() {
    return users < 0;
  }

  /**
   * The value, which stays until {@link #release}.
   *
   * @throws IllegalStateException when it was freed
   */
  long acquireValue() {
    acquire();
    try {
      return value();
    } catch (RuntimeException e) {
      release();
      throw e;
    }
  }

  /**
   * The handle, which stays until {@link #release}.
   *
   * @throws IllegalStateException when it was freed
   */
  long acquireHandle() {
    acquire();
    try {
      return handle();
    } catch (RuntimeException e) {
      release();
      throw e;
    }
  }

  /**
   * Does something with the handle, which stays meanwhile.
   *
   * @throws IllegalStateException when it was freed
   */
  <T> T withHandle(Use<T> use) {
    long pointer = acquireHandle();
    try {
      return use.of(pointer);
    } finally {
      release();
    }
  }

  /** Lets nobody use it any more, and deletes it as soon as nobody does. */
  void free() {
    if (USERS.getAndUpdate(this, count -> count | FREED) == 0) {
      delete();
    }
  }

  /** Ends one {@link #acquireValue} or {@link #acquireHandle}. */
  void release() {
    if (USERS.decrementAndGet(this) == FREED) {
      delete();
    }
  }

  private void acquire() {
    int count;
    do {
      count = users;
      if (count < 0) {
        throw new IllegalStateException(Tensor.FREED);
      }
    } while (!USERS.compareAndSet(this, count, count + 1));
  }

  private long value() {
    if (value == 0) {
      long made = LorikeetBridge.valueOfTensor(handle);
      if (!VALUE.compareAndSet(this, 0, made)) {
        LorikeetBridge.deleteValue(made); // another thread was faster
      }
    }
    return value;
  }

  private long handle() {
    if (handle == 0) {
      long made = LorikeetBridge.toTensor(value);
      if (!HANDLE.compareAndSet(this, 0, made)) {
        LorikeetBridge.deleteTensor(made);
      }
    }
    return handle;
  }

  private void delete() {
    if (handle != 0) {
      LorikeetBridge.deleteTensor(handle);
    }
    if (value != 0) {
      LorikeetBridge.deleteValue(value);
    }
    LIVE.decrementAndGet();
  }
}
