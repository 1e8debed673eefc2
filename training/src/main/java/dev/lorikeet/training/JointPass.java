package dev.lorikeet.training;

import dev.lorikeet.adapters.Adapters;
import dev.lorikeet.data.Batch;
import dev.lorikeet.models.Model;
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
import java.util.Comparator;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The gradients of a step of several runs, each of which trains one of a model's adapters: {@link
 * GradientPass} for rows that are answered by different adapters. What is below the head goes
 * through the model once for all rows of a part; each run's head and loss see its own.
 */
final class JointPass {
  /** From so many on, a run's tokens gain nothing from going through the model with others'. */
  private static final int ENOUGH_TOKENS = 384;

  private final Model model;
  private final Adapters adapters;
  private final Map<RunState, String> names;
  private final int padTokenId;
  private final PartLimit limit;

  /**
   * Passes through a model.
   *
   * @param names of the adapters, by their runs
   */
  JointPass(
      Model model,
      Adapters adapters,
      Map<RunState, String> names,
      int padTokenId,
      PartLimit limit) {
    this.model = model;
    this.adapters = adapters;
    this.names = names;
    this.padTokenId = padTokenId;
    this.limit = limit;
  }

  /** A run's rows of a part, and how many terms their loss has. */
  private record Piece(StepBatch step, int start, Batch batch, double terms) {
    boolean counts() {
      return terms > 0 && !step.hasFailed();
    }

    boolean isWhole(Part part) {
      return batch.rows() == part.batch().rows();
    }
  }

  /** What the objective made of a piece's states [n, D]. */
  private record Answer(Piece piece, Tensor states, LossGradients loss) {}

  /**
   * Gives some runs the gradients of their step, in the present scope. The first batches of all go
   * through the model together, then the second, and so on.
   *
   * @throws LorikeetException when a single row does not fit in memory
   */
  void run(List<StepBatch> steps) {
    Deque<Part> left = new ArrayDeque<>(cut(rounds(steps), steps));
    for (StepBatch step : steps) {
      step.expect(
          left.stream()
              .flatMap(part -> pieces(part).stream())
              .filter(piece -> piece.step == step)
              .map(Piece::batch)
              .toList());
    }
    try (StepWeights weights = StepWeights.of(model)) {
      Set<StepBatch> before = Set.of();
      while (!left.isEmpty() && !steps.stream().allMatch(StepBatch::hasFailed)) {
        Set<StepBatch> now =
            left.getFirst().rows().stream().map(Part.Row::step).collect(Collectors.toSet());
        if (!now.equals(before)) {
          weights.clear(); // of several runs' adapters, only those at work are held folded
        }
        before = now;
        try {
          add(left.getFirst());
          left.removeFirst();
        } catch (OutOfMemory e) {
          limit.halve(left.getFirst().batch(), e);
          left = new ArrayDeque<>(cut(left.stream().map(Part::rows).toList(), steps));
        }
      }
    }
  }

  private static List<List<Part.Row>> rounds(List<StepBatch> steps) {
    List<List<Part.Row>> rounds = new ArrayList<>();
    for (StepBatch step : steps) {
      for (int i = 0; i < step.batches.size(); i++) {
        if (rounds.size() == i) {
          rounds.add(new ArrayList<>());
        }
        List<Part.Row> round = rounds.get(i);
        IntStream.of(step.batches.get(i)).forEach(index -> round.addAll(Part.Row.of(step, index)));
      }
    }
    return rounds;
  }

  /** The rows of runs that keep the processor busy alone, each run's by themselves; the rest. */
  private List<Part> cut(List<List<Part.Row>> rounds, List<StepBatch> steps) {
    List<Part> cut = new ArrayList<>();
    for (List<Part.Row> round : rounds) {
      Map<StepBatch, List<Part.Row>> byRun =
          round.stream()
              .collect(
                  Collectors.groupingBy(Part.Row::step, LinkedHashMap::new, Collectors.toList()));
      List<Part.Row> few = new ArrayList<>();
      for (List<Part.Row> own : byRun.values()) {
        if (own.stream().mapToInt(row -> row.text().length()).sum() < ENOUGH_TOKENS) {
          few.addAll(own);
        } else {
          cut.addAll(parts(own, steps));
        }
      }
      cut.addAll(parts(few, steps));
    }
    return cut;
  }

