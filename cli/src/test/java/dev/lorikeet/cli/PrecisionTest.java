package dev.lorikeet.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.UsageException;
import org.junit.jupiter.api.Test;

class PrecisionTest {
  @Test
  void namesAreThoseOfTorchAndTheirShortForms() {
    assertThat(Precision.of("float32", Device.CPU)).isEqualTo(DType.FLOAT32);
    assertThat(Precision.of("fp32", Device.CPU)).isEqualTo(DType.FLOAT32);
    assertThat(Precision.of("bfloat16", Device.CPU)).isEqualTo(DType.BFLOAT16);
    assertThat(Precision.of("bf16", Device.CPU)).isEqualTo(DType.BFLOAT16);
  }

  @Test
  void autoIsOneOfThem() {
    assertThat(Precision.of("auto", Device.CPU)).isIn(DType.FLOAT32, DType.BFLOAT16);
  }

  @Test
  void float16IsForGpus() {
    assertThat(Precision.of("float16", new Device("cuda:0"))).isEqualTo(DType.FLOAT16);
    assertThatThrownBy(() -> Precision.of("fp16", Device.CPU))
        .isInstanceOf(UsageException.class)
        .hasMessage(
            "precision is float16 and device is cpu: use bfloat16 or float32 there, or a GPU");
  }

  @Test
  void othersAreRefused() {
    assertThatThrownBy(() -> Precision.of("int8", Device.CPU))
        .isInstanceOf(UsageException.class)
        .hasMessage("unknown precision \"int8\": use float32, bfloat16, float16 or auto");
  }
}
