package dev.lorikeet.adapters;

import dev.lorikeet.models.Embedding;
import dev.lorikeet.models.Linear;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.Projection;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * A table of which some rows are trained: they start as the table's own, and answer in their place.
 * Output weights that are tied to the table have them too.
 *
 * @param base [V, D]
 * @param rows [k, D], trained
 * @param ids which they are, [k], int64
 * @param places of every word, [V], int64: 0 for the table's own row, i for row i − 1
 */
record TokenRows(Embedding base, Parameter rows, Parameter ids, Parameter places)
    implements AdapterEmbedding {

  static TokenRows of(Embedding base, List<Integer> tokens, Scope owner) {
    Tensor table = base.weight().value();
    int words = (int) table.size(0);
    long[] ids = tokens.stream().mapToLong(Integer::longValue).toArray();
    long[] places = new long[words];
    for (int i = 0; i < ids.length; i++) {
      if (ids[i] < 0 || ids[i] >= words) {
        throw new UsageException(
            "trainable_token_indices has token "
                + ids[i]
                + ", and "
                + base.path()
                + " has "
                + words
                + " rows");
      }
      places[(int) ids[i]] = i + 1L;
    }
    Tensor index = Tensor.of(ids, ids.length).to(table.device());
    return new TokenRows(
        base,
        new Parameter(
            base.path() + ".token_adapter.trainable_tokens_delta",
            table.index(0, index).to(DType.FLOAT32),
            owner),
        new Parameter(base.path() + ".token_ids", index, owner),
        new Parameter(
            base.path() + ".token_places", Tensor.of(places, words).to(table.device()), owner));
  }

  @Override
  public Tensor forward(Tensor input) {
    Tensor place = places.value().index(0, input.reshape(-1)).reshape(input.shape());
    Tensor none = Tensor.zeros(DType.FLOAT32, rows.value().device(), 1, rows.value().size(1));
    Tensor own = Ops.embedding(Tensor.cat(List.of(none, rows.value()), 0), place);
    Tensor others = base.forward(input); // [..., D]
    return Ops.where(place.gt(0.5).unsqueeze(-1), own.to(others.dtype()), others);
  }

  /** An output head whose weights are the table: y = x Wᵀ with the trained rows in W. */
  Projection head(Linear tied) {
    return x -> {
      Tensor own = Ops.linear(x, rows.value(x.dtype()), null); // [..., k]
      return tied.forward(x).replace(-1, ids.value(), own);
    };
  }

  @Override
  public Tensor mergedTable() {
    return base.weight().value(DType.FLOAT32).replace(0, ids.value(), rows.value(DType.FLOAT32));
  }

  @Override
  public Map<String, Parameter> parameters() {
    return Map.of("token_adapter.trainable_tokens_delta", rows);
  }

  @Override
  public List<Parameter> constants() {
    return Arrays.asList(ids, places);
  }
}
