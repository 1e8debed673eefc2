package dev.lorikeet.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PrecisionTest {
  @Test
  void namesAreThoseOfTorchAndTheirShortForms() {
    assertThat(Precision.of("float32", Device.CPU)).isEqualTo(DType.FLOAT32);
    assertThat(Precision.of("fp32", Device.CPU)).isEqualTo(DType.FLOAT32);
    assertThat(Precision.of("bfloat16", Device.CPU)).isEqualTo(DType.BFLOAT16);
    assertThat(Precision.of("bf16", Device.CPU)).isEqualTo(DType.BFLOAT16);
  }

  /** Flags of an AMD Zen 3, an Intel Cascade Lake, an Arm Graviton 3; of Zen 4, Sapphire Rapids. */
  @ParameterizedTest
  @CsvSource({
    "flags : fpu fma avx2 bmi2 vaes vpclmulqdq, FLOAT32",
    "flags : avx2 avx512f avx512dq avx512bw avx512vl avx512_vnni, FLOAT32",
    "Features : fp asimd sve asimdfhm svebf16 i8mm bf16, FLOAT32",
    "'', FLOAT32",
    "flags : avx2 avx512f avx512_bf16 avx512_vnni, BFLOAT16",
    "flags : avx512_bf16 amx_bf16 amx_tile amx_int8, BFLOAT16"
  })
  void autoIsBfloat16OnlyWhereTheCpuMultipliesInIt(String cpuInfo, DType expected) {
    assertThat(Precision.fastestOn(cpuInfo)).isEqualTo(expected);
  }

  @Test
  void autoAsksTheMachine() throws IOException {
    Path cpuInfo = Path.of("/proc/cpuinfo");
    String said = Files.exists(cpuInfo) ? Files.readString(cpuInfo) : "";
    assertThat(Precision.of("auto", Device.CPU)).isEqualTo(Precision.fastestOn(said));
    assertThat(Precision.of("auto", new Device("cuda:0"))).isEqualTo(DType.BFLOAT16);
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
