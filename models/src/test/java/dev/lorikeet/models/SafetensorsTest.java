package dev.lorikeet.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lorikeet.torch.DType;
import dev.lorikeet.torch.Device;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class SafetensorsTest {
  @TempDir Path folder;
  private Scope scope;

  @BeforeEach
  void open() {
    scope = Scope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  // ---- against the reference implementation ----

  /** Files that transformers and PEFT wrote: a model, an adapter, and int64 beside float32. */
  @ParameterizedTest
  @ValueSource(strings = {"bert", "adapter", "mixed"})
  void filesOfTheReferenceImplementationAreRewrittenByteForByte(String name) throws IOException {
    byte[] golden;
    try (InputStream in = getClass().getResourceAsStream("/safetensors/" + name + ".safetensors")) {
      golden = Objects.requireNonNull(in).readAllBytes();
    }
    Path original = Files.write(folder.resolve("original.safetensors"), golden);
    Path rewritten = folder.resolve("rewritten.safetensors");

    Safetensors file = Safetensors.open(original);
    Safetensors.write(rewritten, tensors(file), file.metadata());

    assertThat(file.names()).hasSizeGreaterThan(5);
    assertThat(Files.readAllBytes(rewritten)).isEqualTo(golden);
  }

  /** The expected bytes are those of the reference implementation's own tests. */
  @Test
  void metadataIsSortedSoThatTheBytesAreTheSameInEveryProcess(@TempDir Path folder)
      throws IOException {
    Map<String, String> metadata = new LinkedHashMap<>();
    metadata.put("ss_network_dim", "4");
    metadata.put("format", "pt");
    Path file = folder.resolve("a.safetensors");
    try (Scope scope = Scope.open()) {
      Safetensors.write(file, Map.of("x", Tensor.of(new float[] {1}, 1)), metadata);
    }
    assertThat(Files.readString(file, StandardCharsets.ISO_8859_1))
        .contains("{\"format\":\"pt\",\"ss_network_dim\":\"4\"}");
  }

  @Test
  void headersAreThoseOfTheReferenceImplementation() throws IOException {
    Path file = folder.resolve("x.safetensors");
    Safetensors.write(file, Map.of(), Map.of());
    assertThat(Files.readAllBytes(file))
        .containsExactly(8, 0, 0, 0, 0, 0, 0, 0, '{', '}', ' ', ' ', ' ', ' ', ' ', ' ');

    Safetensors.write(file, Map.of(), Map.of("framework", "pt"));
    assertThat(header(file)).isEqualTo("{\"__metadata__\":{\"framework\":\"pt\"}}     ");

    Tensor tensor = Tensor.of(new float[] {0, 1, 2, 3, 4, 5}, 1, 1, 2, 3);
    Safetensors.write(file, Map.of("attn0", tensor), Map.of());
    assertThat(header(file))
        .isEqualTo(
            "{\"attn0\":{\"dtype\":\"F32\",\"shape\":[1,1,2,3],\"data_offsets\":[0,24]}}       ");
  }

  /** By falling alignment, then by the bytes of the name; escapes as serde_json writes them. */
  @Test
  void tensorsAreOrderedAndNamesEscapedAsTheReferenceImplementationDoes() throws IOException {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("flags", Tensor.zeros(DType.BOOL, Device.CPU, 1));
    tensors.put("\uFF5E", Tensor.zeros(DType.BFLOAT16, Device.CPU, 1));
    tensors.put("\uD83D\uDE00", Tensor.zeros(DType.BFLOAT16, Device.CPU, 1));
    tensors.put("a \"\\/\n\u001f\u007f\u2028é", Tensor.zeros(DType.FLOAT16, Device.CPU, 1));
    tensors.put("B", Tensor.zeros(DType.FLOAT32, Device.CPU));
    tensors.put("A", Tensor.zeros(DType.FLOAT32, Device.CPU));
    tensors.put("z", Tensor.zeros(DType.INT64, Device.CPU, 0, 7));
    Path file = folder.resolve("x.safetensors");
    Safetensors.write(file, tensors, Map.of());
    assertThat(header(file).stripTrailing())
        .isEqualTo(
            "{\"z\":{\"dtype\":\"I64\",\"shape\":[0,7],\"data_offsets\":[0,0]},"
                + "\"A\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
                + "\"B\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[4,8]},"
                + "\"\uFF5E\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[8,10]},"
                + "\"\uD83D\uDE00\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[10,12]},"
                + "\"a \\\"\\\\/\\n\\u001f\u007f\u2028é\":"
                + "{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[12,14]},"
                + "\"flags\":{\"dtype\":\"BOOL\",\"shape\":[1],\"data_offsets\":[14,15]}}");
    assertThat(Safetensors.open(file).names())
        .containsExactlyInAnyOrderElementsOf(tensors.keySet());
  }

  // ---- what is read ----

  @ParameterizedTest
  @EnumSource
  void everyTypeIsReadBitForBitAlignedOrNot(DType dtype) throws IOException {
    byte[] data = new byte[6 * dtype.bytes()];
    new Random(dtype.bytes()).nextBytes(data);
    if (dtype == DType.BOOL) {
      data = new byte[] {1, 0, 1, 1, 0, 0};
    }
    String json =
        "{\"x\":{\"dtype\":\"%s\",\"shape\":[2,3],\"data_offsets\":[0,%d]}}"
            .formatted(dtype.safetensorsName(), data.length);
    for (int padding = 0; padding < 8; padding++) {
      Path path = file("x" + padding, json + " ".repeat(padding), data);
      Tensor tensor = Safetensors.open(path).tensor("x");
      assertThat(tensor.dtype()).isEqualTo(dtype);
      assertThat(tensor.shape()).containsExactly(2, 3);
      assertThat(tensor.toBytes()).isEqualTo(data);

      Path copy = folder.resolve("copy");
      Safetensors.write(copy, Map.of("x", tensor), Map.of());
      assertThat(Safetensors.open(copy).tensor("x").toBytes()).isEqualTo(data);
    }
  }

  @Test
  void scalarsAndEmptyTensorsKeepTheirShapes() {
    Path path = folder.resolve("x.safetensors");
    Safetensors.write(
        path,
        Map.of(
            "scalar", Tensor.of(new float[] {7}),
            "empty", Tensor.zeros(DType.BFLOAT16, Device.CPU, 3, 0)),
        Map.of());
    Safetensors file = Safetensors.open(path);
    assertThat(file.entry("scalar").shape()).isEmpty();
    assertThat(file.tensor("scalar").item()).isEqualTo(7);
    assertThat(file.tensor("empty").shape()).containsExactly(3, 0);
    assertThat(file.tensor("empty").dtype()).isEqualTo(DType.BFLOAT16);
    assertThat(file.tensor("empty").toBytes()).isEmpty();
  }

  @Test
  void namesComeInTheOrderOfTheHeaderAndMetadataBesideThem() throws IOException {
    String json =
        "{\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]},"
            + "\"__metadata__\":{\"format\":\"pt\",\"rank\":\"8\"},"
            + "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}";
    Safetensors file = Safetensors.open(file("x", json, new byte[] {5, 6}));
    assertThat(file.names()).containsExactly("b", "a");
    assertThat(file.metadata()).containsExactly(Map.entry("format", "pt"), Map.entry("rank", "8"));
    assertThat(file.tensor("a").toLongs()).containsExactly(5);
    assertThat(file.tensor("b").toLongs()).containsExactly(6);
  }

  @Test
  void tensorsAreMappedAndWritingToOneLeavesTheFileAlone() throws IOException {
    Path path = folder.resolve("x.safetensors");
    Safetensors.write(path, Map.of("x", Tensor.of(new float[] {1, 2}, 2)), Map.of());
    byte[] before = Files.readAllBytes(path);
    Tensor tensor = Safetensors.open(path).tensor("x");
    tensor.addInPlace(Tensor.of(new float[] {1, 1}, 2), 1);
    assertThat(tensor.toFloats()).containsExactly(2, 3);
    assertThat(Files.readAllBytes(path)).isEqualTo(before);
  }

  /** A file with a hole of 3 GiB: it takes no disk, and would not fit the test's heap. */
  @Test
  void tensorsAboveTwoGibibytesAreOpenedWithoutReadingThem() throws IOException {
    long size = 3L << 30;
    String json =
        "{\"huge\":{\"dtype\":\"U8\",\"shape\":[%d],\"data_offsets\":[0,%d]}}"
            .formatted(size, size);
    Path path = file("huge", json, new byte[0]);
    try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
      file.setLength(file.length() + size);
      file.seek(file.length() - 1);
      file.write(42);
    }
    Tensor huge = Safetensors.open(path).tensor("huge");
    assertThat(huge.count()).isEqualTo(size);
    assertThat(huge.narrow(0, size - 2, 2).toLongs()).containsExactly(0, 42);
  }

  @Test
  void readingLeavesNoTensorBehindButTheResult() throws IOException {
    Path path = folder.resolve("x.safetensors");
    Safetensors.write(path, Map.of("x", Tensor.of(new float[] {1, 2}, 2)), Map.of());
    long before = Tensor.live();
    Safetensors file = Safetensors.open(path);
    file.tensor("x");
    Safetensors.write(folder.resolve("y"), Map.of("x", file.tensor("x")), Map.of());
    assertThat(Tensor.live()).isEqualTo(before + 2);
  }

  // ---- what is written ----

  /** 20 MiB: more than one of the pieces in which files are written. */
  @Test
  void largeTensorsAreWrittenInPieces() {
    Tensor large = Tensor.arange(0, 2_621_440, Device.CPU);
    Path path = folder.resolve("x.safetensors");
    Safetensors.write(path, Map.of("x", large), Map.of());
    assertThat(Safetensors.open(path).tensor("x").sameAs(large)).isTrue();
  }

  @Test
  void transposedTensorsAreWrittenRowByRow() {
    Tensor tensor = Tensor.of(new float[] {1, 2, 3, 4, 5, 6}, 2, 3).transpose(0, 1);
    Path path = folder.resolve("x.safetensors");
    Safetensors.write(path, Map.of("x", tensor), Map.of());
    Tensor read = Safetensors.open(path).tensor("x");
    assertThat(read.shape()).containsExactly(3, 2);
    assertThat(read.toFloats()).containsExactly(1, 4, 2, 5, 3, 6);
  }

  @Test
  void fileThatCannotBeFinishedLeavesTheOldOneAndNothingElse() throws IOException {
    Path path = folder.resolve("x.safetensors");
    Safetensors.write(path, Map.of("x", Tensor.of(new float[] {1, 2}, 2)), Map.of());
    byte[] before = Files.readAllBytes(path);
    Tensor freed = Scope.tidy(() -> Tensor.arange(0, 1000, Device.CPU));
    freed.shape();
    freed.dtype();
    scope.release(freed);
    Map<String, Tensor> tensors = Map.of("a", Tensor.arange(0, 9, Device.CPU), "b", freed);
    assertThatThrownBy(() -> Safetensors.write(path, tensors, Map.of()))
        .isInstanceOf(IllegalStateException.class);
    assertThat(Files.readAllBytes(path)).isEqualTo(before);
    assertThat(folder).isDirectoryNotContaining(p -> !p.equals(path));
  }

  @Test
  void nameOfTheMetadataIsNoTensors() {
    Map<String, Tensor> tensors = Map.of("__metadata__", Tensor.arange(0, 9, Device.CPU));
    assertThatThrownBy(() -> Safetensors.write(folder.resolve("x"), tensors, Map.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("no tensor can be called __metadata__");
    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void unwritablePlaceIsRefused() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "");
    assertThatThrownBy(() -> Safetensors.write(file.resolve("x"), Map.of(), Map.of()))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "%s cannot be written: %s is not a folder: choose another output",
            file.resolve("x"), file);
  }

  // ---- what is refused ----

  @Test
  void missingFile() {
    Path path = folder.resolve("none.safetensors");
    assertThatThrownBy(() -> Safetensors.open(path))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(path + " does not exist");
  }

  @Test
  void folderInsteadOfAFile() {
    assertThatThrownBy(() -> Safetensors.open(folder))
        .isInstanceOf(LorikeetException.class)
        .hasMessageStartingWith(folder + " cannot be read: ");
  }

  @Test
  void fileShorterThanTheHeaderSize() throws IOException {
    Path path = Files.write(folder.resolve("x"), new byte[] {1, 2, 3});
    assertThatThrownBy(() -> Safetensors.open(path))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "%s is truncated: it has 3 bytes, the size of its header alone takes 8:"
                + " copy or download it again",
            path);
  }

  @Test
  void headerLargerThanTheFile() throws IOException {
    Path path = Files.write(folder.resolve("x"), new byte[] {100, 0, 0, 0, 0, 0, 0, 0, '{', '}'});
    assertThatThrownBy(() -> Safetensors.open(path))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "%s is truncated: it claims a header of 100 bytes, and has 2 for it:"
                + " copy or download it again",
            path);
  }

  @ParameterizedTest
  @ValueSource(longs = {100_000_001, Long.MAX_VALUE, -1})
  void headerLargerThanTheFormatAllows(long size) throws IOException {
    byte[] bytes = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN).putLong(size).array();
    Path path = Files.write(folder.resolve("x"), bytes);
    assertThatThrownBy(() -> Safetensors.open(path))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(
            "%s claims a header of %s bytes, the limit is 100000000: is it a safetensors file?",
            path, Long.toUnsignedString(size));
  }

  @Test
  void headerThatIsNotJson() throws IOException {
    refused("{\"x\":", 0, " has no valid header (it ends too early");
    refused("{} {}", 0, " has no valid header (there is more behind its end");
    refused(
        "[1, 2]", 0, " has no valid header (it is not a JSON object): is it a safetensors file?");
    Path path = file("x", "", new byte[0]);
    Files.write(path, new byte[] {4, 0, 0, 0, 0, 0, 0, 0, '{', (byte) 0xff, (byte) 0xfe, '}'});
    assertThatThrownBy(() -> Safetensors.open(path))
        .isInstanceOf(LorikeetException.class)
        .hasMessageContaining(" has no valid header (it is not UTF-8)");
  }

  @Test
  void metadataThatIsNotTexts() throws IOException {
    refused("{\"__metadata__\":[]}", 0, "(its __metadata__ is not an object of texts)");
    refused("{\"__metadata__\":{\"a\":1}}", 0, "(its __metadata__ is not an object of texts)");
  }

  @Test
  void tensorThatIsNamedTwice() throws IOException {
    String tensor = "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}";
    refused("{" + tensor + "," + tensor + "}", 1, " has no valid header (duplicate field 'a'");
  }

  @Test
  void unknownType() throws IOException {
    refused(
        tensor("F4", "[2]", "[0,1]"),
        1,
        " is damaged: tensor \"a\" has dtype \"F4\", known are U64, I64, F64, F32, U32, I32, BF16,"
            + " F16, U16, I16, F8_E4M3, F8_E5M2, I8, U8, BOOL");
    refused("{\"a\":{}}", 0, " is damaged: tensor \"a\" has dtype \"\", known are");
    refused("{\"a\":3}", 0, " is damaged: tensor \"a\" has dtype \"\", known are");
  }

  @Test
  void shapeThatIsNone() throws IOException {
    for (String shape : List.of("[-1]", "[1.5]", "\"2\"", "[99999999999999999999]", "null")) {
      refused(
          tensor("U8", shape, "[0,1]"),
          1,
          " is damaged: tensor \"a\" has shape " + shape + ", not a list of sizes");
    }
    refused(
        tensor("F32", "[4611686018427387904,4]", "[0,16]"),
        16,
        "tensor \"a\" is F32 [4611686018427387904, 4], more than any file can hold");
  }

  @Test
  void offsetsThatAreNone() throws IOException {
    refused(
        tensor("U8", "[1]", "[1,0]"), 1, "tensor \"a\" has data_offsets [1, 0], not [BEGIN, END]");
    refused(tensor("U8", "[1]", "[0]"), 1, "tensor \"a\" has data_offsets [0], not [BEGIN, END]");
    refused(
        tensor("U8", "[1]", "[-1,0]"), 1, "tensor \"a\" has data_offsets [-1,0], not a list of");
  }

  @Test
  void shapeAndOffsetsThatDisagree() throws IOException {
    refused(
        tensor("F32", "[2,3]", "[0,20]"),
        20,
        " is damaged: tensor \"a\" is F32 [2, 3], 24 bytes, but lies in 20");
  }

  @Test
  void truncatedTensor() throws IOException {
    refused(
        tensor("F32", "[2,3]", "[0,24]"),
        23,
        " is truncated: tensor \"a\" ends at byte 24 of 23: copy or download it again");
  }

  @Test
  void offsetsBeyondAnyFile() throws IOException {
    refused(
        tensor("U8", "[1]", "[9223372036854775806,9223372036854775807]"),
        1,
        " is truncated: tensor \"a\" ends at byte 9223372036854775807 of 1");
  }

  @Test
  void tensorsThatOverlapOrLeaveAHole() throws IOException {
    String both =
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},"
            + "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[%d,%d]}}";
    refused(
        both.formatted(2, 4),
        4,
        " is damaged: tensor \"b\" starts at byte 2, what lies before it ends at 3");
    refused(
        both.formatted(4, 6),
        6,
        " is damaged: tensor \"b\" starts at byte 4, what lies before it ends at 3");
    refused(
        both.formatted(3, 5), 7, " is damaged: its tensors end at byte 5, the file at 7: copy or");
  }

  @Test
  void unknownNameIsAnsweredWithTheNearest() throws IOException {
    Path path = file("x", tensor("U8", "[1]", "[0,1]"), new byte[1]);
    assertThatThrownBy(() -> Safetensors.open(path).tensor("b"))
        .isInstanceOf(LorikeetException.class)
        .hasMessage(path + " has no tensor \"b\"; nearest: a");
  }

  private void refused(String json, int dataBytes, String message) throws IOException {
    Path path = file("bad.safetensors", json, new byte[dataBytes]);
    assertThatThrownBy(() -> Safetensors.open(path))
        .isInstanceOf(LorikeetException.class)
        .hasMessageStartingWith(path.toString())
        .hasMessageContaining(message)
        .hasMessageNotContaining("\n");
  }

  private static String tensor(String dtype, String shape, String offsets) {
    return "{\"a\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":%s}}"
        .formatted(dtype, shape, offsets);
  }

  /** A file with that header, as it stands, and those tensors. */
  private Path file(String name, String json, byte[] data) throws IOException {
    byte[] header = json.getBytes(StandardCharsets.UTF_8);
    ByteBuffer bytes =
        ByteBuffer.allocate(8 + header.length + data.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(header.length).put(header).put(data);
    return Files.write(folder.resolve(name), bytes.array());
  }

  private static String header(Path path) throws IOException {
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
    return new String(bytes.array(), 8, (int) bytes.getLong(0), StandardCharsets.UTF_8);
  }

  private static Map<String, Tensor> tensors(Safetensors file) {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    file.names().forEach(name -> tensors.put(name, file.tensor(name)));
    return tensors;
  }
}
