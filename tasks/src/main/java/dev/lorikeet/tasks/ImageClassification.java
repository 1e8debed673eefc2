package dev.lorikeet.tasks;

import dev.lorikeet.data.DataReader.Columns;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.data.ExampleEncoder;
import dev.lorikeet.data.ImageFormat;
import dev.lorikeet.data.RowFormat;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.TextTokenizer;
import dev.lorikeet.tasks.answers.ClassAnswers;
import dev.lorikeet.tasks.objectives.CrossEntropy;
import dev.lorikeet.training.Answers;
import dev.lorikeet.training.Objective;
import dev.lorikeet.training.RegularizationConfig;
import dev.lorikeet.training.ScoringConfig;
import java.util.List;
import java.util.Map;

/** A class of several for a picture. */
public final class ImageClassification implements Task {
  private static final String IMAGE = "image";

  @Override
  public HeadType headType() {
    return HeadType.IMAGE_CLASSIFICATION;
  }

  @Override
  public Columns columns(NamedColumns named) {
    named.mustBeOf(this, IMAGE, NamedColumns.LABEL);
    return new Columns(named.name(IMAGE), null, named.labelsOrDefault(), false);
  }

  @Override
  public RowFormat rows(ProblemType type) {
    return new ImageFormat(id(), type);
  }

  @Override
  public ExampleEncoder encoder(TextTokenizer tokenizer, EncoderSettings settings) {
    throw new UnsupportedOperationException("images have no tokens");
  }

  @Override
  public Map<String, String> keys(Columns columns) {
    return Map.of(IMAGE, columns.text());
  }

  @Override
  public boolean readsImages() {
    return true;
  }

  @Override
  public boolean takesPairs() {
    return false;
  }

  @Override
  public boolean hasOneClass(ProblemType type) {
    return true;
  }

  @Override
  public Objective objective(
      Model model, RegularizationConfig settings, List<EncodedExample> examples) {
    return CrossEntropy.ofClasses(model, settings, examples);
  }

  @Override
  public Answers answers(Model model, ScoringConfig config) {
    Scoring.mustBePlain(config);
    return new ClassAnswers(Scoring.names(model));
  }
}
