package dev.lorikeet.fuzz;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/**
 * The process in which damaged files are read. It says on standard output which it begins and how
 * it ended; whoever listens knows by the last line what killed it.
 */
final class FuzzWorker {
  private FuzzWorker() {}

  /** KIND SEED FROM TO SPECIMENS WORK. */
  public static void main(String[] arguments) throws IOException {
    PrintStream reports = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    System.setOut(new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8));
    String kind = arguments[0];
    long seed = Long.parseLong(arguments[1]);
    int to = Integer.parseInt(arguments[3]);
    List<Specimen> specimens = Kind.valueOf(kind).specimens(Path.of(arguments[4]));
    Path work = Path.of(arguments[5]);
    if (arguments[2].equals("0")) {
      List<String> refused =
          FuzzCase.refusedWhole(specimens, work, one -> reports.println("whole " + one));
      if (!refused.isEmpty()) {
        throw new IllegalStateException("whole files refused: " + String.join("\n", refused));
      }
    }
    for (int number = Integer.parseInt(arguments[2]); number < to; number++) {
      reports.println("begin " + number);
      FuzzCase fuzzCase = new FuzzCase(kind, seed, number);
      Outcome outcome = fuzzCase.run(specimens, work, false);
      if (outcome.what().contains("fault of Lorikeet")) {
        outcome = fuzzCase.run(specimens, work, true);
      }
      reports.println(
          "end "
              + outcome.verdict()
              + " "
              + outcome.what().replace("\n", "\\n").replace("\r", "\\r"));
    }
    System.exit(0);
  }
}
