package dev.lorikeet.training;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.tasks.Tasks;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** Runs of a tiny model with dropout that are saved in one folder. */
final class SavedRuns {
  static final int PAD = 0;

  static final List<EncodedExample> HELD = TinyBert.misclassified(9, 3, 12, 3);

  final Path model;
  final Path checkpoints;

  /** What runs said of their checkpoints. */
  final List<String> messages = new ArrayList<>();

  SavedRuns(Path temporary) {
    try {
      model = TinyBert.withDropout(Files.createDirectory(temporary.resolve("model")));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    checkpoints = temporary.resolve("checkpoints");
  }

  /** What a run left: the model's bytes, and all it has measured but the time. */
  record Outcome(Map<String, byte[]> bytes, TrainingResult result) {
    List<Integer> checksums() {
      return bytes.values().stream().map(Arrays::hashCode).toList();
    }

    void assertSame(Outcome expected) {
      assertThat(bytes.keySet()).isEqualTo(expected.bytes.keySet());
      assertThat(bytes).allSatisfy((name, b) -> assertThat(b).isEqualTo(expected.bytes.get(name)));
      assertThat(result)
          .usingRecursiveComparison()
          .ignoringFieldsMatchingRegexes(".*[sS]econds", "peakRssMib")
          .isEqualTo(expected.result);
    }
  }

  static List<EncodedExample> data() {
    return TinyBert.classified(20, 3, 12, 1);
  }

  Outcome train(
      TrainingConfig config,
      List<EncodedExample> data,
      Checkpoints where,
      TrainingListener listener) {
    try (Model opened = Model.open(model, ModelOptions.DEFAULT)) {
      TrainingResult result =
          new Trainer(
                  opened,
                  Tasks.of(opened),
                  Trainable.allOf(opened),
                  TrainingData.of(data),
                  HELD,
                  PAD,
                  config,
                  listener)
              .checkpoints(where.messages(messages::add))
              .run();
      return new Outcome(TinyBert.bytes(opened), result);
    }
  }

  Outcome train(TrainingConfig config, List<EncodedExample> data, Checkpoints where) {
    return train(config, data, where, TrainingListener.SILENT);
  }

  Outcome trained(TrainingConfig config) {
    return train(config, data(), Checkpoints.in(checkpoints));
  }

  Outcome resumed(TrainingConfig config) {
    return train(config, data(), Checkpoints.in(checkpoints).resuming(true));
  }

  List<String> saved() {
    try (Stream<Path> paths = Files.list(checkpoints)) {
      return paths.map(path -> path.getFileName().toString()).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Deletes the checkpoints after a step, as if the run had ended there. */
  void cutAfter(long step) {
    for (String name : saved()) {
      if (Long.parseLong(name.substring("checkpoint-".length())) > step) {
        RunCheckpoint.delete(checkpoints.resolve(name));
      }
    }
  }
}
