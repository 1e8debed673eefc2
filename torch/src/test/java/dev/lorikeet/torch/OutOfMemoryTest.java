package dev.lorikeet.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class OutOfMemoryTest {
  @Test
  void whatNoAllocatorCanGiveIsSaidInOneLine() {
    try (Scope scope = Scope.open()) {
      // 2^50 bytes: more than a process can address.
      assertThatThrownBy(() -> Tensor.zeros(DType.FLOAT32, Device.CPU, 1L << 48))
          .isInstanceOf(OutOfMemory.class)
          .hasMessageStartingWith("out of memory: ")
          .hasMessageContaining("1125899906842624 bytes")
          .hasMessageNotContaining("\n");
    }
  }

  @Test
  void cudasWordsCountToo() {
    String cuda = "The following operation failed\nCUDA out of memory. Tried to allocate 2.00 GiB.";
    OutOfMemory found = new OutOfMemory(new RuntimeException(cuda));
    assertThat(found).hasMessage("out of memory: CUDA out of memory. Tried to allocate 2.00 GiB.");
    assertThat(OutOfMemory.is(new RuntimeException(cuda))).isTrue();
    assertThat(OutOfMemory.is(new RuntimeException("shapes do not match"))).isFalse();
    assertThat(OutOfMemory.is(new RuntimeException())).isFalse();
  }
}
