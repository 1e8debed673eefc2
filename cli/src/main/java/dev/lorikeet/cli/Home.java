package dev.lorikeet.cli;

import java.nio.file.Path;

/** The folder where converted checkpoints and the demo's results are kept. */
final class Home {
  private Home() {}

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
