package dev.lorikeet.cli;

import dev.lorikeet.models.OutputFolder;
import dev.lorikeet.torch.LorikeetException;
import java.nio.file.Path;

/** The folder where converted checkpoints and the demo's results are kept. */
final class Home {
  private Home() {}

  /**
   * The folder, where things can be kept.
   *
   * @throws LorikeetException when it cannot be written
   */
  static Path writable() {
    Path folder = folder();
    try {
      OutputFolder.check(folder);
    } catch (LorikeetException e) {
      throw new LorikeetException(
          folder
              + ", where Lorikeet keeps models and results, cannot be written: set LORIKEET_HOME to a"
              + " folder that can",
          e);
    }
    return folder;
  }

  /** {@code LORIKEET_HOME}, else {@code lorikeet} in the user's cache folder. */
  static Path folder() {
    String home = System.getenv("LORIKEET_HOME");
    if (home != null && !home.isEmpty()) {
      return Path.of(home);
    }
    String cache = System.getenv("XDG_CACHE_HOME");
    Path caches =
        cache != null && !cache.isEmpty()
            ? Path.of(cache)
            : Path.of(System.getProperty("user.home"), ".cache");
    return caches.resolve("lorikeet");
  }
}
