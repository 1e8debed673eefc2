package dev.lorikeet.models.jinja;

import dev.lorikeet.models.jinja.Callable.Arguments;
import dev.lorikeet.models.jinja.Values.Namespace;
import java.time.Clock;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The functions that every template can call. */
final class Globals {
  /** The longest {@code range}: a bound of Jinja's sandbox. */
  private static final long MAX_RANGE = 100_000;

  private Globals() {}

  static Map<String, Object> all(Clock clock) {
    return Map.of(
        "range", (Callable) Globals::range,
        "dict", (Callable) Globals::dict,
        "namespace", (Callable) args -> new Namespace(dict(args)),
        "raise_exception", (Callable) Globals::raise,
        "strftime_now", (Callable) args -> date(args.text(0, "format"), ZonedDateTime.now(clock)));
  }

  private static Object raise(Arguments args) {
    throw JinjaException.raised(Values.text(args.get(0, "message")));
  }

  private static List<Object> range(Arguments args) {
    boolean one = args.positional().size() == 1;
    long start = one ? 0 : args.integer(0, "start", 0);
    long stop = args.integer(one ? 0 : 1, "stop", 0);
    long step = args.integer(2, "step", 1);
    if (step == 0 || ((double) stop - start) / step > MAX_RANGE) {
      throw new JinjaException(
          "range takes a step that is not 0, and has " + MAX_RANGE + " at most");
    }
    Budget.steps(Math.max(0, (stop - start) / step));
    List<Object> range = new ArrayList<>();
    for (long i = start; step > 0 ? i < stop : i > stop; i += step) {
      range.add(i);
    }
    return range;
  }

  private static Map<String, Object> dict(Arguments args) {
    Map<String, Object> dict = new LinkedHashMap<>();
    for (Object start : args.positional()) {
      if (start instanceof Map<?, ?> map) {
        map.forEach((key, value) -> dict.put(Values.text(key), value));
      }
    }
    dict.putAll(args.named());
    return dict;
  }

  /** {@code datetime.strftime} in English. */
  static String date(String format, ZonedDateTime now) {
    StringBuilder date = new StringBuilder();
    for (int i = 0; i < format.length(); i++) {
      char c = format.charAt(i);
      boolean code = c == '%' && i + 1 < format.length();
      date.append(code ? field(format.charAt(++i), now) : String.valueOf(c));
    }
    return date.toString();
  }

  private static String field(char code, ZonedDateTime now) {
    String pattern =
        switch (code) {
          case 'd' -> "dd";
          case 'm' -> "MM";
          case 'y' -> "yy";
          case 'Y' -> "yyyy";
          case 'b', 'h' -> "MMM";
          case 'B' -> "MMMM";
          case 'a' -> "EEE";
          case 'A' -> "EEEE";
          case 'H' -> "HH";
          case 'I' -> "hh";
          case 'M' -> "mm";
          case 'S' -> "ss";
          case 'p' -> "a";
          case 'j' -> "DDD";
          case 'F' -> "yyyy-MM-dd";
          case 'T' -> "HH:mm:ss";
          case '%' -> "'%'";
          default -> throw new JinjaException("strftime_now knows no %" + code);
        };
    return now.format(DateTimeFormatter.ofPattern(pattern, Locale.US));
  }
}
