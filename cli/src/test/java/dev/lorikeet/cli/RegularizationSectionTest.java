package dev.lorikeet.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.data.Augmentation;
import dev.lorikeet.models.Dropouts;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.AveragingConfig;
import dev.lorikeet.training.ClassWeights;
import dev.lorikeet.training.NonFiniteConfig;
import dev.lorikeet.training.NonFiniteConfig.OnNan;
import dev.lorikeet.training.RegularizationConfig;
import dev.lorikeet.training.TrainingConfig;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RegularizationSectionTest {
  private static Recipe recipe(String... assignments) {
    RecipeTree tree = new RecipeTree();
    tree.assign("model=base");
    tree.assign("data.train=train.jsonl");
    tree.assign("device=cpu");
    for (String assignment : assignments) {
      tree.assign("training." + assignment);
    }
    return Recipe.read(tree.root());
  }

  @Test
  void everyKeyIsReadAndTheRecordedRecipeReadsTheSame() {
    Recipe recipe =
        recipe(
            "label_smoothing_factor=0.1",
            "class_weights={good: 2, bad: 0.5}",
            "neftune_noise_alpha=5",
            "mixout=0.7",
            "ema_decay=0.99",
            "ema_warmup=true",
            "dropout=0.2",
            "attention_dropout=0.3",
            "classifier_dropout=0.4",
            "word_dropout=0.15",
            "word_swap=0.25",
            "token_masking=0.35",
            "on_nan=skip",
            "max_nan_steps=4");
    TrainingConfig training = recipe.config().training();
    assertThat(training.regularization())
        .isEqualTo(
            new RegularizationConfig(
                0.1,
                ClassWeights.of(Map.of("good", 2.0, "bad", 0.5)),
                0,
                5,
                0.7,
                new AveragingConfig(0.99, true, 0),
                new Dropouts(0.2, 0.3, 0.4),
                new Augmentation.Rates(0.15, 0.25, 0.35)));
    assertThat(training.nonFinite()).isEqualTo(new NonFiniteConfig(OnNan.SKIP, 4));
    assertThat(Recipe.read(recipe.json()).config()).isEqualTo(recipe.config());
  }

  @Test
  void balancedWeightsFocusAndMeansOfEpochsToo() {
    Recipe recipe = recipe("class_weights=balanced", "focal_gamma=2", "average_last_epochs=2");
    assertThat(recipe.config().training().regularization())
        .isEqualTo(
            RegularizationConfig.NONE
                .withLoss(0, ClassWeights.BALANCED, 2)
                .withAveraging(new AveragingConfig(0, false, 2)));
    assertThat(Recipe.read(recipe.json()).config()).isEqualTo(recipe.config());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          class_weights=even    | class_weights is "even": use balanced, or a section of labels and
          class_weights={a: -1} | class_weights: a is -1.0: it must be at least 0 and finite
          class_weights={a: b}  | class_weights.a must be a number
          mixout=1              | mixout is 1.0: it must be at least 0 and below 1
          focal_gamma=-1        | focal_gamma is -1.0: it must be at least 0
          ema_warmup=true       | ema_warmup is true and ema_decay is 0: give an ema_decay
          on_nan=ignore         | on_nan is "ignore": use stop or skip
          label_smoothing=0.1   | unknown key "training.label_smoothing"; nearest: label_smoothing_fac
          """)
  void badValuesAreRefused(String assignment, String message) {
    assertThatThrownBy(() -> recipe(assignment))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining(message);
  }
}
