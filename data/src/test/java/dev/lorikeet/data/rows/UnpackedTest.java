package dev.lorikeet.data.rows;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.luben.zstd.Zstd;
import dev.lorikeet.torch.LorikeetException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import org.junit.jupiter.api.Test;

/** Packed bytes that are no data. */
class UnpackedTest {
  @Test
  void aSmallFileThatBecomesAHugeOneIsRefused() throws IOException {
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    byte[] member = Zstd.compress(new byte[1 << 20]);
    for (int i = 0; i < 1100; i++) {
      packed.write(member);
    }
    try (InputStream bomb = Unpacked.of("a.zst", new ByteArrayInputStream(packed.toByteArray()))) {
      byte[] buffer = new byte[1 << 20];
      assertThatThrownBy(
              () -> {
                while (bomb.read(buffer) >= 0) {
                  // Nothing of it is kept.
                }
              })
          .isExactlyInstanceOf(LorikeetException.class)
          .hasMessageMatching(
              "a\\.zst: [\\d,]+ packed bytes have become more than 1,07\\d,\\d{3},\\d{3}: unpack it"
                  + " first if that is right");
    }
  }
}
