package dev.lorikeet.training;

import dev.lorikeet.data.Batch;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.Tape;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.OutOfMemory;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/**
 * The gradients of one optimizer step, of one run or of several that share a model. The rows go
 * through the model in parts of so many tokens at most, which bounds the memory of activations; the
 * parts' gradients add up to those of all rows together, since a loss is a sum that is divided
 * once.
 *
 * <p>A part that does not fit in memory is cut in halves, with those after it, and the step goes
 * on: the same rows, the same sum, smaller parts from then on.
 */
final class GradientPass {
  private final Model model;
  private final Forward forward;
  private final int padTokenId;
  private final Consumer<String> remarks;
  private int maxTokens;

  /** The model's answers to rows of several runs. */
  @FunctionalInterface
  interface Forward {
    /**
     * The logits of all rows.
     *
     * @param shares for each row the share that it belongs to
     */
    Tensor logits(ModelInput input, List<StepShare> shares);
  }

  /** An example of a share. */
  private record Row(StepShare share, int index) {
    EncodedExample example() {
      return share.examples.get(index);
    }
  }

  /** Rows that go through the model together, those of a share side by side. */
  private record Part(List<Row> rows, Batch batch) {
    static Part of(List<Row> rows, int padTokenId) {
      int[] indices = rows.stream().mapToInt(Row::index).toArray();
      return new Part(
          rows, Batch.ofRows(rows.stream().map(Row::example).toList(), indices, padTokenId));
    }

    /** The part of each share, in order. */
    List<Piece> pieces() {
      List<Piece> pieces = new ArrayList<>();
      for (int start = 0; start < rows.size(); ) {
        StepShare share = rows.get(start).share;
        int end = start;
        while (end < rows.size() && rows.get(end).share == share) {
          end++;
        }
        pieces.add(new Piece(share, start, batch.rows(start, end)));
        start = end;
      }
      return pieces;
    }
  }

  /** A share's rows of a part. */
  private record Piece(StepShare share, int start, Batch batch) {
    double terms() {
      return share.loss.terms(batch);
    }

    Tensor of(Tensor logits) {
      return batch.rows() == logits.size(0) ? logits : logits.narrow(0, start, batch.rows());
    }
  }

  /**
   * Passes through one model.
   *
   * @param maxTokens at most so many positions a part, but at least one row
   * @param remarks hears when a part did not fit in memory
   */
  GradientPass(
      Model model, Forward forward, int padTokenId, int maxTokens, Consumer<String> remarks) {
    this.model = model;
    this.forward = forward;
    this.padTokenId = padTokenId;
    this.maxTokens = maxTokens;
    this.remarks = remarks;
  }

  /** Passes of one run, whose model answers all rows alike. */
  GradientPass(Model model, int padTokenId, int maxTokens, Consumer<String> remarks) {
    this(model, (input, shares) -> model.logits(input), padTokenId, maxTokens, remarks);
  }

  /**
   * Gives some runs the gradients of their step, in the present scope. The first batches of all go
   * through the model together, then the second, and so on.
   *
   * @throws LorikeetException when a single row does not fit in memory
   */
  void run(List<StepShare> shares) {
    List<List<Row>> rounds = new ArrayList<>();
    for (StepShare share : shares) {
      for (int i = 0; i < share.batches.size(); i++) {
        if (rounds.size() == i) {
          rounds.add(new ArrayList<>());
        }
        List<Row> round = rounds.get(i);
        IntStream.of(share.batches.get(i)).forEach(index -> round.add(new Row(share, index)));
      }
    }
    Deque<Part> left = new ArrayDeque<>(cut(rounds, shares));
    left.forEach(part -> part.pieces().forEach(piece -> piece.share.terms += piece.terms()));
    shares.stream()
        .filter(share -> !(share.terms > 0))
        .forEach(share -> share.fail(NonFinite.noLabels(share.rows())));
    while (!left.isEmpty() && !shares.stream().allMatch(StepShare::hasFailed)) {
      try {
        add(left.getFirst());
        left.removeFirst();
      } catch (OutOfMemory e) {
        halve(left.getFirst().batch, e);
        left = new ArrayDeque<>(cut(left.stream().map(Part::rows).toList(), shares));
      }
    }
  }

