package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.torch.LorikeetException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JsonFileTest {
  @TempDir private Path folder;

  @Test
  void isReadWhole() throws IOException {
    Path file = Files.writeString(folder.resolve("a.json"), "{\"a\": [1, 2]}\n");
    assertThat(JsonFile.read(file)).hasToString("{\"a\":[1,2]}");
    assertThat(JsonFile.read(Files.writeString(file, "")).isMissingNode()).isTrue();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      value = {
        "{\"a\": 1; it ends too early, at line 1, character 8",
        "{\"a\": 1}}; unexpected close marker '}'",
        "{\"a\": 1} [2]; there is more behind its end, at line 1, character 10",
        "{\"a\": x}; unrecognized token 'x'",
      })
  void isToldWithItsPlaceWhereItIsNone(String text, String what) throws IOException {
    Path file = Files.writeString(folder.resolve("a.json"), text);
    assertThatThrownBy(() -> JsonFile.read(file))
        .isInstanceOf(LorikeetException.class)
        .hasMessageStartingWith(file + " is not JSON: " + what)
        .hasMessageNotContaining("\n")
        .hasMessageNotContaining("`");
  }

  @Test
  void thatIsMissingIsNamed() {
    Path file = folder.resolve("none.json");
    assertThatThrownBy(() -> JsonFile.read(file))
        .isInstanceOf(LorikeetException.class)
        .hasMessageStartingWith("cannot read " + file);
  }
}
