package dev.lorikeet.cli;

import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How many threads a CPU's operations take. */
final class CpuThreads {
  /** OpenMP's variable may be a list, an entry a level of nesting. */
  private static final Pattern OMP = Pattern.compile("\\s*(\\d{1,5})\\s*(,.*)?");

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "CPU threads; unless given, OMP_NUM_THREADS, else as many as there are CPUs.")
  private @Nullable Integer threads;

  int number() {
    return threads == null ? unlessGiven() : threads;
  }

  /** What an environment asks for where the user does not: all CPUs, or OMP_NUM_THREADS. */
  static int unlessGiven() {
    return unlessGiven(System.getenv(), Runtime.getRuntime().availableProcessors());
  }

  static int unlessGiven(Map<String, String> environment, int processors) {
    Matcher asked = OMP.matcher(environment.getOrDefault("OMP_NUM_THREADS", ""));
    int threads = asked.matches() ? Integer.parseInt(asked.group(1)) : 0;
    return threads > 0 ? threads : processors;
  }
}