  /** Cuts rows by their lengths, whoever's they are, and puts each share's side by side. */
  private List<Part> cut(List<List<Row>> rounds, List<StepShare> shares) {
    List<Part> cut = new ArrayList<>();
    for (List<Row> rows : rounds) {
      int[] lengths = rows.stream().mapToInt(row -> row.example().length()).toArray();
      for (int[] part : parts(IntStream.range(0, rows.size()).toArray(), lengths, maxTokens)) {
        List<Row> chosen =
            IntStream.of(part)
                .mapToObj(rows::get)
                .sorted(Comparator.comparingInt(row -> shares.indexOf(row.share)))
                .toList();
        cut.add(Part.of(chosen, padTokenId));
      }
    }
    return cut;
  }

  /** Lowers the limit to half of a part that was too large. */
  private void halve(Batch tooLarge, OutOfMemory failure) {
    if (tooLarge.rows() == 1) {
      throw new LorikeetException(
          "one example of "
              + tooLarge.length()
              + " tokens does not fit in memory: lower max_length, or use a smaller model or"
              + " precision: bfloat16 ("
              + failure.getMessage()
              + ")",
          failure);
    }
    maxTokens = tooLarge.rows() / 2 * tooLarge.length();
    remarks.accept(
        tooLarge.rows()
            + " examples of "
            + tooLarge.length()
            + " tokens do not fit in memory: going on with at most "
            + maxTokens
            + " tokens at once (max_tokens_per_pass), and the same batches");
  }

  /** Cuts a batch, its longest rows first, where more rows would be too many tokens. */
  static List<int[]> parts(int[] indices, int[] lengths, int maxTokens) {
    int longest = Arrays.stream(indices).map(i -> lengths[i]).max().orElseThrow();
    if ((long) indices.length * longest <= maxTokens) {
      return List.of(indices);
    }
    int[] sorted =
        IntStream.of(indices)
            .boxed()
            .sorted(Comparator.comparingInt(i -> -lengths[i]))
            .mapToInt(i -> i)
            .toArray();
    List<int[]> parts = new ArrayList<>();
    for (int start = 0; start < sorted.length; ) {
      int rows = Math.max(1, maxTokens / Math.max(1, lengths[sorted[start]]));
      int end = Math.min(sorted.length, start + rows);
      parts.add(Arrays.copyOfRange(sorted, start, end));
      start = end;
    }
    return parts;
  }

  /** Adds a part's gradients to those of its shares. */
  private void add(Part part) {
    try (Scope scope = Scope.open();
        GradMode on = GradMode.enabled();
        Tape tape = Tape.of(model)) {
      Tensor logits =
          forward.logits(Inputs.of(part.batch, model), part.rows.stream().map(Row::share).toList());
      List<PieceLoss> losses =
          part.pieces().stream()
              .filter(piece -> !piece.share.hasFailed())
              .map(piece -> loss(piece, logits))
              .filter(loss -> !loss.piece.share.hasFailed())
              .toList();
      losses.stream()
          .map(PieceLoss::scaled)
          .reduce(Tensor::add)
          .ifPresent(loss -> add(losses, tape.gradients(loss, active(losses)), scope));
    }
  }

  /** The summed loss of a share's rows. */
  private record PieceLoss(Piece piece, Tensor sum, double value) {
    Tensor scaled() {
      return sum.mul(piece.share.lossScale.scale() / piece.share.terms);
    }
  }

  /** The loss of a share's rows; where it is not finite, the share fails. */
  private PieceLoss loss(Piece piece, Tensor logits) {
    StepShare share = piece.share;
    Tensor own = piece.of(logits);
    Tensor sum = share.loss.sum(own, share.loss.labels(piece.batch).to(logits.device()));
    double value = sum.item();
    if (!Double.isFinite(value)) {
      share.fail(NonFinite.loss(value, piece.batch, own, share.loss, model, share.trainables));
    }
    return new PieceLoss(piece, sum, value);
  }

  private static List<Parameter> active(List<PieceLoss> losses) {
    return losses.stream().flatMap(loss -> loss.piece.share.active().stream()).toList();
  }

  private static void add(List<PieceLoss> losses, Map<Parameter, Tensor> gradients, Scope scope) {
    for (PieceLoss loss : losses) {
      Piece piece = loss.piece;
      piece.share.add(gradients, scope);
      piece.share.state.count(piece.batch, loss.value, piece.terms());
    }
  }
}
