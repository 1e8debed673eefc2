package dev.lorikeet.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Merging, disabling and enabling in every order; what it costs in memory. */
@Tag("numeric")
class MergeStateTest {
  /** Logits near 1, computed in another order. */
  private static final double ROUNDING = 4e-6;

  private Scope scope;
  private Model model;
  private Adapter adapter;
  private Tensor base;
  private Tensor adapted;

  @BeforeEach
  void open() {
    scope = Scope.open();
    model = TinyBert.open(TinyBert.CLASSIFY);
    base = TinyBert.logits(model);
    adapter = Adapter.attach(model, LoraConfig.of(4, 8), 1);
    TinyBert.randomize(adapter);
    adapted = TinyBert.logits(model);
  }

  @AfterEach
  void close() {
    model.close();
    scope.close();
  }

  private double differenceFrom(Tensor expected) {
    return TinyBert.logits(model).sub(expected).abs().max().item();
  }

  @Test
  void disablingAMergedAdapterGivesTheBaseBack() {
    adapter.merge();
    adapter.disable();
    assertThat(differenceFrom(base)).isZero();
  }

  @Test
  void enablingAMergedAdapterDoesNotAddItTwice() {
    adapter.merge();
    adapter.enable();
    assertThat(differenceFrom(adapted)).isLessThan(ROUNDING);
  }

  @Test
  void mergingADisabledAdapterMergesAllOfIt() {
    adapter.disable();
    adapter.merge();
    assertThat(differenceFrom(adapted)).isLessThan(ROUNDING);
  }

  @Test
  void aSecondAdapterOverAMergedOneAddsToIt() {
    adapter.merge();
    Tensor merged = TinyBert.logits(model);
    Adapter second = Adapter.attach(model, LoraConfig.of(4, 8), 2);
    assertThat(differenceFrom(merged)).isZero();
    TinyBert.randomize(second);
    Tensor both = TinyBert.logits(model);
    second.merge();
    assertThat(differenceFrom(both)).isLessThan(ROUNDING);
  }

  @Test
  void mergingAndUnmergingLeavesNoWeightsBehind() {
    long live = Tensor.live();
    adapter.merge();
    adapter.unmerge();
    assertThat(Tensor.live()).isEqualTo(live);
  }

  @Test
  void aRefusedMergeLeavesNoWeightsBehind() {
    Parameter last =
        adapter.layers().values().stream()
            .flatMap(layer -> layer.parameters().values().stream())
            .reduce((one, other) -> other)
            .orElseThrow();
    last.original().view(0, 1).setInPlace(Tensor.of(new float[] {Float.NaN}, 1));
    long live = Tensor.live();
    assertThatThrownBy(adapter::merge).isInstanceOf(LorikeetException.class);
    assertThat(Tensor.live()).isEqualTo(live);
  }

  @Test
  void aRefusedFolderLeavesNothingBehind() {
    try (Model other = TinyBert.open(TinyBert.MLM)) {
      long live = Tensor.live();
      AdapterFolder folder =
          AdapterFolder.open(TinyBert.folder(TinyBert.CLASSIFY).resolve("adapter"));
      assertThatThrownBy(() -> folder.attachTo(other)).isInstanceOf(LorikeetException.class);
      assertThat(Tensor.live()).isEqualTo(live);
    }
  }

  @Test
  void aModuleSavedWholeIsReloadedInFullPrecisionOnABaseInBfloat16(@TempDir Path folder)
      throws IOException {
    AdapterFolder.write(adapter, JsonNodeFactory.instance.objectNode(), folder);
    ModelOptions rounded = ModelOptions.DEFAULT.withPrecision(DType.BFLOAT16);
    try (Model other = Model.open(TinyBert.folder(TinyBert.CLASSIFY), rounded)) {
      Adapter reloaded = AdapterFolder.open(folder).attachTo(other);
      for (String name : adapter.parameters().keySet()) {
        Tensor read = Objects.requireNonNull(reloaded.parameters().get(name)).original();
        Tensor written = Objects.requireNonNull(adapter.parameters().get(name)).original();
        assertThat(read.sameAs(written)).as(name).isTrue();
      }
    }
  }
}
