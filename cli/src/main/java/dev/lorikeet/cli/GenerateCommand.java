package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.compare.TextModel;
import dev.lorikeet.models.GenerationConfig;
import dev.lorikeet.models.Message;
import dev.lorikeet.models.TextGenerator;
import dev.lorikeet.models.TextGenerator.Answer;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Continues texts. One prompt's answer appears as it grows; several are one line of JSON each. */
@Command(
    name = "generate",
    description = {
      "Continue texts with a causal language model.",
      "What is not given is the checkpoint's generation_config.json's, else the likeliest token."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class GenerateCommand implements Callable<Integer> {
  @Mixin private Console console;
  @Mixin private ModelFlags model;

  @Option(names = "--prompt", paramLabel = "TEXT", description = "What to continue; repeatable.")
  private List<String> prompts = new ArrayList<>();

  @Option(
      names = "--prompts",
      paramLabel = "FILE",
      description = "Prompts, one a line, answered in batches.")
  private @Nullable Path promptFile;

  @Option(
      names = "--chat",
      description = "The prompts are messages to an assistant, in the model's chat template.")
  private boolean chat;

  @Option(
      names = "--system",
      paramLabel = "TEXT",
      description = "With --chat: the system's message before each prompt.")
  private @Nullable String system;

  @Option(names = "--batch-size", paramLabel = "N", description = "Prompts answered at once.")
  private int batchSize = 8;

  @Option(names = "--max-new-tokens", paramLabel = "N", description = "At most so many tokens.")
  private @Nullable Integer maxNewTokens;

  @Option(
      names = "--temperature",
      paramLabel = "T",
      description = "Draw from softmax(logits / T); 0 takes the likeliest token.")
  private @Nullable Double temperature;

  @Option(names = "--top-k", paramLabel = "K", description = "Draw among the K likeliest tokens.")
  private @Nullable Integer topK;

  @Option(
      names = "--top-p",
      paramLabel = "P",
      description = "Draw among the likeliest tokens that reach this probability.")
  private @Nullable Double topP;

  @Option(
      names = "--repetition-penalty",
      paramLabel = "X",
      description = "Above 1: make tokens that are there already less likely.")
  private @Nullable Double repetitionPenalty;

  @Option(names = "--stop", paramLabel = "TEXT", description = "Ends the answer; repeatable.")
  private List<String> stop = new ArrayList<>();

  @Option(names = "--no-cache", description = "Read all tokens anew for each one: slow, to check.")
  private boolean noCache;

  @Option(names = "--seed", paramLabel = "N", description = "Of the draws.")
  private long seed;

  @Override
  public Integer call() {
    List<String> texts = prompts();
    try (TextModel open = model.open()) {
      GenerationConfig config = config(open);
      if (texts.size() == 1 && !console.isJson()) {
        answer(open, texts, config, (row, piece) -> console.stream(piece));
        console.stream(System.lineSeparator());
        return 0;
      }
      for (int start = 0; start < texts.size(); start += batchSize) {
        List<String> batch = texts.subList(start, Math.min(start + batchSize, texts.size()));
        List<Answer> answers = answer(open, batch, config, (row, piece) -> {});
        for (int i = 0; i < batch.size(); i++) {
          console.line(json(batch.get(i), answers.get(i)));
        }
        console.endOfLines();
      }
    }
    return 0;
  }

  private List<String> prompts() {
    if (batchSize < 1) {
      throw new UsageException("batch-size is " + batchSize + ": it must be at least 1");
    }
    List<String> texts = new ArrayList<>(prompts);
    if (promptFile != null) {
      try {
        texts.addAll(Files.readAllLines(promptFile));
      } catch (IOException e) {
        throw new LorikeetException(promptFile + " cannot be read: " + e.getMessage(), e);
      }
    }
    if (system != null && !chat) {
      throw new UsageException("--system needs --chat: a text to continue has no system's message");
    }
    if (texts.isEmpty()) {
      throw new UsageException("nothing to continue: give --prompt TEXT or --prompts FILE");
    }
    return texts;
  }

  private List<Answer> answer(
      TextModel open,
      List<String> texts,
      GenerationConfig config,
      TextGenerator.Listener listener) {
    return chat
        ? open.chat(texts.stream().map(this::messages).toList(), config, listener)
        : open.generate(texts, config, listener);
  }

  private List<Message> messages(String prompt) {
    Message asked = Message.user(prompt);
    return system == null ? List.of(asked) : List.of(Message.system(system), asked);
  }

  private GenerationConfig config(TextModel open) {
    GenerationConfig config = open.generationConfig();
    if (temperature == null && config.temperature() == 0 && (topK != null || topP != null)) {
      config = config.withSampling(1, 0, 1); // who names a cut wants draws
    }
    return config
        .withSampling(
            temperature == null ? config.temperature() : temperature,
            topK == null ? config.topK() : topK,
            topP == null ? config.topP() : topP)
        .withMaxNewTokens(maxNewTokens == null ? config.maxNewTokens() : maxNewTokens)
        .withRepetitionPenalty(
            repetitionPenalty == null ? config.repetitionPenalty() : repetitionPenalty)
        .withStop(stop)
        .withCache(!noCache)
        .withSeed(seed);
  }

  private static ObjectNode json(String prompt, Answer answer) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("prompt", prompt)
        .put("text", answer.text())
        .put("tokens", answer.tokens())
        .put("finish_reason", answer.ending().name().toLowerCase(Locale.ROOT));
  }
}
