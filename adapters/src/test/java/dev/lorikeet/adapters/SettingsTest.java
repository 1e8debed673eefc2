package dev.lorikeet.adapters;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.torch.LorikeetException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Numbers of adapter_config.json that no adapter has. */
class SettingsTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "r | 4294967304 | r must be a whole number, not 4294967304",
        "r | 2147483647 | r must be at most 100000, not 2147483647",
        "loftq_iter | 2147483647 | loftq_iter must be at most 100000, not 2147483647",
      })
  void sizesThatNoAdapterHasAreRefused(String key, String value, String message)
      throws JsonProcessingException {
    ObjectNode json = json("{\"" + key + "\": " + value + "}");
    assertThatThrownBy(() -> new Settings(json).integer(key, 8))
        .isInstanceOf(LorikeetException.class)
        .hasMessage("adapter_config.json: " + message);
  }

  @ParameterizedTest
  @ValueSource(strings = {"4294967296", "0.5", "[0, true]"})
  void layersAreWholeNumbers(String layers) throws JsonProcessingException {
    ObjectNode json =
        json("{\"target_modules\": [\"q\"], \"layers_to_transform\": " + layers + "}");
    assertThatThrownBy(() -> Targets.read(json))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "adapter_config.json: layers_to_transform must be layers' numbers, not "
                + json.path("layers_to_transform"));
  }

  private static ObjectNode json(String text) throws JsonProcessingException {
    return (ObjectNode) new ObjectMapper().readTree(text);
  }
}
