package dev.lorikeet.compare;

import dev.lorikeet.adapters.Adapter;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.adapters.Adapters;
import dev.lorikeet.data.Labels;
import dev.lorikeet.models.HeadType;
import dev.lorikeet.models.Model;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.tasks.Task;
import dev.lorikeet.tasks.Tasks;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Opens a {@link TextModel}: a checkpoint and its adapters, with what their runs wrote beside the
 * weights.
 *
 * @param options precision, device, and the task where it should be another
 * @param maxLength the length of texts where it should be another
 * @param anyBase whether adapters may have been trained on other weights, of the same shapes
 */
record TextModelOpening(
    Path checkpoint, ModelOptions options, @Nullable Integer maxLength, boolean anyBase) {

  /** What was attached to a model: one adapter, several, or none. */
  private record Attached(@Nullable Adapter active, @Nullable Adapters several) {}

  /** See {@link TextModel#open(Path, Path, ModelOptions, Integer, boolean, String)}. */
  TextModel open(@Nullable Path adapterFolder, @Nullable String padToken) {
    RunRecord record = RunRecord.read(adapterFolder == null ? checkpoint : adapterFolder);
    return open(
        record,
        adapterFolder,
        padToken,
        model ->
            new Attached(
                adapterFolder == null ? null : folder(adapterFolder).attachTo(model), null));
  }

  /** See {@link TextModel#openSeveral(Path, Map, ModelOptions, Integer, boolean)}. */
  TextModel openSeveral(Map<String, Path> adapterFolders) {
    if (adapterFolders.isEmpty()) {
      throw new UsageException("there are no adapters to open: give at least one folder");
    }
    Map.Entry<String, Path> first = adapterFolders.entrySet().iterator().next();
    RunRecord record = RunRecord.read(first.getValue());
    adapterFolders.forEach((name, folder) -> record.mustBeLike(first.getKey(), folder, name));
    TextModel opened =
        open(
            record,
            first.getValue(),
            null,
            model -> {
              Adapters adapters = new Adapters(model);
              adapterFolders.forEach((name, path) -> adapters.load(name, folder(path)));
              adapters.activate(first.getKey());
              return new Attached(adapters.get(first.getKey()), adapters);
            });
    try {
      mustHaveLength(opened, first.getKey(), adapterFolders);
      return opened;
    } catch (RuntimeException e) {
      opened.close();
      throw e;
    }
  }

  private AdapterFolder folder(Path path) {
    AdapterFolder folder = AdapterFolder.open(path);
    return anyBase ? folder.onAnyBase() : folder;
  }

  private TextModel open(
      RunRecord record,
      @Nullable Path adapterFolder,
      @Nullable String padToken,
      Function<Model, Attached> attach) {
    AdapterFolder folder = adapterFolder == null ? null : AdapterFolder.open(adapterFolder);
    String padding = padToken != null ? padToken : record.padToken();
    ModelOptions padded =
        options.withPadTokenId(Preprocessor.idOf(padding, checkpoint, adapterFolder));
    Model model = Model.open(checkpoint, record.complete(padded, checkpoint, folder));
    Preprocessor preprocessor = null;
    try {
      Attached attached = attach.apply(model);
      Task task = mustBeTrained(model, attached.active());
      if (padToken != null) {
        FineTuningConfig.mustTakePadToken(task);
      }
      preprocessor = Preprocessor.open(task, checkpoint, adapterFolder, padding);
      int length = lengthOf(record, model, preprocessor);
      preprocessor.mustFit(model, length);
      return new TextModel(
          model,
          attached.several() == null ? attached.active() : null,
          attached.several(),
          preprocessor,
          labels(task, model),
          record.settings(length));
    } catch (RuntimeException e) {
      model.close();
      if (preprocessor != null) {
        preprocessor.close();
      }
      throw e;
    }
  }

  // ---- what fits ----

  private int lengthOf(RunRecord record, Model model, Preprocessor preprocessor) {
    return maxLength != null
        ? maxLength
        : record.maxLength(model.config(), preprocessor.modelMaxLength());
  }

  private void mustHaveLength(TextModel opened, String first, Map<String, Path> folders) {
    if (maxLength != null || opened.task().readsImages()) {
      return;
    }
    int length = opened.maxLength();
    folders.forEach(
        (name, folder) -> {
          int other = lengthOf(RunRecord.read(folder), opened.model(), opened.preprocessor());
          if (other != length) {
            throw new UsageException(
                ("adapter " + first + " has texts cut to " + length + " tokens, " + name + " to ")
                    + (other + ": say the length for all (max length)"));
          }
        });
  }

  private Task mustBeTrained(Model model, @Nullable Adapter adapter) {
    HeadType head = model.headType();
    if (head == null) {
      throw new UsageException(
          checkpoint + " has no head: give --task, or the adapter that was trained on it");
    }
    if (adapter == null && !model.otherOutputs().isEmpty()) {
      throw new LorikeetException(
          (checkpoint + ": " + model.otherOutputs().get(0))
              + (", for "
                  + model.config().labelCount()
                  + " labels: correct id2label there, or give")
              + " the adapter that was trained for these labels");
    }
    if (adapter == null && !model.newModules().isEmpty()) {
      throw new LorikeetException(
          checkpoint
              + " has no weights for "
              + String.join(" and ", model.newModules())
              + ": give the adapter that was trained on it, or train one");
    }
    return Tasks.of(head);
  }

  private static @Nullable Labels labels(Task task, Model model) {
    if (!task.hasLabels()
        || (task.hasProblemTypes() && !task.hasClasses(model.config().problemType()))) {
      return null;
    }
    List<String> names = model.config().labels();
    return new Labels(names.isEmpty() ? RunRecord.numbered(model.config().labelCount()) : names);
  }
}
