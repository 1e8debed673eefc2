package dev.lorikeet.models;

import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.UsageException;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** How the weight matrices of new layers are drawn; biases start at zero. */
public enum Initialization {
  /**
   * As the architecture's paper says: for BERT a normal distribution of standard deviation {@code
   * initializer_range}, truncated at two standard deviations (Devlin et al. 2019,
   * arXiv:1810.04805).
   */
  PAPER {
    @Override
    Tensor draw(long out, long in, double range) {
      return Tensor.truncatedNormal(range, out, in);
    }
  },
  /** U(−a, a) with a = √(6 / (in + out)) (Glorot and Bengio 2010). */
  XAVIER {
    @Override
    Tensor draw(long out, long in, double range) {
      double a = Math.sqrt(6.0 / (in + out));
      return Tensor.uniform(-a, a, out, in);
    }
  },
  /** N(0, 2 / in) (He et al. 2015, arXiv:1502.01852). */
  HE {
    @Override
    Tensor draw(long out, long in, double range) {
      return Tensor.normal(0, Math.sqrt(2.0 / in), out, in);
    }
  };

  /** A new weight [out, in], float32. */
  abstract Tensor draw(long out, long in, double range);

  /** The name that users type. */
  public String id() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * The initialisation called {@code id}.
   *
   * @throws UsageException when there is none, listing those there are
   */
  public static Initialization of(String id) {
    return Arrays.stream(values())
        .filter(initialization -> initialization.id().equals(id))
        .findFirst()
        .orElseThrow(
            () ->
                new UsageException(
                    "unknown initialization \""
                        + id
                        + "\": use "
                        + Arrays.stream(values())
                            .map(Initialization::id)
                            .collect(Collectors.joining(", "))));
  }
}
