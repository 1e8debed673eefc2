package dev.lorikeet.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TensorTest {
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  // ---- making ----

  @Test
  void valuesComeBackInRowMajorOrder() {
    Tensor floats = Tensor.of(new float[] {1, 2, 3, 4, 5, 6}, 2, 3);
    assertThat(floats.toFloats()).containsExactly(1, 2, 3, 4, 5, 6);
    assertThat(floats.transpose(0, 1).toFloats()).containsExactly(1, 4, 2, 5, 3, 6);
    assertThat(Tensor.of(new long[] {Long.MIN_VALUE, -1, Long.MAX_VALUE}, 3).toLongs())
        .containsExactly(Long.MIN_VALUE, -1, Long.MAX_VALUE);
  }

  @Test
  void aTensorKnowsItsShapeTypePlaceAndCount() {
    Tensor x = Tensor.of(new float[6], 2, 3);
    assertThat(x.shape()).containsExactly(2, 3);
    assertThat(x.size(0)).isEqualTo(2);
    assertThat(x.size(-1)).isEqualTo(3);
    assertThat(x.count()).isEqualTo(6);
    assertThat(x.dtype()).isEqualTo(DType.FLOAT32);
    assertThat(x.device()).isEqualTo(Device.CPU);
    assertThat(x.requiresGrad()).isFalse();
    assertThat(x).hasToString("FLOAT32 [2, 3]");
  }

  @Test
  void theShapeThatIsHandedOutIsACopy() {
    Tensor x = Tensor.of(new float[2], 2);
    x.shape()[0] = 7;
    assertThat(x.shape()).containsExactly(2);
  }

  @Test
  void scalarsAndEmptyTensorsAreTensors() {
    Tensor scalar = Tensor.of(new float[] {3});
    assertThat(scalar.shape()).isEmpty();
    assertThat(scalar.item()).isEqualTo(3);
    Tensor empty = Tensor.of(new long[0], 2, 0);
    assertThat(empty.shape()).containsExactly(2, 0);
    assertThat(empty.toLongs()).isEmpty();
    assertThat(empty.toBytes()).isEmpty();
  }

  @Test
  void aTensorCopiesTheBufferItIsMadeFrom() {
    ByteBuffer buffer = ByteBuffer.allocateDirect(2);
    Tensor x = Tensor.of(buffer.put(0, (byte) 5), DType.UINT8, 2);
    buffer.put(0, (byte) 6);
    assertThat(x.toBytes()).containsExactly(5, 0);
  }

  @Test
  void aBufferOfAnotherSizeIsRefused() {
    assertThatThrownBy(() -> Tensor.of(new float[3], 2, 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("12 bytes for FLOAT32 [2, 2]");
  }

  @Test
  void typesThatOnlyFilesBringAreRefusedFromBuffers() {
    assertThatThrownBy(() -> Tensor.of(ByteBuffer.allocateDirect(2), DType.BFLOAT16, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("no buffers of BFLOAT16: map a file or convert");
  }

  @Test
  void filledTensorsHaveTheirValueEverywhere() {
    assertThat(Tensor.zeros(DType.INT32, Device.CPU, 2, 1).toLongs()).containsExactly(0, 0);
    assertThat(Tensor.full(-1.5, DType.FLOAT64, Device.CPU, 2).toFloats()).containsOnly(-1.5f);
    assertThat(Tensor.arange(3, 6, Device.CPU).toLongs()).containsExactly(3, 4, 5);
  }

  private static final int DRAWS = 200_000;

  @Test
  void normalDrawsHaveTheirMeanAndDeviation() {
    Moments draws = Moments.of(Tensor.normal(2, 3, DRAWS));
    // The standard errors are 3/√n and 3/√(2n); five of each.
    assertThat(draws.mean()).isCloseTo(2, within(5 * 3 / Math.sqrt(DRAWS)));
    assertThat(draws.deviation()).isCloseTo(3, within(5 * 3 / Math.sqrt(2.0 * DRAWS)));
  }

  @Test
  void truncatedNormalDrawsStayWithinTwoDeviations() {
    Moments draws = Moments.of(Tensor.truncatedNormal(0.02, DRAWS));
    // The inverse distribution function in float32 is exact to about 1e-6 of its value.
    assertThat(draws.greatest()).isBetween(0.039, 0.04 * (1 + 1e-5));
    assertThat(draws.least()).isBetween(-0.04 * (1 + 1e-5), -0.039);
    assertThat(draws.mean()).isCloseTo(0, within(5 * 0.02 / Math.sqrt(DRAWS)));
    // √(1 − 4 φ(2) / (2 Φ(2) − 1)) of the deviation is left when both tails are cut at two.
    double left = Math.sqrt(1 - 4 * 0.05399096651318806 / 0.9544997361036416);
    assertThat(draws.deviation()).isCloseTo(0.02 * left, within(5 * 0.02 / Math.sqrt(2.0 * DRAWS)));
  }

  @Test
  void uniformDrawsFillTheirRange() {
    Moments draws = Moments.of(Tensor.uniform(-1, 3, DRAWS));
    assertThat(draws.least()).isBetween(-1.0, -0.999);
    assertThat(draws.greatest()).isBetween(2.999, Math.nextDown(3.0));
    assertThat(draws.mean()).isCloseTo(1, within(5 * 4 / Math.sqrt(12.0 * DRAWS)));
  }

  @Test
  void theSameSeedDrawsTheSame() {
    Torch.seed(7);
    Tensor first = Tensor.normal(0, 1, 100);
    Tensor second = Tensor.normal(0, 1, 100);
    Torch.seed(7);
    assertThat(Tensor.normal(0, 1, 100).sameAs(first)).isTrue();
    assertThat(second.sameAs(first)).isFalse();
  }

  // ---- types ----

  @ParameterizedTest
  @EnumSource(DType.class)
  void everyTypeKeepsSmallWholeNumbersAndItsSize(DType type) {
    Tensor x = Tensor.of(new float[] {0, 1, 1}, 3).to(type);
    assertThat(x.dtype()).isEqualTo(type);
    assertThat(x.toFloats()).containsExactly(0, 1, 1);
    assertThat(x.toLongs()).containsExactly(0, 1, 1);
    assertThat(x.toBytes()).hasSize(3 * type.bytes());
    assertThat(x.sameAs(Tensor.of(new long[] {0, 1, 1}, 3).to(type))).isTrue();
  }

  @Test
  void convertingToTheSameTypeOrPlaceIsTheTensorItself() {
    Tensor x = Tensor.of(new float[1], 1);
    assertThat(x.to(DType.FLOAT32)).isSameAs(x);
    assertThat(x.to(Device.CPU)).isSameAs(x);
  }

  @Test
  void typesAreFoundByTheirSafetensorsName() {
    assertThat(DType.values())
        .allMatch(type -> DType.ofSafetensorsName(type.safetensorsName()) == type);
    assertThatThrownBy(() -> DType.ofSafetensorsName("F4"))
        .isInstanceOf(LorikeetException.class)
        .hasMessage("unknown tensor type \"F4\"");
  }

  @Test
  void devicesThatAreNotThereAreRefused() {
    assertThat(Device.of("cpu")).isEqualTo(Device.CPU);
    assertThatThrownBy(() -> Device.of("gpu"))
        .isInstanceOf(UsageException.class)
        .hasMessage("unknown device \"gpu\": use auto, cpu, cuda or cuda:N");
    String most = "cuda:" + Torch.gpuCount();
    assertThatThrownBy(() -> Device.of(most))
        .isInstanceOf(UsageException.class)
        .hasMessage(
            "device "
                + most
                + " is not on this machine, which has "
                + Torch.gpuCount()
                + " CUDA devices: use --device cpu or auto");
  }

  // ---- files ----

  @ParameterizedTest
  @EnumSource(DType.class)
  void everyTypeCanBeMappedFromAFile(DType type, @TempDir Path folder) throws IOException {
    byte[] bytes = new byte[32];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (i % 2);
    }
    Path file = Files.write(folder.resolve("x"), bytes);
    Tensor x = Tensor.map(file, type, bytes.length / type.bytes());
    assertThat(x.dtype()).isEqualTo(type);
    assertThat(x.shape()).containsExactly(bytes.length / type.bytes());
    assertThat(x.toBytes()).isEqualTo(bytes);
  }

  @Test
  void aFileThatIsTooShortIsRefused(@TempDir Path folder) throws IOException {
    Path file = Files.write(folder.resolve("short"), new byte[15]);
    assertThatThrownBy(() -> Tensor.map(file, DType.FLOAT32, 4))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(file + " has 15 bytes, 16 are asked for");
    assertThat(Tensor.map(file, DType.FLOAT32, 3).count()).isEqualTo(3);
  }

  @Test
  void writingToAMappedTensorNeverReachesTheFile(@TempDir Path folder) throws IOException {
    Path file = Files.write(folder.resolve("x"), new byte[] {1, 2, 3});
    Tensor x = Tensor.map(file, DType.UINT8, 3);
    x.setInPlace(Tensor.of(new float[] {7, 8, 9}, 3));
    assertThat(x.toBytes()).containsExactly(7, 8, 9);
    assertThat(Files.readAllBytes(file)).containsExactly(1, 2, 3);
    assertThat(Tensor.map(file, DType.UINT8, 3).toBytes()).containsExactly(1, 2, 3);
  }

  // ---- views ----

  @Test
  void viewsShareMemory() {
    Tensor x = Tensor.of(new float[] {1, 2, 3, 4}, 2, 2);
    x.select(0, 1).setInPlace(Tensor.of(new float[] {7, 8}, 2));
    assertThat(x.toFloats()).containsExactly(1, 2, 7, 8);
    x.detach().narrow(1, 0, 1).setInPlace(Tensor.of(new float[] {0, 0}, 2, 1));
    assertThat(x.toFloats()).containsExactly(0, 2, 0, 8);
    x.copy().setInPlace(Tensor.of(new float[4], 2, 2));
    assertThat(x.toFloats()).containsExactly(0, 2, 0, 8);
  }

  @Test
  void aViewStartsAtItsOffsetIntoMemory() {
    Tensor x = Tensor.arange(0, 10, Device.CPU);
    assertThat(x.view(3, 2, 3).toLongs()).containsExactly(3, 4, 5, 6, 7, 8);
    assertThat(x.narrow(0, 5, 5).view(1, 2).toLongs()).containsExactly(1, 2);
  }

  @Test
  void aViewBeyondTheMemoryIsRefused() {
    Tensor x = Tensor.arange(0, 4, Device.CPU);
    assertThatThrownBy(() -> x.view(2, 3)).hasMessageContaining("out of bounds");
  }

  @Test
  void aViewOutlivesTheTensorItWasTakenFrom() {
    Tensor view;
    try (Scope inner = Scope.open()) {
      view = inner.keep(Tensor.arange(0, 1000, Device.CPU).narrow(0, 990, 10));
    }
    assertThat(view.toLongs()).startsWith(990).endsWith(999);
  }

  @Test
  void anAliasIsTheSameTensorWithALifetimeOfItsOwn() {
    Tensor leaf = Tensor.of(new float[] {3}, 1).requiresGrad(true);
    try (GradMode on = GradMode.enabled()) {
      Tensor alias;
      try (Scope inner = Scope.open()) {
        alias = inner.keep(leaf.mul(2).alias());
      }
      Tensor gradient = Ops.grad(alias.mul(alias), List.of(alias)).get(0);
      assertThat(gradient.item()).isEqualTo(12);
      assertThat(Ops.grad(alias, List.of(leaf)).get(0).item()).isEqualTo(2);
    }
  }

  @Test
  void hostMemoryIsTheTensorsOwnWhereItLiesInOnePiece() {
    Tensor x = Tensor.of(new float[] {1, 2, 3, 4}, 2, 2);
    x.hostMemory().putFloat(0, 9);
    assertThat(x.toFloats()).containsExactly(9, 2, 3, 4);
    x.transpose(0, 1).hostMemory().putFloat(0, 5);
    assertThat(x.toFloats()).containsExactly(9, 2, 3, 4);
  }

  // ---- comparing ----

  @Test
  void sameAsLooksAtTypeShapeAndEveryElement() {
    Tensor x = Tensor.of(new float[] {1, 2}, 2);
    assertThat(x.sameAs(x.copy())).isTrue();
    assertThat(x.sameAs(x.add(1))).isFalse();
    assertThat(x.sameAs(x.to(DType.FLOAT64))).isFalse();
    assertThat(x.sameAs(x.unsqueeze(0))).isFalse();
    Tensor nan = Tensor.of(new float[] {Float.NaN}, 1);
    assertThat(nan.sameAs(nan.copy())).isFalse();
  }

  @Test
  void isFiniteFindsOneBadElement() {
    assertThat(Tensor.of(new float[] {1, Float.MAX_VALUE}, 2).isFinite()).isTrue();
    assertThat(Tensor.of(new float[] {1, Float.NaN}, 2).isFinite()).isFalse();
    assertThat(Tensor.of(new float[] {1, Float.NEGATIVE_INFINITY}, 2).isFinite()).isFalse();
  }

  @Test
  void itemRefusesMoreThanOneElement() {
    Tensor two = Tensor.of(new float[2], 2);
    assertThatThrownBy(two::item).hasMessageContaining("2 elements");
  }
}
