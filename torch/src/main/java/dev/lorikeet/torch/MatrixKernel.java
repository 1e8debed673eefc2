package dev.lorikeet.torch;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/**
 * Which library multiplies matrices on the CPU. libtorch asks MKL, which on processors that Intel
 * did not make stays at AVX2 even where they have AVX-512; oneDNN uses it there, and is about twice
 * as fast ({@code docs/benchmarks.md}). The choice depends on the machine alone, so that runs
 * repeat bit for bit.
 */
enum MatrixKernel {
  MKL("linear", "linear_input_gradient"),
  ONEDNN("linear_onednn", "linear_onednn_input_gradient");

  /** Below this width a product is too thin for the choice to matter. */
  private static final long THIN = 64;

  /** Of so few rows a product reads its weight once, whatever the kernel; MKL starts sooner. */
  private static final long FEW_ROWS = 8;

  /** The system property that chooses for the processor: {@code mkl} or {@code onednn}. */
  private static final String CHOICE = "lorikeet.matrix_kernel";

  private static final boolean HERE = isOneDnnChosen();

  private final String linear;
  private final String inputGradient;

  MatrixKernel(String linear, String inputGradient) {
    this.linear = linear;
    this.inputGradient = inputGradient;
  }

  /** The method of the op library for x Wᵀ + b. */
  String linear() {
    return linear;
  }

  /** The method for the gradient of x. */
  String inputGradient() {
    return inputGradient;
  }

  /** The kernel for x [..., in] and weight [out, in]. */
  static MatrixKernel of(Tensor x, Tensor weight) {
    boolean faster =
        HERE
            && weight.size(0) >= THIN
            && weight.size(1) >= THIN
            && x.count() >= FEW_ROWS * weight.size(1)
            && x.dtype() == DType.FLOAT32
            && !x.device().isCuda()
            && Torch.threads() > 1;
    return faster ? ONEDNN : MKL;
  }

  private static boolean isOneDnnChosen() {
    String choice = System.getProperty(CHOICE);
    return choice == null
        ? mklLeavesAvx512Unused()
        : valueOf(choice.toUpperCase(Locale.ROOT)) == ONEDNN;
  }

  private static boolean mklLeavesAvx512Unused() {
    Path cpuInfo = Path.of("/proc/cpuinfo");
    try {
      String cpu = Files.exists(cpuInfo) ? Files.readString(cpuInfo) : "";
      return !cpu.contains("GenuineIntel") && cpu.contains("avx512bw");
    } catch (IOException e) {
      return false;
    }
  }
}
