package dev.lorikeet.tasks;

import dev.lorikeet.data.DataReader.Columns;
import dev.lorikeet.data.DocumentEncoder;
import dev.lorikeet.data.DocumentFormat;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.data.ExampleEncoder;
import dev.lorikeet.data.RowFormat;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.models.TextTokenizer;
import dev.lorikeet.tasks.answers.TokenAnswers;
import dev.lorikeet.tasks.objectives.CrossEntropy;
import dev.lorikeet.torch.UsageException;
import dev.lorikeet.training.Answers;
import dev.lorikeet.training.Objective;
import dev.lorikeet.training.RegularizationConfig;
import dev.lorikeet.training.ScoringConfig;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** The next token: of texts, of completions of prompts, of what the assistant says in chats. */
public final class CausalLanguageModel implements Task {
  private static final String MESSAGES = "messages";
  private static final String PROMPT = "prompt";
  private static final String COMPLETION = "completion";

  @Override
  public HeadType headType() {
    return HeadType.CAUSAL_LM;
  }

  @Override
  public Columns columns(NamedColumns named) {
    named.mustBeOf(this, Texts.TEXT, MESSAGES, PROMPT, COMPLETION, NamedColumns.LABEL);
    boolean chat = named.has(MESSAGES);
    boolean prompt = named.has(PROMPT) || named.has(COMPLETION);
    if (Stream.of(named.has(Texts.TEXT), chat, prompt).filter(given -> given).count() > 1) {
      throw new UsageException(
          "a row is a text, a chat, or a prompt with its completion: give --text, --messages, or"
              + " --prompt and --completion");
    }
    if (prompt) {
      return new Columns(named.name(PROMPT), named.name(COMPLETION), named.labels(), false);
    }
    String first = chat ? MESSAGES : Texts.TEXT;
    return new Columns(named.name(first), null, named.labels(), chat);
  }

  @Override
  public RowFormat rows(ProblemType type) {
    return new DocumentFormat(id());
  }

  @Override
  public ExampleEncoder encoder(TextTokenizer tokenizer, EncoderSettings settings) {
    return new DocumentEncoder(tokenizer, settings.maxLength(), settings.trainOn());
  }

  @Override
  public Map<String, String> keys(Columns columns) {
    if (columns.textPair() == null) {
      return Texts.keys(columns.chats() ? MESSAGES : Texts.TEXT, columns, Texts.TEXT_PAIR);
    }
    return Texts.keys(columns.chats() ? MESSAGES : PROMPT, columns, COMPLETION);
  }

  @Override
  public boolean packs() {
    return true;
  }

  @Override
  public boolean learnsChats() {
    return true;
  }

  @Override
  public boolean writes() {
    return true;
  }

  @Override
  public Objective objective(
      Model model, RegularizationConfig settings, List<EncodedExample> examples) {
    return CrossEntropy.ofNextTokens(model, settings);
  }

  @Override
  public Answers answers(Model model, ScoringConfig config) {
    Scoring.mustBePlain(config);
    return new TokenAnswers();
  }
}
