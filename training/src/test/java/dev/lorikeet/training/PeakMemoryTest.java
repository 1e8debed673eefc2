package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import org.junit.jupiter.api.Test;

class PeakMemoryTest {
  private static final int MIB = 1 << 20;

  private static void touch(long mebibytes) {
    try (Scope scope = Scope.open()) {
      Tensor.full(1, DType.UINT8, Device.CPU, mebibytes * MIB);
    }
  }

  @Test
  void thePeakSeesNativeMemoryEvenAfterItIsFreed() {
    touch(128);
    long first = PeakMemory.mib();
    assumeThat(first).as("this system reports peak memory").isPositive();
    assertThat(first).isGreaterThan(128);
    PeakMemory.reset();
    long second = PeakMemory.mib();
    assumeThat(second).as("this system lets the peak be reset").isLessThan(first);
    touch(64);
    // A little less than 64 where the allocator had some of it at hand.
    assertThat(PeakMemory.mib() - second).isGreaterThan(50);
  }
}
