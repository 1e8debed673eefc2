package dev.lorikeet.tasks.objectives;

import dev.lorikeet.data.Batch;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.GradMode;
import dev.lorikeet.torch.Ops;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.training.Inputs;
import dev.lorikeet.training.LossGradients;
import dev.lorikeet.training.Objective;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;

/**
 * Direct preference optimization (Rafailov et al. 2023, arXiv:2305.18290, equation 7): of two
 * answers to a prompt, the chosen one is to become likelier than the rejected one, measured against
 * a reference, which is the model with its adapter switched off:
 *
 * <p>loss = −log σ(β · ((log π(chosen) − log π(rejected)) − (log π_ref(chosen) − log
 * π_ref(rejected))))
 *
 * <p>An example is the chosen answer behind its prompt, and the rejected one beside it; the labels
 * are the answers' tokens.
 *
 * <p>Axes: B texts, n labelled tokens, D width.
 */
public final class Dpo implements Objective {
  private final Model model;
  private final Reference reference;
  private final double beta;
  private final LabelPositions positions = new LabelPositions(true);
  private final ChunkedLoss loss;

  /** The model that answers are compared with. */
  @FunctionalInterface
  public interface Reference {
    /** Runs something while the model answers as the reference, and not as what is trained. */
    void run(Runnable action);
  }

  /**
   * Preferences of a causal language model.
   *
   * @param beta how far the model may move from the reference: the larger, the less
   */
  public Dpo(Model model, Reference reference, double beta) {
    this.model = model;
    this.reference = reference;
    this.beta = beta;
    loss = new ChunkedLoss(model, new TokenLoss(), LogitChunks.ofVocabulary(model));
  }

  /** The summed negative log-probability of tokens. */
  private static final class TokenLoss implements LogitLoss {
    @Override
    public Tensor sum(Tensor logits, Tensor labels) {
      return Ops.crossEntropy(logits.to(DType.FLOAT32), labels);
    }

    @Override
    public Optional<LogitGradient> gradient(Tensor logits, Tensor labels, double factor) {
      List<Tensor> both = Ops.crossEntropySlope(logits, labels, factor);
      return Optional.of(new LogitGradient(both.get(0), both.get(1)));
    }
  }

  @Override
  public Pairing pairing() {
    return Pairing.EXAMPLES;
  }

  /** A pair is a term. */
  @Override
  public double terms(Batch batch) {
    return IntStream.of(batch.columns()).filter(column -> column == 0).count();
  }

  @Override
  public int states(EncodedExample example) {
    return LabelPositions.count(example);
  }

  @Override
  public int[] states(Batch batch) {
    return LabelPositions.counts(batch);
  }

  @Override
  public Tensor states(Tensor features, Batch batch) {
    return positions.of(features, batch);
  }

  /** The states and labels of one text. */
  private record Text(Tensor states, Tensor labels) {}

  private List<Text> texts(Tensor states, Batch batch) {
    Tensor labels = LabelPositions.labels(batch).to(states.device());
    List<Text> texts = new ArrayList<>();
    long start = 0;
    for (int count : states(batch)) {
      texts.add(new Text(states.narrow(0, start, count), labels.narrow(0, start, count)));
      start += count;
    }
    return texts;
  }

  /** The log-probability of each text's labels, [B]. */
  private double[] logProbabilities(List<Text> texts) {
    try (Scope scope = Scope.open();
        GradMode off = GradMode.disabled()) {
      return texts.stream()
          .mapToDouble(text -> -loss.sum(text.states, text.labels, (logits, labels) -> {}))
          .toArray();
    }
  }

  /** As the reference has them, [B]. */
  private double[] referenceLogProbabilities(Batch batch) {
    double[][] found = new double[1][];
    boolean training = model.mode().isTraining();
    reference.run(
        () -> {
          model.training(false);
          try (Scope scope = Scope.open();
              GradMode off = GradMode.disabled()) {
            Tensor features = model.features(Inputs.of(batch, model));
            found[0] = logProbabilities(texts(states(features, batch), batch));
          } finally {
            model.training(training);
          }
        });
    return found[0];
  }

  /** β · log(π / π_ref) of each text, [B]: its implicit reward. */
  private double[] rewards(List<Text> texts, Batch batch) {
    double[] policy = logProbabilities(texts);
    double[] before = referenceLogProbabilities(batch);
    return IntStream.range(0, policy.length)
        .mapToDouble(row -> beta * (policy[row] - before[row]))
        .toArray();
  }

  @Override
  public LossGradients gradients(
      Tensor states, Batch batch, double factor, List<Parameter> parameters) {
    List<Text> texts = texts(states, batch);
    double[] rewards = rewards(texts, batch);
    Map<Parameter, Tensor> ofParameters = new LinkedHashMap<>();
    List<Tensor> ofStates = new ArrayList<>();
    for (int row = 0; row < texts.size(); row++) {
      boolean chosen = batch.columns()[row] == 0;
      double margin = margin(rewards, chosen ? row : row - 1);
      // A token's loss is its negative log-probability.
      double slope = beta * sigmoid(-margin) * (chosen ? 1 : -1);
      Text text = texts.get(row);
      LossGradients own = loss.gradients(text.states, text.labels, factor * slope, parameters);
      LossGradients.add(ofParameters, own.ofParameters());
      if (own.ofStates() != null) {
        ofStates.add(own.ofStates());
      }
    }
    return new LossGradients(
        sum(rewards, batch),
        ofParameters,
        ofStates.isEmpty() ? null : ChunkedLoss.joined(ofStates));
  }

  /**
   * The summed loss.
   *
   * @param answers takes the rewards of both answers of each pair, [pairs, 2], and which is right:
   *     the first
   */
  @Override
  public double sum(Tensor states, Batch batch, BiConsumer<Tensor, Tensor> answers) {
    double[] rewards = rewards(texts(states, batch), batch);
    float[] pairs = new float[rewards.length];
    for (int i = 0; i < pairs.length; i++) {
      pairs[i] = (float) rewards[i];
    }
    answers.accept(
        Tensor.of(pairs, pairs.length / 2, 2),
        Tensor.of(new long[pairs.length / 2], pairs.length / 2));
    return sum(rewards, batch);
  }

  private static double sum(double[] rewards, Batch batch) {
    return IntStream.range(0, rewards.length)
        .filter(row -> batch.columns()[row] == 0)
        .mapToDouble(row -> Math.log1p(Math.exp(-margin(rewards, row))))
        .sum();
  }

  /** By how much a chosen answer's reward exceeds that of the rejected one, which follows it. */
  private static double margin(double[] rewards, int chosen) {
    return rewards[chosen] - rewards[chosen + 1];
  }

  private static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }
}
