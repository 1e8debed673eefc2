package dev.lorikeet.adapters;

import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Tensor;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/**
 * A layer that answers each row as the row's adapter does. Where all adapters add to the base's
 * answer, that is computed once for all rows; else each adapter's rows are answered apart.
 */
final class RoutedLayer {
  private final String path;
  private final UnaryOperator<Tensor> base;
  private final RowGroups groups;
  private final LowRankTerms terms;
  private final Map<Adapter, UnaryOperator<Tensor>> layers = new HashMap<>();
  private final Map<Adapter, Adapted> adding = new HashMap<>();

  RoutedLayer(String path, UnaryOperator<Tensor> base, RowGroups groups, LowRankTerms terms) {
    this.path = path;
    this.base = base;
    this.groups = groups;
    this.terms = terms;
  }

  /** Lets an adapter's layer answer its rows. */
  void layer(Adapter adapter, UnaryOperator<Tensor> layer, Adapted adapted) {
    layers.put(adapter, layer);
    if (adapted.adds()) {
      adding.put(adapter, adapted);
    }
  }

  /** Lets an adapter's rows be answered with its copies of the base's parameters, if it has any. */
  void copies(Adapter adapter, List<Parameter> parameters) {
    Map<Parameter, Parameter> copies = new LinkedHashMap<>(adapter.parts().copies);
    copies.keySet().retainAll(parameters);
    if (!copies.isEmpty()) {
      layers.put(adapter, with(copies, layers.getOrDefault(adapter, base)));
      adding.remove(adapter);
    }
  }

  private static UnaryOperator<Tensor> with(
      Map<Parameter, Parameter> copies, UnaryOperator<Tensor> layer) {
    return x -> {
      copies.forEach(Parameter::substitute);
      try {
        return layer.apply(x);
      } finally {
        copies.forEach(Parameter::restore);
      }
    };
  }

  /** Whether no adapter has anything here. */
  boolean isBase() {
    return layers.isEmpty();
  }

  /**
   * The answers of all rows.
   *
   * @param x [B, ...]
   * @throws LorikeetException when the first axis is not the batch's
   */
  Tensor forward(Tensor x) {
    if (x.size(0) != groups.size()) {
      throw new LorikeetException(
          (path + " reads " + x.size(0) + " rows where the batch has " + groups.size())
              + ": the model has values there that all rows share, and adapters on it cannot answer"
              + " single rows; give each adapter's rows a batch of their own");
    }
    return adding.size() == layers.size() ? together(x) : apart(x);
  }

  private Tensor apart(Tensor x) {
    return groups.join(group -> layer(group).apply(group.of(x)));
  }

  private UnaryOperator<Tensor> layer(RowGroups.Group group) {
    return group.adapter().map(layers::get).orElse(base);
  }

  private Tensor together(Tensor x) {
    Tensor y = base.apply(x);
    Map<Adapter, LowRank> thin = new HashMap<>();
    adding.forEach((adapter, adapted) -> adapted.lowRank().ifPresent(t -> thin.put(adapter, t)));
    if (thin.size() == adding.size()) {
      return y.add(terms.of(x, thin));
    }
    return groups.join(
        group -> {
          Adapted adapted = group.adapter().map(adding::get).orElse(null);
          Tensor own = group.of(y);
          return adapted == null ? own : own.add(adapted.added(group.of(x)));
        });
  }
}
