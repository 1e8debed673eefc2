package dev.lorikeet.cli;

import dev.lorikeet.models.hub.Hub;
import dev.lorikeet.models.hub.HubListener;
import dev.lorikeet.models.hub.HubSettings;
import dev.lorikeet.torch.Printable;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Turns what people type for a model or an adapter into a folder, from the hub where it is one's.
 */
final class Folders {
  private Folders() {}

  /**
   * @throws dev.lorikeet.torch.LorikeetException when it is neither a folder nor on the hub
   */
  static Path model(String typed, PrintWriter messages) {
    return fetched(messages, hub -> hub.model(typed));
  }

  /**
   * The config.json of a model, or the folder that holds it; of a hub's model no weights are
   * fetched.
   *
   * @throws dev.lorikeet.torch.LorikeetException when it is neither here nor on the hub
   */
  static Path config(String typed, PrintWriter messages) {
    return fetched(messages, hub -> hub.config(typed));
  }

  /** {@link #model} for an adapter. */
  static Path adapter(String typed, PrintWriter messages) {
    return fetched(messages, hub -> hub.adapter(typed));
  }

  private static Path fetched(PrintWriter out, Function<Hub, Path> asked) {
    Messages messages = new Messages(out);
    try {
      return asked.apply(new Hub(HubSettings.of(System.getenv()), messages));
    } finally {
      messages.endLine();
    }
  }

  /** A bar for each file, and a line for whatever else there is to say. */
  private static final class Messages implements HubListener {
    private final PrintWriter out;
    private @Nullable ProgressBar bar;
    private String file = "";

    Messages(PrintWriter out) {
      this.out = out;
    }

    @Override
    public void fetched(String name, long bytes, long size) {
      if (bar == null || !name.equals(file)) {
        file = name;
        bar = new ProgressBar(out, name);
      }
      bar.downloaded(bytes, size);
    }

    @Override
    public void said(String message) {
      endLine();
      out.println(Printable.message(message));
      out.flush();
    }

    void endLine() {
      if (bar != null) {
        bar.endLine();
      }
    }
  }
}
