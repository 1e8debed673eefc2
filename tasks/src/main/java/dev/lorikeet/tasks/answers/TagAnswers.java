package dev.lorikeet.tasks.answers;

import dev.lorikeet.training.Evaluation;
import dev.lorikeet.training.EvaluationReport;
import dev.lorikeet.training.metrics.ClassScores;
import dev.lorikeet.training.metrics.ClassificationReport;
import dev.lorikeet.training.metrics.Entities;
import dev.lorikeet.training.metrics.Tag;
import dev.lorikeet.training.metrics.TagScheme;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** One class a word. Where the classes are tags such as B-PER, entities are scored, too. */
public final class TagAnswers extends ClassAnswers {
  private final boolean areTags;
  private final @Nullable TagScheme scheme;
  private final List<int[]> counts = new ArrayList<>();

  /**
   * Answers.
   *
   * @param names of all classes
   * @param scheme how entities must be spelt; null for any way
   * @throws dev.lorikeet.torch.UsageException when a scheme is asked for that the names are not of
   */
  public TagAnswers(List<String> names, @Nullable TagScheme scheme) {
    super(names);
    this.scheme = scheme;
    areTags = Tag.areTags(names);
    if (scheme != null) {
      scheme.mustHave(names);
    }
  }

  @Override
  public void endBatch(int[] ofRows) {
    counts.add(ofRows);
  }

  /**
   * Accuracy and F1 count words; {@code precision}, {@code recall} and {@code f1} count entities.
   */
  @Override
  public Map<String, Double> metrics(double loss) {
    Map<String, Double> metrics = new LinkedHashMap<>(super.metrics(loss));
    if (areTags) {
      ClassScores all = entities().micro();
      metrics.put("precision", all.precision());
      metrics.put("recall", all.recall());
      metrics.put("f1", all.f1());
    }
    return metrics;
  }

  @Override
  public String needs() {
    return "a labelled word of which the tokenizer makes a token";
  }

  @Override
  public EvaluationReport report(Evaluation evaluation) {
    EvaluationReport report = super.report(evaluation);
    return areTags ? report.withEntities(entities()) : report;
  }

  private ClassificationReport entities() {
    long[] labels = labels();
    int[] predictions = predictions();
    List<List<String>> labelled = new ArrayList<>();
    List<List<String>> answered = new ArrayList<>();
    int start = 0;
    for (int[] ofRows : counts) {
      for (int count : ofRows) {
        IntStream text = IntStream.range(start, start + count);
        labelled.add(text.mapToObj(i -> names().get((int) labels[i])).toList());
        text = IntStream.range(start, start + count);
        answered.add(text.mapToObj(i -> names().get(predictions[i])).toList());
        start += count;
      }
    }
    return Entities.score(labelled, answered, scheme);
  }
}
