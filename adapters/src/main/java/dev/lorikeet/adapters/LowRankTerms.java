package dev.lorikeet.adapters;

import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * The low-rank terms of all rows of a batch in two products, whatever adapter a row has: each row's
 * x Aᵀ is made with the A of all adapters, and what is not of its own is multiplied by 0.
 *
 * <p>Axes: B rows, R the ranks of all adapters together.
 */
final class LowRankTerms implements AutoCloseable {
  private final RowGroups groups;
  private final Scope kept = Scope.unbound();
  private final Map<Blocks, Tensor> shares = new HashMap<>();

  /** Whose columns of R are whose, what they are multiplied by, and for what x. */
  private record Blocks(List<Adapter> adapters, List<Long> ranks, List<Double> scalings, int axes) {
    long columns() {
      return ranks.stream().mapToLong(rank -> rank).sum();
    }
  }

  LowRankTerms(RowGroups groups) {
    this.groups = groups;
  }

  /**
   * The terms of a layer, zero where a row's adapter has none.
   *
   * @param x [B, ..., in]
   * @param terms by adapter, at least one
   * @return [B, ..., out], in the type of x
   */
  Tensor of(Tensor x, Map<Adapter, LowRank> terms) {
    List<Adapter> adapters = groups.adapters().stream().filter(terms::containsKey).toList();
    List<LowRank> own = adapters.stream().map(a -> Objects.requireNonNull(terms.get(a))).toList();
    Blocks blocks =
        new Blocks(
            adapters,
            own.stream().map(LowRank::rank).toList(),
            own.stream().map(LowRank::scaling).toList(),
            x.shape().length);
    Tensor a = Tensor.cat(own.stream().map(term -> term.a().value(x.dtype())).toList(), 0);
    Tensor b = // its gradient takes a third of the time in this order of axes
        Tensor.cat(own.stream().map(term -> term.b().value(x.dtype()).transpose(0, 1)).toList(), 0);
    return Ops.linear(x, a, null).mul(share(blocks, x)).matmul(b); // of [B, ..., R]
  }

  /** s in a row's own columns, 0 in the others: [B, 1, ..., R]. */
  private Tensor share(Blocks blocks, Tensor like) {
    return shares.computeIfAbsent(
        blocks, key -> kept.adopt(share(key).to(like.dtype()).to(like.device())));
  }

  private Tensor share(Blocks blocks) {
    int columns = Math.toIntExact(blocks.columns());
    float[] values = new float[groups.size() * columns];
    for (RowGroups.Group group : groups.groups()) {
      int block = group.adapter().map(blocks.adapters::indexOf).orElse(-1);
      if (block >= 0) {
        int start = blocks.ranks.subList(0, block).stream().mapToInt(Math::toIntExact).sum();
        int end = start + Math.toIntExact(blocks.ranks.get(block));
        float scaling = blocks.scalings.get(block).floatValue();
        for (int row : group.rows()) {
          Arrays.fill(values, row * columns + start, row * columns + end, scaling);
        }
      }
    }
    List<Long> shape = new ArrayList<>(List.of((long) groups.size()));
    for (int axis = 2; axis < blocks.axes; axis++) {
      shape.add(1L);
    }
    shape.add((long) columns);
    return Tensor.of(values, shape.stream().mapToLong(size -> size).toArray());
  }

  @Override
  public void close() {
    kept.close();
  }
}
