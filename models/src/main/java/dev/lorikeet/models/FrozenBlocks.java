package dev.lorikeet.models;

import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A model's first blocks of layers, those of which nothing trains. What the block above them reads
 * of an input is always the same, dropout aside: it can be kept, and a later pass begin there.
 *
 * <p>Axes: B rows, T tokens, D width.
 */
public final class FrozenBlocks {
  private final Model model;
  private final int count;

  private FrozenBlocks(Model model, int count) {
    this.model = model;
    this.count = count;
  }

  /**
   * Counts a model's blocks below the first that trains now, by a pass. Some block is always above
   * them, even where nothing trains; of an encoder-decoder they are the encoder's.
   *
   * @param input any that the model reads
   */
  public static FrozenBlocks of(Model model, ModelInput input) {
    Count count = new Count();
    try (Scope scope = Scope.open();
        GradMode on = GradMode.enabled()) {
      model.mode().filtered(count, () -> model.features(input));
    }
    return new FrozenBlocks(model, count.frozen);
  }

  /** Counts blocks for as long as each reads what the one before answered. */
  private static final class Count implements Mode.BlockFilter {
    private int frozen;
    private boolean inOrder = true;
    private @Nullable Tensor last;

    @Override
    public Tensor answer(int index, Tensor x, UnaryOperator<Tensor> block) {
      inOrder &= last == null || last == x;
      if (inOrder && !x.requiresGrad()) {
        frozen = index;
      }
      last = block.apply(x);
      return last;
    }
  }

  /** How many they are. */
  public int count() {
    return count;
  }

  /**
   * What the block above them reads.
   *
   * @return [B, T, D], in the model's precision, on its device
   */
  public Tensor states(ModelInput input) {
    try (Scope scope = Scope.open()) {
      Tensor[] states = new Tensor[1];
      model
          .mode()
          .filtered(
              (index, x, block) -> {
                if (index == count) {
                  states[0] = scope.adopt(x);
                }
                return index < count ? block.apply(x) : x;
              },
              () -> model.features(input));
      return scope.keep(Objects.requireNonNull(states[0], "a pass has a block above those"));
    }
  }

  /**
   * As {@link Model#features}, without computing these blocks.
   *
   * @param states what the block above them reads of {@code input}, as {@link #states} gives it
   */
  public Tensor features(ModelInput input, Tensor states) {
    return model
        .mode()
        .filtered(
            (index, x, block) -> index < count ? x : block.apply(index == count ? states : x),
            () -> model.features(input));
  }
}
