package dev.lorikeet.training.tracking;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EventFileTest {
  @TempDir Path temporary;

  @Test
  void checksumsAreMaskedAsTfRecordMasksThem() {
    // CRC32C of "123456789" is e3069283 (RFC 3720 and every catalogue of checksums). Turned right
    // by 15 bits that is 2507c60d; and 2507c60d + a282ead8 = c78ab0e5.
    byte[] digits = "123456789".getBytes(StandardCharsets.US_ASCII);
    assertThat(EventFile.maskedCrc(digits, 9)).isEqualTo(0xc78ab0e5);
  }

  @Test
  void recordsAreFramedLittleEndian() throws IOException {
    try (EventFile file = EventFile.create(temporary, 1)) {
      file.write(EventMessages.version(0));
    }
    byte[] bytes = Files.readAllBytes(files().get(0));
    // file_version is field 3, of 13 characters; wall time and step are zero and take no room.
    assertThat(bytes).hasSize(8 + 4 + 15 + 4);
    assertThat(bytes).startsWith(15, 0, 0, 0, 0, 0, 0, 0);
    assertThat(new String(bytes, 12, 15, StandardCharsets.US_ASCII))
        .isEqualTo("\u001a\rbrain.Event:2");
  }

  @Test
  void twoFilesOfOneSecondAreTwo() throws IOException {
    EventFile.create(temporary, 1_700_000_000).close();
    EventFile.create(temporary, 1_700_000_000).close();
    assertThat(files()).hasSize(2);
    assertThat(files().get(0).getFileName().toString())
        .startsWith("events.out.tfevents.1700000000.");
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> files = Files.list(temporary)) {
      return files.sorted().toList();
    }
  }
}
