package dev.lorikeet.endtoend;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** One tensor under two names: the file's, which nothing reads, and the one that is looked for. */
class TwinTensorsTest {
  @TempDir private Path folder;

  @ParameterizedTest
  @CsvSource({
    "cases/decoder-bias/bert, masked-lm, cls.predictions.decoder.bias, cls.predictions.bias,"
        + " cls.predictions.output_bias",
    "golden/modernbert-mlm-lora, masked-lm, decoder.bias, decoder.bias, decoder.out.bias",
    "cases/head-size/model, sequence-classification, classifier.bias, classifier.bias,"
        + " classifier.out_proj.bias",
    "cases/head-size/model, sequence-classification, bert.pooler.dense.weight,"
        + " bert.pooler.dense.weight, module.bert.pooler.dense.weight"
  })
  void areRefusedWithBothNames(
      String resource, String task, String stored, String missing, String unread)
      throws IOException {
    Path base = Path.of("resources").resolve(resource);
    Files.copy(base.resolve("config.json"), folder.resolve("config.json"));
    Safetensors file = Safetensors.open(base.resolve("model.safetensors"));
    try (Scope scope = Scope.open()) {
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      file.names().forEach(name -> tensors.put(name, file.tensor(name)));
      Tensor renamed = Objects.requireNonNull(tensors.remove(stored), () -> stored + file.names());
      tensors.put(unread, renamed);
      Safetensors.write(folder.resolve("model.safetensors"), tensors, file.metadata());
    }
    ModelOptions options =
        ModelOptions.DEFAULT.withHead(Tasks.named(task).headType(), labels(task));
    assertThatThrownBy(() -> Model.open(folder, options).close())
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "%s: tensor \"%s\" is read by nothing, and \"%s\" of the same shape is missing: rename"
                + " it if they are one, else remove it",
            folder, unread, missing);
  }

  private static List<String> labels(String task) {
    return task.equals("masked-lm")
        ? List.of()
        : List.of("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l");
  }
}
