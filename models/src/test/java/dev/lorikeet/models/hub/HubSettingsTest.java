package dev.lorikeet.models.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The variables of Python's {@code huggingface_hub}, with its own meanings. */
class HubSettingsTest {
  @TempDir Path home;

  private static HubSettings of(Map<String, String> environment) {
    return HubSettings.of(environment);
  }

  @Test
  void withoutVariablesItIsTheHubAndTheUsersCache() {
    HubSettings settings = of(Map.of("HOME", home.toString()));
    assertThat(settings.endpoint()).hasToString("https://huggingface.co");
    assertThat(settings.cache()).isEqualTo(home.resolve(".cache/huggingface/hub"));
    assertThat(settings.token()).isNull();
    assertThat(settings.offline()).isFalse();
  }

  @Test
  void cacheIsTheNearestNamed() {
    assertThat(of(Map.of("XDG_CACHE_HOME", "/x")).cache()).isEqualTo(Path.of("/x/huggingface/hub"));
    assertThat(of(Map.of("XDG_CACHE_HOME", "/x", "HF_HOME", "/h")).cache())
        .isEqualTo(Path.of("/h/hub"));
    assertThat(of(Map.of("HF_HOME", "/h", "HF_HUB_CACHE", "/c")).cache()).isEqualTo(Path.of("/c"));
    assertThat(of(Map.of("HF_HOME", "/h", "HUGGINGFACE_HUB_CACHE", "/old")).cache())
        .isEqualTo(Path.of("/old"));
  }

  @Test
  void homeAndVariablesInFoldersAreFilledIn() {
    Map<String, String> environment =
        Map.of("HOME", home.toString(), "USER", "u$1", "HF_HUB_CACHE", "~/${USER}/$USER/$NONE");
    assertThat(of(environment).cache()).isEqualTo(home.resolve("u$1/u$1/$NONE"));
  }

  @Test
  void tokenIsTheVariablesElseTheFiles() throws IOException {
    Path file = Files.writeString(home.resolve("token"), " hf_file\n");
    Path other = Files.writeString(home.resolve("other"), "hf_other");
    String folder = home.toString();
    assertThat(of(Map.of("HF_HOME", folder)).token()).isEqualTo("hf_file");
    assertThat(of(Map.of("HF_HOME", folder, "HF_TOKEN_PATH", other.toString())).token())
        .isEqualTo("hf_other");
    assertThat(of(Map.of("HF_HOME", folder, "HF_TOKEN", "hf_variable\n")).token())
        .isEqualTo("hf_variable");
    Files.writeString(file, "\n");
    assertThat(of(Map.of("HF_HOME", folder)).token()).isNull();
  }

  @Test
  void tokenIsNeverShown() {
    assertThat(of(Map.of("HF_TOKEN", "hf_secret"))).asString().doesNotContain("hf_secret");
    assertThatThrownBy(() -> of(Map.of("HF_TOKEN", "hf_secret and more")))
        .isInstanceOf(UsageException.class)
        .hasMessage(
            "the hub's token has spaces or letters that no token has: copy it again to HF_TOKEN");
  }

  @ParameterizedTest
  @CsvSource({
    "1, '', true",
    "TRUE, '', true",
    "Yes, '', true",
    "on, '', true",
    "0, '', false",
    "'', 1, true",
    "0, 1, false",
    "'', '', false",
    "maybe, '', false"
  })
  void offlineIsSaidInFourWays(String hub, String transformers, boolean offline) {
    assertThat(of(Map.of("HF_HUB_OFFLINE", hub, "TRANSFORMERS_OFFLINE", transformers)).offline())
        .isEqualTo(offline);
  }

  @Test
  void endpointMayEndWithASlash() {
    assertThat(of(Map.of("HF_ENDPOINT", "http://10.0.0.1:8080/hf//")).endpoint())
        .hasToString("http://10.0.0.1:8080/hf");
  }

  @ParameterizedTest
  @ValueSource(strings = {"huggingface.co", "ftp://x", "https://", "http://a b", "https://x?y=1"})
  void endpointThatIsNoAddressIsRefused(String endpoint) {
    assertThatThrownBy(() -> of(Map.of("HF_ENDPOINT", endpoint)))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining("\": give the address of a hub, such as https://huggingface.co");
  }

  @Test
  void timeoutIsInSeconds() {
    assertThat(of(Map.of("HF_HUB_DOWNLOAD_TIMEOUT", "7")).timeout())
        .isEqualTo(Duration.ofSeconds(7));
    assertThatThrownBy(() -> of(Map.of("HF_HUB_DOWNLOAD_TIMEOUT", "soon")))
        .isInstanceOf(UsageException.class)
        .hasMessage("HF_HUB_DOWNLOAD_TIMEOUT is \"soon\": give whole seconds, such as 30");
  }

  @Test
  void snapshotsKnowWhoseTheyAre() {
    String commit = "0123456789abcdef0123456789abcdef01234567";
    Path snapshots = home.resolve("models--org--name/snapshots");
    assertThat(HubName.ofSnapshot(snapshots.resolve(commit)))
        .isEqualTo(new HubName("org/name", commit));
    assertThat(HubName.ofSnapshot(snapshots.resolve("main"))).isNull();
    assertThat(HubName.ofSnapshot(home.resolve("models--name/snapshots/" + commit))).isNull();
    assertThat(HubName.ofSnapshot(home.resolve("datasets--org--name/snapshots/" + commit)))
        .isNull();
    assertThat(HubName.ofSnapshot(Path.of("model"))).isNull();
  }
}
