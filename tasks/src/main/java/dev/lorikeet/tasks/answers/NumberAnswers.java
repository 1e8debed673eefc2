package dev.lorikeet.tasks.answers;

import dev.lorikeet.torch.Tensor;
import dev.lorikeet.training.Answers;
import dev.lorikeet.training.metrics.Floats;
import dev.lorikeet.training.metrics.Metrics;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A number an item. */
public final class NumberAnswers implements Answers {
  private final List<float[]> targets = new ArrayList<>();
  private final List<float[]> numbers = new ArrayList<>();

  @Override
  public void add(Tensor logits, Tensor labels) {
    targets.add(labels.toFloats());
    numbers.add(logits.toFloats());
  }

  @Override
  public Map<String, Double> metrics(double loss) {
    return Metrics.numbers(Floats.concatenate(targets), Floats.concatenate(numbers));
  }

  @Override
  public String main() {
    return "r2";
  }

  @Override
  public String needs() {
    return "a number";
  }
}
