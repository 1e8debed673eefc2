package dev.lorikeet.lora;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.models.Blueprint;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelConfig;
import dev.lorikeet.models.ModelOptions;
import org.junit.jupiter.api.Test;

class BlueprintAdapterTest {
  @Test
  void adapterIsCountedOnAModelThatIsNotThere() {
    ModelConfig config = ModelConfig.read(TinyBert.folder(TinyBert.CLASSIFY));
    LoraConfig lora = LoraConfig.of(4, 8);
    try (Blueprint blueprint = Blueprint.of(config, ModelOptions.DEFAULT);
        Model model = TinyBert.open(TinyBert.CLASSIFY)) {
      Adapter planned = Adapter.attach(blueprint.model(), lora, 1);
      Adapter real = Adapter.attach(model, lora, 1);
      assertThat(planned.parameters().keySet())
          .containsExactlyElementsOf(real.parameters().keySet());
      assertThat(Model.count(planned.parameters().values()))
          .isPositive()
          .isEqualTo(Model.count(real.parameters().values()));
    }
  }

  /** 512 layers of width 16,384, 1.7 T parameters, and rank 2 in all linear layers. */
  @Test
  void sizeOfTheBaseDoesNotMatter() {
    ObjectNode json = ModelConfig.read(TinyBert.folder(TinyBert.MLM)).json();
    json.put("hidden_size", 16_384).put("intermediate_size", 65_536);
    json.put("num_hidden_layers", 512).put("num_attention_heads", 128);
    try (Blueprint blueprint =
        Blueprint.of(ModelConfig.of("config.json", json), ModelOptions.DEFAULT)) {
      assertThat(blueprint.count()).isGreaterThan(1_600_000_000_000L);
      Adapter adapter = Adapter.attach(blueprint.model(), LoraConfig.of(2, 4), 1);
      long square = 2 * (16_384 + 16_384); // attention, and the head's transform
      long feedForward = 2 * (16_384 + 65_536);
      assertThat(Model.count(adapter.parameters().values()))
          .isEqualTo(512 * (4 * square + 2 * feedForward) + square);
    }
  }
}
