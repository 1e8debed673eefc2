package dev.lorikeet.compare;

import dev.lorikeet.data.TrainOn;
import dev.lorikeet.training.MaskingConfig;

/**
 * How texts are read and scored, in training and afterwards.
 *
 * @param maxLength texts are cut to this many tokens
 * @param trainOn which tokens of a chat a causal language model learns
 * @param masking what a masked language model has to find
 */
record TextSettings(int maxLength, TrainOn trainOn, MaskingConfig masking) {
  static TextSettings of(FineTuningConfig config) {
    return new TextSettings(config.maxLength(), config.trainOn(), config.training().masking());
  }
}
