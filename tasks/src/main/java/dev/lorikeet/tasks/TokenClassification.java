package dev.lorikeet.tasks;

import dev.lorikeet.data.DataReader.Columns;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.data.ExampleEncoder;
import dev.lorikeet.data.RowFormat;
import dev.lorikeet.data.WordEncoder;
import dev.lorikeet.data.WordFormat;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.TextTokenizer;
import dev.lorikeet.tasks.answers.TagAnswers;
import dev.lorikeet.tasks.objectives.CrossEntropy;
import dev.lorikeet.training.Answers;
import dev.lorikeet.training.Objective;
import dev.lorikeet.training.RegularizationConfig;
import dev.lorikeet.training.ScoringConfig;
import java.util.List;
import java.util.Map;

/**
 * A class for each word: its first token carries it (Devlin et al. 2019, arXiv:1810.04805, §5.3).
 */
public final class TokenClassification implements Task {
  @Override
  public HeadType headType() {
    return HeadType.TOKEN_CLASSIFICATION;
  }

  @Override
  public Columns columns(NamedColumns named) {
    return Texts.columns(this, named, named.labelsOrDefault());
  }

  @Override
  public RowFormat rows(ProblemType type) {
    return new WordFormat(id());
  }

  @Override
  public ExampleEncoder encoder(TextTokenizer tokenizer, EncoderSettings settings) {
    return new WordEncoder(tokenizer, settings.labels(), settings.maxLength());
  }

  @Override
  public Map<String, String> keys(Columns columns) {
    return Texts.keys(columns);
  }

  @Override
  public boolean takesPairs() {
    return false;
  }

  @Override
  public boolean answersWords() {
    return true;
  }

  @Override
  public Objective objective(
      Model model, RegularizationConfig settings, List<EncodedExample> examples) {
    return CrossEntropy.ofClasses(model, settings, examples);
  }

  @Override
  public Answers answers(Model model, ScoringConfig config) {
    Scoring.mustHaveNoThreshold(config, ProblemType.SINGLE_LABEL);
    return new TagAnswers(Scoring.names(model), config.entityScheme());
  }
}
