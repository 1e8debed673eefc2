package dev.lorikeet.tasks.answers;

import dev.lorikeet.torch.Tensor;
import dev.lorikeet.training.Answers;
import java.util.LinkedHashMap;
import java.util.Map;

/** The tokens of a language model. */
public final class TokenAnswers implements Answers {
  private long count;
  private long right;

  @Override
  public void add(Tensor logits, Tensor labels) {
    long[] classes = labels.toLongs();
    long[] predicted = logits.argmax(-1).toLongs();
    count += classes.length;
    for (int i = 0; i < classes.length; i++) {
      right += classes[i] == predicted[i] ? 1 : 0;
    }
  }

  @Override
  public Map<String, Double> metrics(double loss) {
    Map<String, Double> metrics = new LinkedHashMap<>();
    metrics.put("accuracy", (double) right / count);
    metrics.put("perplexity", Math.exp(loss));
    return metrics;
  }

  @Override
  public String main() {
    return "loss";
  }

  @Override
  public String needs() {
    return "a token to predict";
  }
}
