package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

class SafetensorsPropertyTest {
  /** Names are any text, types and shapes are any: what is written is what is read. */
  @Property(tries = 100)
  void whatIsWrittenIsRead(
      @ForAll @Size(max = 6) Map<String, DType> types,
      @ForAll @Size(max = 3) List<@IntRange(min = 0, max = 5) Integer> sizes)
      throws IOException {
    Path file = Files.createTempFile("lorikeet", ".safetensors");
    long[] shape = sizes.stream().mapToLong(Integer::longValue).toArray();
    long count = Arrays.stream(shape).reduce(1, (a, b) -> a * b);
    try (Scope scope = Scope.open()) {
      Map<String, Tensor> tensors = new TreeMap<>();
      for (Map.Entry<String, DType> entry : types.entrySet()) {
        Tensor values = Tensor.uniform(0, 100, shape);
        tensors.put(entry.getKey(), values.to(entry.getValue()));
      }
      Safetensors.write(file, tensors, Map.of("count", Long.toString(count)));

      Safetensors read = Safetensors.open(file);
      assertThat(read.names()).containsExactlyInAnyOrderElementsOf(tensors.keySet());
      assertThat(read.metadata()).containsExactly(Map.entry("count", Long.toString(count)));
      tensors.forEach(
          (name, tensor) -> {
            assertThat(read.tensor(name).dtype()).isEqualTo(tensor.dtype());
            assertThat(read.tensor(name).shape()).isEqualTo(shape);
            assertThat(read.tensor(name).toBytes()).isEqualTo(tensor.toBytes());
            assertThat(read.entry(name).end() - read.entry(name).start())
                .isEqualTo(count * tensor.dtype().bytes());
          });
    } finally {
      Files.delete(file);
    }
  }
}
