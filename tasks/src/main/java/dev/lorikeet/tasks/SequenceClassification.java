package dev.lorikeet.tasks;

import dev.lorikeet.data.DataReader.Columns;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.data.ExampleEncoder;
import dev.lorikeet.data.RowFormat;
import dev.lorikeet.data.SequenceEncoder;
import dev.lorikeet.data.TextFormat;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.TextTokenizer;
import dev.lorikeet.tasks.answers.ClassAnswers;
import dev.lorikeet.tasks.answers.LabelSetAnswers;
import dev.lorikeet.tasks.answers.NumberAnswers;
import dev.lorikeet.tasks.objectives.BinaryCrossEntropy;
import dev.lorikeet.tasks.objectives.CrossEntropy;
import dev.lorikeet.tasks.objectives.SquaredError;
import dev.lorikeet.training.Answers;
import dev.lorikeet.training.Objective;
import dev.lorikeet.training.RegularizationConfig;
import dev.lorikeet.training.ScoringConfig;
import java.util.List;
import java.util.Map;

/** A class of several for a text or a pair of texts; any number of classes; or a number. */
public final class SequenceClassification implements Task {
  @Override
  public HeadType headType() {
    return HeadType.SEQUENCE_CLASSIFICATION;
  }

  @Override
  public Columns columns(NamedColumns named) {
    return Texts.columns(this, named, named.labelsOrDefault());
  }

  @Override
  public RowFormat rows(ProblemType type) {
    return TextFormat.labelled(id(), type);
  }

  @Override
  public ExampleEncoder encoder(TextTokenizer tokenizer, EncoderSettings settings) {
    return new SequenceEncoder(
        tokenizer, settings.labels(), settings.problemType(), settings.maxLength());
  }

  @Override
  public Map<String, String> keys(Columns columns) {
    return Texts.keys(columns);
  }

  @Override
  public boolean takesPadToken() {
    return true;
  }

  @Override
  public boolean hasProblemTypes() {
    return true;
  }

  @Override
  public boolean hasClasses(ProblemType type) {
    return type != ProblemType.REGRESSION;
  }

  @Override
  public boolean hasOneClass(ProblemType type) {
    return type == ProblemType.SINGLE_LABEL;
  }

  @Override
  public Objective objective(
      Model model, RegularizationConfig settings, List<EncodedExample> examples) {
    return switch (model.config().problemType()) {
      case SINGLE_LABEL -> CrossEntropy.ofClasses(model, settings, examples);
      case MULTI_LABEL -> new BinaryCrossEntropy(model, settings);
      case REGRESSION -> new SquaredError(model, settings);
    };
  }

  @Override
  public Answers answers(Model model, ScoringConfig config) {
    ProblemType type = model.config().problemType();
    Scoring.mustHaveNoScheme(config);
    Scoring.mustHaveNoThreshold(config, type);
    return switch (type) {
      case SINGLE_LABEL -> new ClassAnswers(Scoring.names(model));
      case MULTI_LABEL -> new LabelSetAnswers(Scoring.names(model), config.threshold());
      case REGRESSION -> new NumberAnswers();
    };
  }
}
