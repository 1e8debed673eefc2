package dev.lorikeet.export;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import dev.lorikeet.torch.ExtractedNatives;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeSet;

/**
 * Runs an exported model in ONNX Runtime, on the CPU. The only class that needs ONNX Runtime: all
 * else works without it on the class path.
 */
public final class OnnxModel implements AutoCloseable {
  private final Path file;
  private final OrtSession session;

  /**
   * What a model answers.
   *
   * @param values in row-major order
   * @param shape [B, C] for sequences, [B, T, C] for tokens, [B, T, D] without a head
   */
  @SuppressWarnings("ArrayRecordComponent") // answers are never compared as a whole
  public record Logits(float[] values, long[] shape) {}

  private OnnxModel(Path file, OrtSession session) {
    this.file = file;
    this.session = session;
  }

  /**
   * Loads a model.
   *
   * @param file {@code model.onnx}; external data is found beside it
   * @param threads how many threads one operator may use
   * @throws UsageException when {@code threads} is less than 1
   * @throws LorikeetException when the file is missing or ONNX Runtime refuses it
   */
  public static OnnxModel open(Path file, int threads) {
    if (threads < 1) {
      throw new UsageException("threads is " + threads + ": use at least 1");
    }
    if (!Files.isRegularFile(file)) {
      throw new LorikeetException(file + " does not exist");
    }
    ExtractedNatives.removeAbandoned("onnxruntime-java");
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(threads);
      options.setInterOpNumThreads(1);
      return new OnnxModel(
          file, OrtEnvironment.getEnvironment().createSession(file.toString(), options));
    } catch (OrtException e) {
      throw failure(file, e);
    }
  }

  /**
   * The model's first output for a batch of B {@code rows} of T {@code length} tokens. {@code
   * tokenTypeIds} are given to models that ask for them only.
   *
   * @param inputIds [B, T] in row-major order
   * @param attentionMask [B, T], 1 for tokens and 0 for padding
   * @param tokenTypeIds [B, T], 0 for the first text and 1 for the second
   * @throws LorikeetException when the model asks for other inputs or ONNX Runtime fails on these
   */
  public Logits logits(
      long[] inputIds, long[] attentionMask, long[] tokenTypeIds, int rows, int length) {
    Map<String, long[]> known =
        Map.of(
            "input_ids", inputIds, "attention_mask", attentionMask, "token_type_ids", tokenTypeIds);
    Map<String, OnnxTensor> inputs = new HashMap<>();
    try {
      for (String name : session.getInputNames()) {
        long[] values = known.get(name);
        if (values == null) {
          throw new LorikeetException(
              file
                  + " asks for an input \""
                  + name
                  + "\"; known: "
                  + new TreeSet<>(known.keySet()));
        }
        inputs.put(name, tensor(values, rows, length));
      }
      try (OrtSession.Result result = session.run(inputs)) {
        return logits((OnnxTensor) result.get(0));
      }
    } catch (OrtException e) {
      throw failure(file, e);
    } finally {
      inputs.values().forEach(OnnxTensor::close);
    }
  }

  private static OnnxTensor tensor(long[] values, int rows, int length) throws OrtException {
    return OnnxTensor.createTensor(
        OrtEnvironment.getEnvironment(), LongBuffer.wrap(values), new long[] {rows, length});
  }

  private static Logits logits(OnnxTensor tensor) {
    FloatBuffer buffer = tensor.getFloatBuffer();
    float[] values = new float[buffer.remaining()];
    buffer.get(values);
    return new Logits(values, tensor.getInfo().getShape());
  }

  /** The texts that travel with the model. */
  public Map<String, String> metadata() {
    try {
      return session.getMetadata().getCustomMetadata();
    } catch (OrtException e) {
      throw failure(file, e);
    }
  }

  @Override
  public void close() {
    try {
      session.close();
    } catch (OrtException e) {
      throw failure(file, e);
    }
  }

  private static LorikeetException failure(Path file, OrtException e) {
    String reason = String.valueOf(e.getMessage()).strip().replaceAll("\\s*\\R\\s*", " ");
    return new LorikeetException(file + " cannot be run in ONNX Runtime: " + reason, e);
  }
}
