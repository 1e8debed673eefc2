package dev.lorikeet.models;

import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * Who may use a model now: passes share it, a change has it alone, and nobody gets it once it is
 * closed. A thread that waits to change it is not overtaken by ever new passes.
 */
final class ModelLock {
  private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
  private boolean closed;

  /** The model together with others. */
  Model.Lease share() {
    return lease(lock.readLock());
  }

  /** The model alone. */
  Model.Lease exclusive() {
    mustNotShare("changed");
    return lease(lock.writeLock());
  }

  /** Ends its use for good: {@code free} runs once, as soon as nobody has it. */
  void close(Runnable free) {
    mustNotShare("closed");
    lock.writeLock().lock();
    try {
      if (!closed) {
        closed = true;
        free.run();
      }
    } finally {
      lock.writeLock().unlock();
    }
  }

  private Model.Lease lease(Lock held) {
    held.lock();
    if (closed) {
      held.unlock();
      throw new IllegalStateException("the model was closed");
    }
    return held::unlock;
  }

  /** A thread that waited for the end of its own pass would wait for ever. */
  private void mustNotShare(String what) {
    if (lock.getReadHoldCount() > 0 && !lock.isWriteLockedByCurrentThread()) {
      throw new IllegalStateException(
          ("the model cannot be " + what + " in the middle of a pass, prediction or generation of")
              + " this thread: do it afterwards");
    }
  }
}
