package dev.lorikeet.training;

import dev.lorikeet.data.Augmentation;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.data.MaskedLm;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The examples of each epoch: the same ones in the same order, but perhaps masked anew or with
 * other words left out.
 */
@FunctionalInterface
public interface TrainingData {
  /** The examples of an epoch, counted from 1. */
  List<EncodedExample> epoch(int epoch);

  /** Whether every epoch has the same. */
  default boolean isFixed() {
    return false;
  }

  /** The same examples in every epoch. */
  static TrainingData of(List<EncodedExample> examples) {
    List<EncodedExample> fixed = List.copyOf(examples);
    return new TrainingData() {
      @Override
      public List<EncodedExample> epoch(int epoch) {
        return fixed;
      }

      @Override
      public boolean isFixed() {
        return true;
      }
    };
  }

  /** Examples whose words are left out, swapped and masked anew in every epoch. */
  static TrainingData augmented(
      List<EncodedExample> examples, Augmentation augmentation, long seed) {
    List<EncodedExample> fixed = List.copyOf(examples);
    return epoch ->
        IntStream.range(0, fixed.size())
            .mapToObj(i -> augmentation.augment(fixed.get(i), seed, epoch, i))
            .toList();
  }

  /** Examples for a masked language model, their tokens chosen anew in every epoch. */
  static TrainingData masked(List<EncodedExample> examples, MaskedLm masking, long seed) {
    List<EncodedExample> fixed = List.copyOf(examples);
    return epoch -> {
      List<EncodedExample> masked = new ArrayList<>(fixed.size());
      for (int i = 0; i < fixed.size(); i++) {
        masked.add(masking.mask(fixed.get(i), seed, epoch, i));
      }
      return masked;
    };
  }
}
