package dev.lorikeet.compare;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.adapters.Adapters;
import dev.lorikeet.adapters.MergeReceipt;
import dev.lorikeet.data.EncodedExample;
import dev.lorikeet.data.Example;
import dev.lorikeet.export.MergedCheckpoint;
import dev.lorikeet.export.OnnxExport;
import dev.lorikeet.export.Parity;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.OutputFolder;
import dev.lorikeet.models.ResultKind;
import dev.lorikeet.models.hub.HubName;
import dev.lorikeet.torch.Scope;
import dev.lorikeet.torch.Tensor;
import dev.lorikeet.torch.Torch;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** What a {@link TextModel} writes: what was trained, merged checkpoints, ONNX. */
final class TextModelFolders {
  private final TextModel text;
  private final Model model;
  private final @Nullable Adapter adapter;
  private final @Nullable Adapters adapters;

  TextModelFolders(TextModel text) {
    this.text = text;
    this.model = text.model();
    this.adapter = text.adapter();
    this.adapters = text.adapters();
  }

  /** See {@link TextModel#save(Path, ObjectNode)}. */
  void save(Path folder, ObjectNode run) {
    if (adapter == null && adapters == null) {
      MergedCheckpoint.write(model, folder, temporary -> saveBeside(temporary, run));
      return;
    }
    OutputFolder.write(
        folder,
        ResultKind.ADAPTER,
        temporary -> {
          if (adapter != null) {
            AdapterFolder.write(adapter, peftSettings(), temporary);
          }
          if (adapters != null) {
            adapters.save(peftSettings(), temporary);
          }
          saveBeside(temporary, run);
        });
  }

  private void saveBeside(Path folder, ObjectNode run) {
    text.preprocessor().save(folder);
    RunRecord.write(text, run, folder);
  }

  /** What PEFT's files say beside the method's settings. */
  private ObjectNode peftSettings() {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    String base = model.checkpoint() == null ? "" : model.checkpoint().folder().toString();
    HubName name = model.checkpoint() == null ? null : HubName.ofSnapshot(Path.of(base));
    json.put("base_model_name_or_path", name == null ? base : name.repo());
    String taskType = text.task().headType().peftTaskType();
    json.put("task_type", taskType.isEmpty() ? null : taskType);
    json.put("revision", name == null ? null : name.revision());
    json.putNull("auto_mapping");
    return json;
  }

  /** See {@link TextModel#saveMerged}. */
  @Nullable MergeReceipt saveMerged(Path folder) {
    try (Model.Lease alone = model.exclusive()) {
      Map<String, MergeReceipt> receipts = merge();
      MergedCheckpoint.write(
          model,
          folder,
          temporary -> {
            saveBeside(temporary, JsonNodeFactory.instance.objectNode());
            for (Map.Entry<String, MergeReceipt> receipt : receipts.entrySet()) {
              Path own = Files.createDirectories(temporary.resolve(receipt.getKey()));
              receipt.getValue().write(own);
            }
          });
      return receipts.get("");
    }
  }

  /** See {@link TextModel#exportOnnx}. */
  Optional<Parity> exportOnnx(Path folder, List<Example> examples, double tolerance) {
    try (Model.Lease alone = model.exclusive();
        Scope scope = Scope.open()) {
      List<EncodedExample> encoded = text.encode(examples);
      OnnxExport export =
          new OnnxExport(model.config(), text.task().headType(), mergedState())
              .recipe(RunRecord.of(text).toString())
              .threads(Torch.threads())
              .files(temporary -> saveBeside(temporary, JsonNodeFactory.instance.objectNode()));
      if (!encoded.isEmpty()) {
        int rows = Math.min(TextModel.BATCH, text.textsAtOnce(encoded));
        export.verify(new CheckedBatches(model, encoded, rows, text.padTokenId()), tolerance);
      }
      return export.write(folder);
    }
  }

  /** The merged model's tensors, in the present scope; the adapter is not merged afterwards. */
  private Map<String, Tensor> mergedState() {
    merge();
    Map<String, Tensor> state = new LinkedHashMap<>(model.stateDict());
    state.replaceAll((name, tensor) -> tensor.alias());
    if (adapter != null) {
      adapter.unmerge();
    }
    if (adapters != null) {
      adapters.unmerge();
    }
    return state;
  }

  /** Merges what answers; what each merge did, by the folder that is to tell of it. */
  private Map<String, MergeReceipt> merge() {
    if (adapters != null) {
      Map<String, MergeReceipt> receipts = adapters.merge();
      return receipts.size() == 1 ? Map.of("", receipts.values().iterator().next()) : receipts;
    }
    return adapter == null ? Map.of() : Map.of("", adapter.merge());
  }
}
