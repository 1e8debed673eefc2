package dev.lorikeet.adapters;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.torch.UsageException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Which modules are trained and saved whole, on a BERT classifier of two layers. */
class ModulesToSaveTest {
  private static final ModelOptions AS_IT_IS = ModelOptions.DEFAULT;

  private static Set<String> saved(ModelOptions options, String... entries) {
    try (Model model = Model.open(checkpoint(), options)) {
      return ModulesToSave.of(model, List.of(entries)).modules();
    }
  }

  private static Path checkpoint() {
    try {
      return Path.of(
          Objects.requireNonNull(ModulesToSaveTest.class.getResource("/golden/bert-classify-lora"))
              .toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void aClassifiersHeadIsSavedByItself() {
    assertThat(saved(AS_IT_IS)).containsExactly("classifier");
    assertThat(saved(AS_IT_IS.withHead(HeadType.TOKEN_CLASSIFICATION, List.of("a", "b", "c"))))
        .containsExactly("classifier");
  }

  @Test
  void theNamesThatPeftAddsByItselfNeedNotMatch() {
    assertThat(saved(AS_IT_IS, "classifier", "score")).containsExactly("classifier");
  }

  @Test
  void modulesThatTheCheckpointLackedAreSaved() {
    assertThat(saved(AS_IT_IS.withHead(HeadType.MASKED_LM, List.of())))
        .containsExactly("cls.predictions.transform");
    assertThat(saved(AS_IT_IS.withHead(HeadType.SEQUENCE_CLASSIFICATION, List.of("a", "b"))))
        .containsExactly("classifier");
  }

  @Test
  void anEntryMatchesEveryPathThatEndsWithIt() {
    assertThat(saved(AS_IT_IS, "0.output.dense"))
        .containsExactlyInAnyOrder("bert.encoder.layer.0.output.dense", "classifier");
    assertThat(saved(AS_IT_IS, "attention.output.LayerNorm"))
        .containsExactlyInAnyOrder(
            "bert.encoder.layer.0.attention.output.LayerNorm",
            "bert.encoder.layer.1.attention.output.LayerNorm",
            "classifier");
    // By plain endsWith: not at a dot only, as classifier also saves a pre_classifier.
    assertThat(saved(AS_IT_IS, "ooler")).containsExactlyInAnyOrder("bert.pooler", "classifier");
  }

  @Test
  void everyEntryMustMatch() {
    assertThatThrownBy(() -> saved(AS_IT_IS, "poolre"))
        .isInstanceOf(UsageException.class)
        .hasMessage("no module matches modules_to_save entry \"poolre\"; nearest: pooler, value");
  }

  @Test
  void aModuleContainsItselfAndWhatLiesBelow() {
    ModulesToSave saved = new ModulesToSave(Set.of("bert.pooler"));
    assertThat(saved.contains("bert.pooler")).isTrue();
    assertThat(saved.contains("bert.pooler.dense.weight")).isTrue();
    assertThat(saved.contains("bert.poolers.dense")).isFalse();
    assertThat(saved.contains("bert")).isFalse();
  }

  @Test
  void biasSettingsAreFoundByTheirNames() {
    for (Bias bias : Bias.values()) {
      assertThat(Bias.of(bias.id())).isEqualTo(bias);
    }
    assertThatThrownBy(() -> Bias.of("some"))
        .isInstanceOf(UsageException.class)
        .hasMessage("unknown bias \"some\": use none, all, lora_only");
  }
}
