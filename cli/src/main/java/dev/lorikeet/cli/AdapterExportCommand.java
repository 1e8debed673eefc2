package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.lorikeet.adapters.AdapterFolder;
import dev.lorikeet.compare.TextModel;
import dev.lorikeet.data.Example;
import dev.lorikeet.models.ModelOptions;
import dev.lorikeet.models.OutputFolder;
import dev.lorikeet.models.ResultKind;
import dev.lorikeet.torch.Torch;
import dev.lorikeet.torch.UsageException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Turns an adapter into another form. */
@Command(
    name = "export",
    description = "Write an adapter as a plain PEFT folder, a merged checkpoint, or ONNX.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class AdapterExportCommand implements Callable<Integer> {
  @Mixin private Console console;
  @Mixin private BaseFlags base;
  @Mixin private DataFlags columns;

  @Option(
      names = "--adapter",
      required = true,
      paramLabel = "ADAPTER",
      description = "The adapter: a folder, or on the hub.")
  private String adapter;

  @Option(
      names = "--to",
      required = true,
      paramLabel = "peft|merged|onnx",
      description = "The form.")
  private String form;

  @Mixin private OutputFlags outputFlags;

  @Option(
      names = "--model",
      paramLabel = "MODEL",
      description = "The base, a folder or on the hub; unless given, the one the adapter names.")
  private @Nullable String model;

  @Option(
      names = "--verify-data",
      paramLabel = "FILE",
      description = "For onnx: texts on which ONNX Runtime must agree with the trained model.")
  private @Nullable String verifyData;

  @Override
  public Integer call() {
    if (!List.of("peft", "merged", "onnx").contains(form)) {
      throw new UsageException("unknown form \"" + form + "\": use peft, merged or onnx");
    }
    Output output = outputFlags.output();
    output.check(kind());
    Path folder = Folders.adapter(adapter, console.messages());
    output.check(kind(), folder);
    switch (form) {
      case "peft" -> toPeft(folder, output);
      case "merged" -> toMerged(folder, output);
      default -> toOnnx(folder, output);
    }
    return 0;
  }

  private ResultKind kind() {
    return switch (form) {
      case "peft" -> ResultKind.ADAPTER;
      case "merged" -> ResultKind.MODEL;
      default -> ResultKind.ONNX;
    };
  }

  /** The two files that PEFT reads, checked, and no others. */
  private void toPeft(Path folder, Output output) {
    AdapterFolder.open(folder).weights();
    output.write(
        place ->
            OutputFolder.write(
                place,
                ResultKind.ADAPTER,
                temporary -> {
                  for (String file : List.of(AdapterFolder.CONFIG, AdapterFolder.WEIGHTS)) {
                    Files.copy(folder.resolve(file), temporary.resolve(file));
                  }
                }));
    console.print(
        JsonNodeFactory.instance.objectNode().put("output", output.folder().toString()),
        "PEFT adapter written to " + output.folder());
  }

  private void toMerged(Path folder, Output output) {
    try (TextModel open = Merging.open(base(folder), folder, base.anyBase())) {
      Merging.save(open, output, console);
    }
  }

  private void toOnnx(Path folder, Output output) {
    Torch.threads(CpuThreads.unlessGiven());
    try (TextModel open =
        TextModel.open(base(folder), folder, ModelOptions.DEFAULT, null, base.anyBase())) {
      List<Example> examples =
          verifyData == null
              ? List.of()
              : columns
                  .unlessGiven(Bases.record(folder).path("settings"))
                  .unlabelled(verifyData, open, console);
      ExportCommand.print(
          console,
          output.folder(),
          output.written(place -> open.exportOnnx(place, examples, 1e-4)));
    }
  }

  private Path base(Path folder) {
    if (model != null) {
      return Folders.model(model, console.messages());
    }
    return Bases.of(folder, console.messages());
  }
}
