package dev.lorikeet.torch;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Frees tensors that other threads compute with, over and over. Prints {@code wrong}, the number of
 * answers that were neither right nor the exception, {@code refused}, and {@code live}, how many
 * tensors were left.
 */
final class FreedWhileUsedMain {
  private static final int ROUNDS = 100;
  private static final int THREADS = 4;
  private static final int SIZE = 64;

  private FreedWhileUsedMain() {}

  public static void main(String[] arguments) throws InterruptedException {
    AtomicLong wrong = new AtomicLong();
    AtomicLong refused = new AtomicLong();
    long before = Tensor.live();
    for (int round = 0; round < ROUNDS; round++) {
      Scope weights = Scope.unbound();
      List<Tensor> shared = new ArrayList<>();
      try (Scope scope = Scope.open()) {
        for (int i = 0; i < 4; i++) {
          shared.add(weights.adopt(Tensor.full(1, DType.FLOAT32, Device.CPU, SIZE, SIZE)));
        }
      }
      CountDownLatch started = new CountDownLatch(THREADS);
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < THREADS; i++) {
        Thread thread = new Thread(() -> use(shared, started, wrong, refused));
        thread.start();
        threads.add(thread);
      }
      started.await();
      weights.close();
      for (Thread thread : threads) {
        thread.join();
      }
    }
    System.out.println("wrong " + wrong);
    System.out.println("refused " + refused);
    System.out.println("live " + (Tensor.live() - before));
  }

  /** Computes with the tensors until they are freed. */
  private static void use(
      List<Tensor> shared, CountDownLatch started, AtomicLong wrong, AtomicLong refused) {
    boolean first = true;
    while (true) {
      try (Scope scope = Scope.open()) {
        for (Tensor x : shared) {
          float[] values = x.matmul(x.transpose(0, 1)).toFloats();
          if (values[0] != SIZE || x.size(0) != SIZE || Tensor.cat(shared, 0).count() == 0) {
            wrong.incrementAndGet();
          }
          x.detach().alias().requiresGrad();
        }
      } catch (IllegalStateException e) {
        if (!Tensor.FREED.equals(e.getMessage())) {
          wrong.incrementAndGet();
        }
        refused.incrementAndGet();
        return;
      } finally {
        if (first) {
          first = false;
          started.countDown();
        }
      }
    }
  }
}
