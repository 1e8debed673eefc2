package dev.lorikeet.endtoend;

import dev.lorikeet.compare.TextModel;
import dev.lorikeet.data.Example;
import dev.lorikeet.models.ModelOptions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Closes a model that other threads ask, over and over. Prints how many of them ended with the
 * exception for a closed model: {@code refused N of N}.
 */
final class ClosedWhileAskedMain {
  private static final int ROUNDS = 3;
  private static final int THREADS = 4;

  private ClosedWhileAskedMain() {}

  /** Given a checkpoint and an adapter. */
  public static void main(String[] folders) throws InterruptedException {
    AtomicInteger refused = new AtomicInteger();
    List<Example> texts = TinyBase.examples(40);
    for (int round = 0; round < ROUNDS; round++) {
      TextModel model =
          TextModel.open(Path.of(folders[0]), Path.of(folders[1]), ModelOptions.DEFAULT, null);
      CountDownLatch answered = new CountDownLatch(THREADS);
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < THREADS; i++) {
        Thread thread = new Thread(() -> ask(model, texts, answered, refused));
        thread.start();
        threads.add(thread);
      }
      answered.await();
      model.close();
      model.close();
      for (Thread thread : threads) {
        thread.join();
      }
    }
    System.out.println("refused " + refused + " of " + ROUNDS * THREADS);
  }

  private static void ask(
      TextModel model, List<Example> texts, CountDownLatch answered, AtomicInteger refused) {
    try {
      while (true) {
        if (model.predict(texts).size() != texts.size()) {
          throw new IllegalStateException("not every text is answered");
        }
        answered.countDown();
      }
    } catch (IllegalStateException e) {
      if ("the model was closed".equals(e.getMessage())) {
        refused.incrementAndGet();
      } else {
        e.printStackTrace();
      }
    } finally {
      answered.countDown();
    }
  }
}
