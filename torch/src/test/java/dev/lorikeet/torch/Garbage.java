package dev.lorikeet.torch;

import java.nio.ByteBuffer;

/** Makes the collector run and reuse memory, on the Java heap and off it. */
final class Garbage {
  private Garbage() {}

  /**
   * Collects, and overwrites what was freed: a dangling pointer into a collected buffer then reads
   * something else.
   *
   * @return a number that depends on all of it, so that nothing is optimised away
   */
  static int churn() {
    int sum = 0;
    System.gc();
    for (int i = 0; i < 64; i++) {
      ByteBuffer direct = ByteBuffer.allocateDirect(1 << 10);
      byte[] heap = new byte[1 << 14];
      for (int at = 0; at < direct.capacity(); at++) {
        direct.put(at, (byte) 0xA5);
      }
      heap[i] = 1;
      sum += direct.get(i) + heap[i];
    }
    System.gc();
    return sum;
  }
}
