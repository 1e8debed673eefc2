package dev.lorikeet.training;

import dev.lorikeet.data.Batch;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.models.Temporary;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.function.ToIntFunction;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/**
 * States of a data set's examples, one after the other in a temporary file that is mapped: what of
 * them is in memory at a time is up to the operating system.
 *
 * <p>Axes: N states, n those of a batch, B rows, T tokens a row, D width.
 */
final class KeptStates {
  /** Where the file lies. */
  static final Path FOLDER = Path.of(System.getProperty("java.io.tmpdir"));

  private static final Set<StandardOpenOption> CREATE_OWN =
      Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);

  private final Tensor states; // [N, D]
  private final long[] starts;
  private final int[] counts;

  private KeptStates(Tensor states, long[] starts, int[] counts) {
    this.states = states;
    this.starts = starts;
    this.counts = counts;
  }

  /** Whether so many bytes are at most half of the space that is free. */
  static boolean fit(long bytes) {
    try {
      return bytes <= Files.getFileStore(FOLDER).getUsableSpace() / 2;
    } catch (IOException e) {
      throw notWritten(e);
    }
  }

  /**
   * Computes and writes the states of all examples; they belong to the present scope.
   *
   * @param count how many states an example has
   * @param computed the states of a batch, [n, D], those of a row side by side
   * @throws LorikeetException when the file cannot be written
   */
  static KeptStates compute(
      List<EncodedExample> examples,
      ToIntFunction<EncodedExample> count,
      Predictor predictor,
      Function<Batch, Tensor> computed) {
    int[] counts = examples.stream().mapToInt(count).toArray();
    long[] starts = new long[counts.length];
    long[] shape = {0, 0};
    DType[] dtype = {DType.FLOAT32};
    try {
      Temporary temporary = Temporary.in(FOLDER).claim();
      Path file = temporary.path();
      try (FileChannel out = FileChannel.open(file, CREATE_OWN, ownersOnly(file))) {
        predictor.batches(
            examples,
            batch -> {
              Tensor states = computed.apply(batch);
              for (int index : batch.indices()) {
                starts[index] = shape[0];
                shape[0] += counts[index];
              }
              shape[1] = states.size(1);
              dtype[0] = states.dtype();
              write(states.hostMemory(), out);
            });
        Tensor mapped = Tensor.map(file, dtype[0], shape[0] * shape[1]);
        return new KeptStates(mapped.reshape(shape), starts, counts);
      } finally {
        temporary
            .close(); // a mapped file lives on; where it cannot be removed, the next run does it
      }
    } catch (IOException e) {
      throw notWritten(e);
    }
  }

  private static void write(ByteBuffer bytes, FileChannel out) {
    try {
      while (bytes.hasRemaining()) {
        out.write(bytes);
      }
    } catch (IOException e) {
      throw notWritten(e);
    }
  }

  /** Texts can be read out of states, and others may read the folder. */
  private static FileAttribute<?>[] ownersOnly(Path file) {
    return file.getFileSystem().supportedFileAttributeViews().contains("posix")
        ? new FileAttribute<?>[] {
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"))
        }
        : new FileAttribute<?>[0];
  }

  private static LorikeetException notWritten(IOException e) {
    return new LorikeetException(
        "states of frozen layers cannot be kept in "
            + FOLDER
            + " ("
            + e.getMessage()
            + "): set the system property java.io.tmpdir, or cache_features: false",
        e);
  }

  /** The states of a batch's rows, [n, D], in host memory. */
  Tensor of(Batch batch) {
    return at(IntStream.of(batch.indices()).mapToObj(this::own));
  }

  /**
   * The same, each row padded to the batch's length, [B, T, D]: with its first state, since nothing
   * reads what stands for padding.
   */
  Tensor padded(Batch batch) {
    Stream<LongStream> rows =
        IntStream.of(batch.indices())
            .mapToObj(
                i ->
                    batch.documents().length > 0
                        ? own(i)
                        : LongStream.concat(
                            own(i), padding(starts[i], batch.length() - counts[i])));
    return at(rows).reshape(batch.rows(), batch.length(), states.size(1));
  }

  private LongStream own(int example) {
    return LongStream.range(starts[example], starts[example] + counts[example]);
  }

  private static LongStream padding(long place, int count) {
    return LongStream.generate(() -> place).limit(count);
  }

  private Tensor at(Stream<LongStream> rows) {
    long[] places = rows.flatMapToLong(row -> row).toArray();
    return states.index(0, Tensor.of(places, places.length));
  }
}
