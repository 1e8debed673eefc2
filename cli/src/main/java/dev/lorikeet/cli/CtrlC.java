package dev.lorikeet.cli;

import java.util.concurrent.CountDownLatch;

/**
 * Lets a run end in good order when the process is told to end, by Ctrl-C or SIGTERM: while this is
 * open, the process waits until it is closed. Its exit status is then the system's own, 128 and the
 * signal's number: 130 after Ctrl-C.
 */
final class CtrlC implements AutoCloseable {
  /** The exit status of what Ctrl-C ended. */
  static final int STATUS = 130;

  private final CountDownLatch closed = new CountDownLatch(1);
  private final Thread hook;
  private volatile boolean pressed;

  /** Listens. */
  CtrlC(Console console) {
    hook =
        new Thread(
            () -> {
              pressed = true;
              console.say("stopping after this step, to save a checkpoint");
              awaitClosed();
            },
            "ctrl-c");
    Runtime.getRuntime().addShutdownHook(hook);
  }

  private void awaitClosed() {
    try {
      closed.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Whether the process has been told to end. */
  boolean isPressed() {
    return pressed;
  }

  /** Listens no more. */
  @Override
  public void close() {
    closed.countDown();
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The process is ending: the hook has done its work.
    }
  }
}
