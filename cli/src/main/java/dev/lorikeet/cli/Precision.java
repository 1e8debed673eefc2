package dev.lorikeet.cli;

import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;

/** The names that users type for precisions. */
final class Precision {
  private static final Path CPU_INFO = Path.of("/proc/cpuinfo");
  private static final Pattern BFLOAT16_UNITS = Pattern.compile("\\b(avx512_bf16|amx_bf16)\\b");

  private Precision() {}

  /**
   * The type called {@code name}; {@code auto} is bfloat16 on GPUs and on CPUs that multiply in it,
   * else float32.
   */
  static DType of(String name, Device device) {
    return switch (name) {
      case "float32", "fp32" -> DType.FLOAT32;
      case "bfloat16", "bf16" -> DType.BFLOAT16;
      case "float16", "fp16" -> float16(device);
      case "auto" -> device.isCuda() ? DType.BFLOAT16 : fastestOn(cpuInfo());
      default ->
          throw new UsageException(
              "unknown precision \"" + name + "\": use float32, bfloat16, float16 or auto");
    };
  }

  private static DType float16(Device device) {
    if (!device.isCuda()) {
      throw new UsageException(
          "precision is float16 and device is "
              + device.name()
              + ": use bfloat16 or float32 there, or a GPU");
    }
    return DType.FLOAT16;
  }

  /**
   * The faster type on a CPU. Without units of its own for bfloat16 its products take ten times as
   * long as float32's.
   *
   * @param cpuInfo what Linux says of the CPU
   */
  static DType fastestOn(String cpuInfo) {
    return BFLOAT16_UNITS.matcher(cpuInfo).find() ? DType.BFLOAT16 : DType.FLOAT32;
  }

  /** What the system says of its CPU: nothing where it is not Linux. */
  private static String cpuInfo() {
    try {
      return Files.exists(CPU_INFO) ? Files.readString(CPU_INFO) : "";
    } catch (IOException e) {
      return "";
    }
  }
}
