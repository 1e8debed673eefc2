package dev.lorikeet.tasks;

import dev.lorikeet.data.DataReader.Columns;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.data.ExampleEncoder;
import dev.lorikeet.data.RowFormat;
import dev.lorikeet.data.TargetEncoder;
import dev.lorikeet.data.TargetFormat;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.TextTokenizer;
import dev.lorikeet.tasks.answers.TokenAnswers;
import dev.lorikeet.tasks.objectives.CrossEntropy;
import dev.lorikeet.training.Answers;
import dev.lorikeet.training.Objective;
import dev.lorikeet.training.RegularizationConfig;
import dev.lorikeet.training.ScoringConfig;
import java.util.List;
import java.util.Map;

/** The next token of a text's answer, which an encoder-decoder writes. */
public final class SequenceToSequence implements Task {
  private static final String TARGET = "target";

  @Override
  public HeadType headType() {
    return HeadType.SEQ_2_SEQ_LM;
  }

  @Override
  public Columns columns(NamedColumns named) {
    named.mustBeOf(this, Texts.TEXT, TARGET, NamedColumns.LABEL);
    return new Columns(named.name(Texts.TEXT), named.name(TARGET), named.labels(), false);
  }

  @Override
  public RowFormat rows(ProblemType type) {
    return new TargetFormat(id());
  }

  @Override
  public ExampleEncoder encoder(TextTokenizer tokenizer, EncoderSettings settings) {
    return new TargetEncoder(tokenizer, settings.maxLength(), settings.trainOn());
  }

  @Override
  public Map<String, String> keys(Columns columns) {
    return Texts.keys(Texts.TEXT, columns, TARGET);
  }

  @Override
  public boolean writes() {
    return true;
  }

  @Override
  public Objective objective(
      Model model, RegularizationConfig settings, List<EncodedExample> examples) {
    return CrossEntropy.ofTokens(model, settings);
  }

  @Override
  public Answers answers(Model model, ScoringConfig config) {
    Scoring.mustBePlain(config);
    return new TokenAnswers();
  }
}
