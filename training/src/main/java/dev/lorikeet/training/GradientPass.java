package dev.lorikeet.training;

import dev.lorikeet.data.Batch;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.StepWeights;
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
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
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
  /** Examples a batch where what the head reads is computed once for all epochs. */
  private static final int KEPT_AT_ONCE = 32;

  /** What a part costs beside its positions, in positions: weights are read, operations begun. */
  private static final int PART_COST = 64;

  /** From so many on, a share's tokens gain nothing from going through the model with others'. */
  private static final int ENOUGH_TOKENS = 384;

  private final Model model;
  private final Answering answering;
  private final LabelledStates labelled;
  private final HeadChunks chunks;
  private final Features features;
  private final int padTokenId;
  private final Consumer<String> remarks;
  private final boolean recomputes;
  private int maxTokens;

  /** How a model answers rows of several runs, each in its own way. */
  interface Answering {
    /**
     * What the head reads of all rows, as {@link Model#features}.
     *
     * @param shares for each row the share that it belongs to
     */
    Tensor features(ModelInput input, List<StepShare> shares);

    /** Does something while the whole model answers as one share's run has it. */
    void alone(StepShare share, Runnable action);
  }

  /** The model of one run, which answers all rows alike. */
  private record Alike(Model model) implements Answering {
    @Override
    public Tensor features(ModelInput input, List<StepShare> shares) {
      return model.features(input);
    }

    @Override
    public void alone(StepShare share, Runnable action) {
      action.run();
    }
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
        boolean whole = start == 0 && end == rows.size();
        Batch own = whole ? batch : batch.rows(start, end);
        pieces.add(new Piece(share, start, own, share.loss.terms(own)));
        start = end;
      }
      return pieces;
    }
  }

  /** A share's rows of a part, and how many terms their loss has. */
  private record Piece(StepShare share, int start, Batch batch, double terms) {
    boolean counts() {
      return terms > 0 && !share.hasFailed();
    }

    boolean isWhole(Part part) {
      return batch.rows() == part.batch.rows();
    }
  }

  /**
   * Passes through one model.
   *
   * @param maxTokens at most so many positions a part, but at least one row
   * @param recomputes whether layers' activations are computed again instead of kept
   * @param remarks hears when a part did not fit in memory
   */
  private GradientPass(
      Model model,
      Answering answering,
      int padTokenId,
      int maxTokens,
      boolean recomputes,
      Consumer<String> remarks) {
    this.model = model;
    this.answering = answering;
    this.padTokenId = padTokenId;
    this.maxTokens = maxTokens;
    this.recomputes = recomputes;
    this.remarks = remarks;
    labelled = new LabelledStates(model);
    chunks = HeadChunks.of(model);
    features = new Features(model, new Predictor(model, KEPT_AT_ONCE, padTokenId));
  }

  /** Passes of several runs, each of which answers its rows in its own way. */
  GradientPass(
      Model model, Answering answering, int padTokenId, int maxTokens, Consumer<String> remarks) {
    this(model, answering, padTokenId, maxTokens, false, remarks);
  }

  /** Passes of one run, whose model answers all rows alike. */
  GradientPass(
      Model model, int padTokenId, int maxTokens, boolean recomputes, Consumer<String> remarks) {
    this(model, new Alike(model), padTokenId, maxTokens, recomputes, remarks);
  }

  /** What the head reads of the examples of the one run. */
  Features features() {
    return features;
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
    left.forEach(part -> part.pieces().forEach(piece -> piece.share.terms += piece.terms));
    shares.stream()
        .filter(share -> !(share.terms > 0))
        .forEach(share -> share.fail(NonFinite.noLabels(share.rows())));
    try (StepWeights weights = StepWeights.of(model)) {
      Set<StepShare> before = Set.of();
      while (!left.isEmpty() && !shares.stream().allMatch(StepShare::hasFailed)) {
        Set<StepShare> now =
            left.getFirst().rows.stream().map(Row::share).collect(Collectors.toSet());
        if (!now.equals(before)) {
          weights.clear(); // of several runs' adapters, only those at work are held folded
        }
        before = now;
        try {
          add(left.getFirst());
          left.removeFirst();
        } catch (OutOfMemory e) {
          halve(left.getFirst().batch, e);
          left = new ArrayDeque<>(cut(left.stream().map(Part::rows).toList(), shares));
        }
      }
    }
  }

  /**
   * The rows of shares that keep the processor busy alone, each share's by themselves; the rest.
   */
  private List<Part> cut(List<List<Row>> rounds, List<StepShare> shares) {
    List<Part> cut = new ArrayList<>();
    for (List<Row> round : rounds) {
      Map<StepShare, List<Row>> byShare =
          round.stream()
              .collect(Collectors.groupingBy(Row::share, LinkedHashMap::new, Collectors.toList()));
      List<Row> few = new ArrayList<>();
      for (List<Row> own : byShare.values()) {
        if (own.stream().mapToInt(row -> row.example().length()).sum() < ENOUGH_TOKENS) {
          few.addAll(own);
        } else {
          cut(own, shares, cut);
        }
      }
      if (!few.isEmpty()) {
        cut(few, shares, cut);
      }
    }
    return cut;
  }

  /** Cuts rows by their lengths, whoever's they are, and puts each share's side by side. */
  private void cut(List<Row> rows, List<StepShare> shares, List<Part> cut) {
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

  /** Lowers the limit to half of a part that was too large. */
  private void halve(Batch tooLarge, OutOfMemory failure) {
    int rows = tooLarge.indices().length;
    if (rows == 1) {
      throw new LorikeetException(
          "one example of "
              + tooLarge.length()
              + " tokens does not fit in memory: lower max_length, or use a smaller model or"
              + " precision: bfloat16 ("
              + failure.getMessage()
              + ")",
          failure);
    }
    maxTokens = rows / 2 * (tooLarge.rows() * tooLarge.length() / rows);
    remarks.accept(
        rows
            + " examples of "
            + tooLarge.length()
            + " tokens do not fit in memory: going on with at most "
            + maxTokens
            + " tokens at once (max_tokens_per_pass), and the same batches");
  }

  /**
   * Cuts a batch, its longest rows first, into parts of at most so many positions, or one row; so
   * that all positions together, padding among them, and what each part costs are the least.
   */
  static List<int[]> parts(int[] indices, int[] lengths, int maxTokens) {
    int[] sorted =
        IntStream.of(indices)
            .boxed()
            .sorted(Comparator.comparingInt(i -> -lengths[i]))
            .mapToInt(i -> i)
            .toArray();
    long[] least = new long[sorted.length + 1]; // of the rows from i on
    int[] end = new int[sorted.length]; // of the part that begins with row i
    for (int start = sorted.length - 1; start >= 0; start--) {
      int longest = Math.max(1, lengths[sorted[start]]);
      int most = Math.min(sorted.length, start + Math.max(1, maxTokens / longest));
      least[start] = Long.MAX_VALUE;
      for (int next = most; next > start; next--) {
        long cost = (long) (next - start) * longest + PART_COST + least[next];
        if (cost < least[start]) {
          least[start] = cost;
          end[start] = next;
        }
      }
    }
    List<int[]> parts = new ArrayList<>();
    for (int start = 0; start < sorted.length; start = end[start]) {
      parts.add(Arrays.copyOfRange(sorted, start, end[start]));
    }
    return parts;
  }

  /** Adds a part's gradients to those of its shares. */
  private void add(Part part) {
    List<Piece> pieces = part.pieces();
    List<Piece> labelled = pieces.stream().filter(Piece::counts).toList();
    if (!labelled.isEmpty()) {
      try (Scope scope = Scope.open();
          GradMode on = GradMode.enabled();
          Tape tape = recomputes ? Tape.recomputing(model) : Tape.of(model)) {
        List<Answer> answers = answers(labelled, states(part, labelled));
        add(answers, tape, scope);
      }
    }
    pieces.stream()
        .filter(piece -> piece.terms == 0)
        .forEach(piece -> piece.share.state.count(piece.batch, 0, 0));
  }

  /** What the head reads for each piece's labels, [n, D]. */
  private List<Tensor> states(Part part, List<Piece> pieces) {
    Piece first = pieces.get(0);
    if (first.isWhole(part)) {
      Tensor[] states = new Tensor[1];
      answering.alone(first.share, () -> states[0] = features.of(part.batch));
      return List.of(states);
    }
    Tensor all =
        answering.features(
            Inputs.of(part.batch, model), part.rows.stream().map(Row::share).toList());
    return pieces.stream()
        .map(piece -> labelled.of(all.narrow(0, piece.start, piece.batch.rows()), piece.batch))
        .toList();
  }

  /** What the head made of a piece's states [n, D]. */
  private record Answer(Piece piece, Tensor states, HeadPass.Result result) {}

  /** What each share's head answers; where a loss is not finite, the share fails. */
  private List<Answer> answers(List<Piece> pieces, List<Tensor> states) {
    List<Answer> answers = new ArrayList<>();
    for (int i = 0; i < pieces.size(); i++) {
      Piece piece = pieces.get(i);
      Tensor own = states.get(i);
      answering.alone(piece.share, () -> answer(piece, own, answers));
    }
    return answers;
  }

  private void answer(Piece piece, Tensor states, List<Answer> answers) {
    StepShare share = piece.share;
    Tensor labels = labelled.labels(piece.batch).to(states.device());
    double factor = share.lossScale.scale() / share.terms;
    HeadPass.Result result =
        new HeadPass(model, share.loss, chunks).run(states, labels, factor, share.active());
    if (Double.isFinite(result.sum())) {
      answers.add(new Answer(piece, states, result));
    } else {
      share.fail(
          NonFinite.loss(result.sum(), piece.batch, states, share.loss, model, share.trainables));
    }
  }

  /** Takes the gradients from the heads on through the rest of the model. */
  private static void add(List<Answer> answers, Tape tape, Scope scope) {
    List<Parameter> active = new ArrayList<>();
    List<Tensor> states = new ArrayList<>();
    List<Tensor> ofStates = new ArrayList<>();
    for (Answer answer : answers) {
      Tensor gradient = answer.result.ofStates();
      if (gradient != null) {
        active.addAll(answer.piece.share.active());
        states.add(answer.states);
        ofStates.add(gradient);
      }
    }
    Map<Parameter, Tensor> below =
        states.isEmpty() ? Map.of() : tape.gradients(joined(states), joined(ofStates), active);
    for (Answer answer : answers) {
      StepShare share = answer.piece.share;
      share.add(answer.result.ofParameters(), below, scope);
      share.state.count(answer.piece.batch, answer.result.sum(), answer.piece.terms);
    }
  }

  private static Tensor joined(List<Tensor> pieces) {
    return pieces.size() == 1 ? pieces.get(0) : Tensor.cat(pieces, 0);
  }
}
