package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tensors of a checkpoint whose hashes are right, and which the run that goes on cannot take. */
class RunCheckpointTest {
  @TempDir private Path temporary;
  private Path folder;
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
    folder = temporary.resolve("checkpoint-1");
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private RunCheckpoint written(Tensor tensor) {
    Map<String, Tensor> tensors = Map.of("w", tensor);
    RunCheckpoint.write(folder, Map.of(), Map.of(), tensors, tensors, tensors);
    return RunCheckpoint.open(folder);
  }

  private static Tensor floats(float... values) {
    return Tensor.of(values, values.length);
  }

  private void assertRefused(Tensor saved, Tensor present, String name, String what) {
    assertThatThrownBy(() -> written(saved).readParameters(Map.of(name, present)))
        .isInstanceOf(LorikeetException.class)
        .hasMessage("%s%s: delete %s", folder.resolve("parameters.safetensors"), what, folder);
  }

  @Test
  void areTakenWhereTheyFit() {
    Tensor present = floats(0, 0);
    RunCheckpoint checkpoint = written(floats(1, 2));
    checkpoint.readOptimizer(Map.of("w", present));
    assertThat(present.toFloats()).containsExactly(1, 2);
  }

  @Test
  void ofAnotherShapeAreRefusedWithBoth() {
    Tensor present = floats(0, 0, 0);
    assertRefused(
        floats(1, 2), present, "w", ": \"w\" is FLOAT32 [2], and in this run FLOAT32 [3]");
    assertThat(present.toFloats()).containsExactly(0, 0, 0);
  }

  @Test
  void ofAnotherTypeAreRefusedWithBoth() {
    assertRefused(
        floats(1, 2),
        floats(0, 0).to(DType.BFLOAT16),
        "w",
        ": \"w\" is FLOAT32 [2], and in this run BFLOAT16 [2]");
  }

  @Test
  void thatAreMissingAreNamed() {
    assertRefused(floats(1), floats(0), "v", " has no \"v\", which the run trains");
  }

  @Test
  void withoutANumberAreRefusedBeforeAStepIsTaken() {
    Tensor present = floats(0, 0);
    assertRefused(floats(1, Float.NaN), present, "w", ": \"w\" has NaN or infinite elements");
    assertThat(present.toFloats()).containsExactly(0, 0);
  }
}