  /** Cuts rows by their lengths, whoever's they are, and puts each run's side by side. */
  private List<Part> parts(List<Part.Row> rows, List<StepBatch> steps) {
    int[] lengths = rows.stream().mapToInt(row -> row.text().length()).toArray();
    List<Part> parts = new ArrayList<>();
    int[] all = IntStream.range(0, rows.size()).toArray();
    for (int[] part : Part.cut(all, lengths, limit.maxTokens())) {
      List<Part.Row> chosen =
          IntStream.of(part)
              .mapToObj(rows::get)
              .sorted(Comparator.comparingInt(row -> steps.indexOf(row.step())))
              .toList();
      parts.add(Part.of(chosen, padTokenId));
    }
    return parts;
  }

  /** The part of each run, in order. */
  private static List<Piece> pieces(Part part) {
    List<Piece> pieces = new ArrayList<>();
    List<Part.Row> rows = part.rows();
    for (int start = 0; start < rows.size(); ) {
      StepBatch step = rows.get(start).step();
      int end = start;
      while (end < rows.size() && rows.get(end).step() == step) {
        end++;
      }
      Batch own = part.batch().rows(start, end);
      pieces.add(new Piece(step, start, own, step.objective.terms(own)));
      start = end;
    }
    return pieces;
  }

  /** Adds a part's gradients to those of its runs. */
  private void add(Part part) {
    List<Piece> pieces = pieces(part);
    List<Piece> labelled = pieces.stream().filter(Piece::counts).toList();
    if (!labelled.isEmpty()) {
      try (Scope scope = Scope.open();
          GradMode on = GradMode.enabled();
          Tape tape = Tape.of(model)) {
        List<Answer> answers = answers(labelled, states(part, labelled));
        add(answers, tape, scope);
      }
    }
    pieces.stream()
        .filter(piece -> piece.terms == 0)
        .forEach(piece -> piece.step.state.count(piece.batch, 0, 0));
  }

  /** What each piece's objective reads, [n, D]. */
  private List<Tensor> states(Part part, List<Piece> pieces) {
    Piece first = pieces.get(0);
    if (first.isWhole(part)) {
      Tensor[] features = new Tensor[1];
      alone(first, () -> features[0] = model.features(Inputs.of(part.batch(), model)));
      return List.of(first.step.objective.states(features[0], part.batch()));
    }
    List<String> rows = part.rows().stream().map(row -> name(row.step())).toList();
    Tensor all = adapters.features(Inputs.of(part.batch(), model), rows);
    return pieces.stream()
        .map(
            piece ->
                piece.step.objective.states(
                    all.narrow(0, piece.start, piece.batch.rows()), piece.batch))
        .toList();
  }

  /** What each run's objective gives; where a loss is not finite, its step is given up. */
  private List<Answer> answers(List<Piece> pieces, List<Tensor> states) {
    List<Answer> answers = new ArrayList<>();
    for (int i = 0; i < pieces.size(); i++) {
      Piece piece = pieces.get(i);
      Tensor own = states.get(i);
      alone(
          piece,
          () -> {
            LossGradients loss = piece.step.loss(model, own, piece.batch);
            if (loss != null) {
              answers.add(new Answer(piece, own, loss));
            }
          });
    }
    return answers;
  }

  /** Does something while the whole model answers as one piece's run has it. */
  private void alone(Piece piece, Runnable action) {
    adapters.activate(name(piece.step));
    try {
      action.run();
    } finally {
      adapters.activate();
    }
  }

  private String name(StepBatch step) {
    return Objects.requireNonNull(names.get(step.state));
  }

  /** Takes the gradients from the heads on through the rest of the model. */
  private static void add(List<Answer> answers, Tape tape, Scope scope) {
    List<Parameter> active = new ArrayList<>();
    List<Tensor> states = new ArrayList<>();
    List<Tensor> ofStates = new ArrayList<>();
    for (Answer answer : answers) {
      Tensor gradient = answer.loss.ofStates();
      if (gradient != null) {
        active.addAll(answer.piece.step.active());
        states.add(answer.states);
        ofStates.add(gradient);
      }
    }
    Map<Parameter, Tensor> below =
        states.isEmpty() ? Map.of() : tape.gradients(joined(states), joined(ofStates), active);
    for (Answer answer : answers) {
      StepBatch step = answer.piece.step;
      step.add(answer.loss.ofParameters(), below, scope);
      step.state.count(answer.piece.batch, answer.loss.sum(), answer.piece.terms);
    }
  }

  private static Tensor joined(List<Tensor> pieces) {
    return pieces.size() == 1 ? pieces.get(0) : Tensor.cat(pieces, 0);
  }
}
