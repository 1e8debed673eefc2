import static java.lang.System.out;

import dev.lorikeet.cli.EmbeddedDefaults;
import dev.lorikeet.compare.Comparison;
import dev.lorikeet.compare.FineTuning;
import dev.lorikeet.compare.FineTuningConfig;
import dev.lorikeet.compare.Regime;
import dev.lorikeet.compare.TextModel;
import dev.lorikeet.data.Example;
import dev.lorikeet.data.WordNetGlosses;
import dev.lorikeet.lora.LoraConfig;
import dev.lorikeet.models.Initialization;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.torch.Torch;
import dev.lorikeet.training.GroupRule;
import dev.lorikeet.training.TrainingConfig;
import java.nio.file.Path;
import java.util.List;

/**
 * The demo as a script: a topic classifier on WordNet's glosses, LoRA beside training from scratch.
 *
 * <pre>./lorikeet run examples/FineTune.java [OUTPUT [GLOSSES_PER_TOPIC]]</pre>
 */
public class FineTune {
  public static void main(String[] arguments) {
    Path output = Path.of(arguments.length > 0 ? arguments[0] : "fine-tuned");
    int perTopic = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 300;
    Torch.threads(Runtime.getRuntime().availableProcessors());

    Path checkpoint = EmbeddedDefaults.miniLm();
    WordNetGlosses.Split glosses = WordNetGlosses.topics(WordNetGlosses.TOPICS, perTopic, 250, 1);

    TrainingConfig loop = TrainingConfig.DEFAULT.withEpochs(2);
    List<GroupRule> rates = List.of(GroupRule.parse("lora_B=x4"), GroupRule.parse("head=2e-3"));
    FineTuningConfig lora =
        FineTuningConfig.DEFAULT
            .withLora(LoraConfig.of(8, 16))
            .withTraining(loop.withLr(1e-3, rates))
            .withMaxLength(64);
    FineTuningConfig scratch =
        lora.withRegime(Regime.SCRATCH, Initialization.PAPER)
            .withTraining(loop.withLr(5e-4, List.of()));

    Comparison comparison = new Comparison();
    FineTuning tuning = new FineTuning(checkpoint, lora);
    try (TextModel tuned = tuning.train(glosses.train(), glosses.evaluation())) {
      comparison.add("fine-tune", tuning.result());
      tuned.save(output.resolve("adapter"));
    }
    FineTuning baseline = new FineTuning(checkpoint, scratch);
    baseline.train(glosses.train(), glosses.evaluation()).close();
    comparison.add("scratch", baseline.result());
    out.print(comparison.table());

    try (TextModel saved =
        TextModel.open(checkpoint, output.resolve("adapter"), ModelOptions.DEFAULT, null)) {
      saved
          .exportOnnx(output.resolve("onnx"), glosses.evaluation(), 1e-4)
          .ifPresent(parity -> out.println("ONNX Runtime agrees: " + parity));
      saved.saveMerged(output.resolve("merged"));
      Example text = Example.of("a small bird with a red breast");
      out.println(text.text() + ": " + saved.predict(List.of(text)).get(0).labels());
    }
  }
}
