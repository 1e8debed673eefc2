import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.data.Packing;
import dev.lorikeet.lora.LoraConfig;
import dev.lorikeet.models.Initialization;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Task;
import dev.lorikeet.training.Trainable;
import dev.lorikeet.training.Trainer;
import dev.lorikeet.training.TrainingConfig;
import dev.lorikeet.training.TrainingData;
import dev.lorikeet.training.TrainingListener;
import dev.lorikeet.training.TrainingResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Tokens a second of a Llama of 8 layers, 512 wide, with LoRA: documents of 20 to 400 tokens in
 * batches by length, and packed into rows of 400. Rounds alternate.
 */
class PackingBenchmark {
  private static final String CONFIG =
      """
      {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 8192,
       "hidden_size": 512, "intermediate_size": 1376, "num_hidden_layers": 8,
       "num_attention_heads": 8, "num_key_value_heads": 8, "max_position_embeddings": 1024,
       "rms_norm_eps": 1e-6, "tie_word_embeddings": true, "bos_token_id": 1}
      """;

  public static void main(String[] arguments) throws Exception {
    int count = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 96;
    Path folder = Files.createTempDirectory("packing");
    Files.writeString(folder.resolve("config.json"), CONFIG);
    List<EncodedExample> documents = documents(count);
    List<EncodedExample> rows = Packing.rows(documents, 400);
    System.out.println(count + " documents, " + rows.size() + " rows");
    int perRow = Math.max(1, Math.round((float) documents.size() / rows.size()));
    for (int round = 0; round < 4; round++) {
      System.out.println("round " + round + (round == 0 ? " (warm-up)" : ""));
      System.out.println("  by length " + run(folder, documents, 16));
      System.out.println("  packed    " + run(folder, rows, 16 / perRow));
    }
  }

  /** Lengths spread evenly over their logarithm. */
  private static List<EncodedExample> documents(int count) {
    SplittableRandom random = new SplittableRandom(1);
    List<EncodedExample> documents = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int length = (int) (20 * Math.pow(20, random.nextDouble()));
      int[] ids = random.ints(length, 3, 8192).toArray();
      long[] labels = Arrays.stream(ids).asLongStream().toArray();
      labels[0] = EncodedExample.IGNORED;
      documents.add(new EncodedExample(ids, new int[length], labels, new float[0]));
    }
    return documents;
  }

  private static String run(Path folder, List<EncodedExample> data, int batchSize) {
    ModelOptions options =
        ModelOptions.DEFAULT
            .withTask(Task.CAUSAL_LM, List.of())
            .fromScratch(Initialization.PAPER);
    TrainingConfig config = TrainingConfig.DEFAULT.withEpochs(1).withBatchSize(batchSize, 1);
    try (Model model = Model.open(folder, options)) {
      List<Trainable> trainables = Trainable.of(Adapter.attach(model, LoraConfig.of(8, 16), 1));
      TrainingData examples = TrainingData.of(data);
      TrainingListener silent = TrainingListener.SILENT;
      TrainingResult result =
          new Trainer(model, trainables, examples, List.of(), 0, config, silent).run();
      return String.format(
          "%6.0f tokens/s, %4.1f %% padding, %d steps, %.1f s",
          result.tokensPerSecond(),
          100 * result.paddingRatio(),
          result.steps(),
          result.trainSeconds());
    }
  }
}
