package dev.lorikeet.lora.formats;

import dev.lorikeet.models.Model;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;

/** A tool's files for LoRA adapters. What they cannot say exactly is refused, never left out. */
public interface LoraFormat {
  /** The name that users type. */
  String id();

  /**
   * Reads an adapter.
   *
   * @param place its folder, or its file where the format is one
   * @param model that it is for; its weights are not needed
   * @throws dev.lorikeet.torch.LorikeetException when it has anything but updates of the model's
   *     linear layers
   */
  LoraTensors read(Path place, Model model);

  /**
   * Writes an adapter's files into an existing folder.
   *
   * @throws dev.lorikeet.torch.LorikeetException when the format has no place for some of it
   */
  void write(LoraTensors tensors, Path folder, Model model) throws IOException;

  /** All formats. */
  static List<LoraFormat> all() {
    return List.of(new Peft(), new Kohya(), new Torchtune(), new MlxLm());
  }

  /**
   * The format called {@code id}.
   *
   * @throws UsageException when there is none, listing those there are
   */
  static LoraFormat of(String id) {
    return all().stream()
        .filter(format -> format.id().equals(id))
        .findFirst()
        .orElseThrow(
            () ->
                new UsageException(
                    "unknown format \""
                        + id
                        + "\": use "
                        + all().stream().map(LoraFormat::id).collect(Collectors.joining(", "))));
  }
}
