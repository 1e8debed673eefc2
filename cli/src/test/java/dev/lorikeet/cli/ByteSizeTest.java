package dev.lorikeet.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.torch.UsageException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ByteSizeTest {
  @Test
  void unitsAreDecimalOrBinary() {
    assertThat(ByteSize.of("5GB")).isEqualTo(5_000_000_000L);
    assertThat(ByteSize.of("200MB")).isEqualTo(200_000_000L);
    assertThat(ByteSize.of("3KB")).isEqualTo(3000);
    assertThat(ByteSize.of("1GiB")).isEqualTo(1_073_741_824L);
    assertThat(ByteSize.of("2MiB")).isEqualTo(2_097_152);
    assertThat(ByteSize.of("1KiB")).isEqualTo(1024);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "5", "GB", "5 GB", "5gb", "-1GB", "0GB", "1.5GB", "9999999999GB"})
  void whatIsNoSize(String text) {
    assertThatThrownBy(() -> ByteSize.of(text))
        .isInstanceOf(UsageException.class)
        .hasMessage("\"%s\" is no size: write 5GB, 200MB or 1GiB for example", text);
  }
}
