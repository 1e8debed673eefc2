package dev.lorikeet.tasks;

import dev.lorikeet.data.DataReader.Columns;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.data.ExampleEncoder;
import dev.lorikeet.data.PlainEncoder;
import dev.lorikeet.data.RowFormat;
import dev.lorikeet.data.TextFormat;
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

/** Hidden tokens to be found (Devlin et al. 2019, arXiv:1810.04805, §3.1). */
public final class MaskedLanguageModel implements Task {
  @Override
  public HeadType headType() {
    return HeadType.MASKED_LM;
  }

  @Override
  public List<String> aliases() {
    return List.of("fill-mask");
  }

  @Override
  public Columns columns(NamedColumns named) {
    return Texts.columns(this, named, named.labels());
  }

  @Override
  public RowFormat rows(ProblemType type) {
    return TextFormat.unlabelled(id());
  }

  @Override
  public ExampleEncoder encoder(TextTokenizer tokenizer, EncoderSettings settings) {
    return new PlainEncoder(tokenizer, settings.maxLength());
  }

  @Override
  public Map<String, String> keys(Columns columns) {
    return Texts.keys(columns);
  }

  @Override
  public boolean hidesTokens() {
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
