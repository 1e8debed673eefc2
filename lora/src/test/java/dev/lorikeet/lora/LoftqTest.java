package dev.lorikeet.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.models.Dropout;
import dev.lorikeet.models.Linear;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.Parameter;
import dev.lorikeet.models.Safetensors;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** LoftQ's start on a matrix for which PEFT's was recorded (record_loftq.py). */
@Tag("numeric")
class LoftqTest {
  private static final int RANK = 5;

  private Scope scope;
  private Model model;
  private Safetensors recorded;

  @BeforeEach
  void open() throws URISyntaxException {
    scope = Scope.open();
    model = TinyBert.open(TinyBert.CLASSIFY);
    recorded =
        Safetensors.open(
            Path.of(Objects.requireNonNull(getClass().getResource("loftq.safetensors")).toURI()));
  }

  @AfterEach
  void close() {
    model.close();
    scope.close();
  }

  private Linear layer() {
    Parameter weight = new Parameter("layer.weight", recorded.tensor("w"), model.weightScope());
    return new Linear("layer", weight, null, false, model.mode());
  }

  private static double largest(Tensor x) {
    return x.abs().max().item();
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 4, 8})
  void weightsAreQuantisedAsInTheReference(int bits) {
    Tensor q = Quantized.of(recorded.tensor("w"), bits);
    // Levels times the largest magnitude, 0.4: some roundings of 3e-8.
    assertThat(largest(q.sub(recorded.tensor(bits + ".1.q")))).isLessThan(2e-7);
  }

  @ParameterizedTest
  @CsvSource({"2, 1", "2, 3", "4, 1", "4, 3", "8, 1", "8, 3"})
  void whatQuantisationLosesIsTheStart(int bits, int iterations) {
    for (double scaling : new double[] {1, 2.5}) {
      LoraInit init =
          LoraInit.of("loftq").with(new LoftqConfig(bits, iterations), EvaConfig.DEFAULT);
      LoraInit.Start start = init.start(layer(), RANK, scaling);
      Tensor product = start.b().matmul(start.a()).mul(scaling);
      // Of two decompositions of the same matrix, entries near 0.1.
      assertThat(largest(product.sub(recorded.tensor(bits + "." + iterations + ".ba"))))
          .isLessThan(1e-6);
    }
  }

  @Test
  void theLayerStartsAsTheBase() {
    Linear base = layer();
    LoraInit init = LoraInit.of("loftq");
    LoraLayer layer =
        new LoraLayer(
            base,
            Update.of(base, RANK, 2, init, model.weightScope()),
            null,
            new Dropout(0, model.mode()));
    Tensor x = Tensor.normal(0, 1, 3, 32);
    assertThat(largest(layer.forward(x).sub(base.forward(x)))).isLessThan(1e-6);
    assertThat(largest(layer.update().b().value())).isGreaterThan(0.01);
  }

  @Test
  void otherBitsAreRefused() {
    assertThatThrownBy(() -> new LoftqConfig(3, 1))
        .isInstanceOf(UsageException.class)
        .hasMessage("loftq_bits is 3: use 2, 4 or 8");
    assertThatThrownBy(() -> new LoftqConfig(4, 0))
        .isInstanceOf(UsageException.class)
        .hasMessage("loftq_iter is 0: it must be at least 1");
  }
}
