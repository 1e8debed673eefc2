package dev.lorikeet.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.Sample;
import dev.lorikeet.adapters.Targets;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelInput;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** EVA's start beside what PEFT makes of the same batches (record_eva.py). */
@Tag("numeric")
class EvaTest {
  private Scope scope;
  private Model model;
  private Safetensors recorded;
  private JsonNode cases;

  @BeforeEach
  void open() throws IOException, URISyntaxException {
    scope = Scope.open();
    model = TinyBert.open(TinyBert.CLASSIFY);
    recorded = Safetensors.open(resource("eva.safetensors"));
    cases = new ObjectMapper().readTree(resource("eva.json").toFile());
  }

  private static Path resource(String name) throws URISyntaxException {
    return Path.of(Objects.requireNonNull(EvaTest.class.getResource(name)).toURI());
  }

  @AfterEach
  void close() {
    model.close();
    scope.close();
  }

  private static LoraConfig config(EvaConfig eva) {
    return LoraConfig.of(8, 12)
        .but()
        .targets(
            Targets.of("query", "key", "value", "attention.output.dense", "intermediate.dense"))
        .init(LoraInit.of("eva").with(LoftqConfig.DEFAULT, eva))
        .build();
  }

  private List<Sample> batches(boolean labelledOnly) {
    List<Sample> batches = new ArrayList<>();
    for (int i = 0; recorded.names().contains("batch" + i + ".input_ids"); i++) {
      Tensor mask = recorded.tensor("batch" + i + ".attention_mask");
      long[] attended = mask.toLongs();
      long[] labels = recorded.tensor("batch" + i + ".labels").toLongs();
      long[] counted =
          LongStream.range(0, attended.length)
              .filter(p -> attended[(int) p] == 1 && !(labelledOnly && labels[(int) p] == -100))
              .toArray();
      batches.add(
          new Sample(
              new ModelInput(recorded.tensor("batch" + i + ".input_ids"), mask, null),
              Map.of(mask.size(1), Tensor.of(counted, counted.length))));
    }
    return batches;
  }

  /** What is made for a batch is gone when the next is asked for, however many there are. */
  @Test
  void batchesAreTakenOneAfterTheOther() {
    List<Sample> recordedBatches = batches(false);
    List<Long> live = new ArrayList<>();
    List<Sample> made =
        new AbstractList<>() {
          @Override
          public Sample get(int index) {
            live.add(Tensor.live());
            Sample batch = recordedBatches.get(index % recordedBatches.size());
            return new Sample(
                new ModelInput(batch.input().inputIds().copy(), null, null), batch.counted());
          }

          @Override
          public int size() {
            return 40;
          }
        };
    LoraConfig config =
        LoraConfig.of(2, 4)
            .but()
            .targets(Targets.of("query"))
            .init(LoraInit.of("eva").with(LoftqConfig.DEFAULT, EvaConfig.DEFAULT))
            .build();
    Eva.attach(model, config, 1, made, remark -> {});
    assertThat(live).hasSizeGreaterThan(4);
    assertThat(live.subList(2, live.size())).containsOnly(live.get(2));
  }

  @ParameterizedTest
  @ValueSource(strings = {"redistributed", "whitened"})
  void ranksAndDirectionsAreThoseOfTheReference(String name) {
    JsonNode expected = cases.path(name);
    EvaConfig eva = EvaConfig.read(expected.path("settings"));
    Adapter adapter = Eva.attach(model, config(eva), 1, batches(eva.useLabelMask()), remark -> {});
    LoraConfig found = (LoraConfig) adapter.config();
    assertThat(new ObjectMapper().<JsonNode>valueToTree(found.rankPattern()))
        .isEqualTo(expected.path("rank_pattern"));
    assertThat(found.alphaPattern())
        .isEqualTo(new ObjectMapper().convertValue(expected.path("alpha_pattern"), Map.class));
    assertThat(adapter.layers()).isNotEmpty();
    adapter
        .layers()
        .forEach(
            (path, layer) -> {
              Map<String, Parameter> parameters = layer.parameters();
              Tensor a = Objects.requireNonNull(parameters.get("lora_A.weight")).original();
              Tensor b = Objects.requireNonNull(parameters.get("lora_B.weight")).original();
              Tensor wanted = recorded.tensor(name + "." + path);
              assertThat(b.abs().max().item()).isZero();
              // Where layers share what they read, PEFT 0.21 whitens their one tensor once for
              // each.
              boolean shared = path.matches(".*(query|key|value)");
              boolean lengths = !(eva.whiten() && shared);
              Tensor own = gram(lengths ? a.detach() : directions(a.detach()));
              Tensor theirs = gram(lengths ? wanted : directions(wanted));
              Tensor difference = own.sub(theirs);
              double size = theirs.abs().max().item();
              assertThat(difference.abs().max().item()).as(path).isLessThan(1e-4 * size);
            });
  }

  private static Tensor directions(Tensor a) {
    return a.div(a.norm(1).unsqueeze(1));
  }

  private static Tensor gram(Tensor a) {
    return a.transpose(0, 1).matmul(a);
  }

  @Test
  void theAdapterStartsAsTheBase() {
    Tensor base = TinyBert.logits(model);
    Eva.attach(model, config(EvaConfig.DEFAULT), 1, batches(false), remark -> {});
    assertThat(TinyBert.logits(model).sameAs(base)).isTrue();
  }

  @Test
  void withoutRedistributionRanksStay() {
    EvaConfig eva = new EvaConfig(1, 0.9, false, false, true);
    Adapter adapter = Eva.attach(model, config(eva), 1, batches(false), remark -> {});
    LoraConfig found = (LoraConfig) adapter.config();
    assertThat(found.rankPattern()).isEmpty();
    assertThat(adapter.layers()).hasSize(10);
  }

  @Test
  void dataAreNeeded() {
    assertThatThrownBy(() -> Adapter.attach(model, config(EvaConfig.DEFAULT), 1))
        .isInstanceOf(UsageException.class)
        .hasMessage("LORA is to start from data here: attach it with a sample of them");
  }

  @Test
  void moreDirectionsThanInputsAreRefused() {
    LoraConfig wide = config(new EvaConfig(5, 0.99, false, false, true));
    assertThatThrownBy(() -> Eva.attach(model, wide, 1, batches(false), remark -> {}))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining(
            "rank 8 times rho 5.0 is more than the 32 inputs of"
                + " bert.encoder.layer.0.attention.self.query: lower r or rho");
  }
}
