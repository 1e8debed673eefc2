package dev.lorikeet.adapters;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.stream.Stream;

/** All adapter methods there are. */
public final class AdapterMethods {
  private AdapterMethods() {}

  private static Stream<AdapterMethod> all() {
    return ServiceLoader.load(AdapterMethod.class).stream()
        .map(ServiceLoader.Provider::get)
        .sorted(Comparator.comparing(AdapterMethod::peftType));
  }

  /** The method that PEFT calls so. */
  public static Optional<AdapterMethod> ofType(String peftType) {
    return all().filter(method -> method.peftType().equals(peftType)).findFirst();
  }

  /** The method that users call so. */
  public static Optional<AdapterMethod> ofId(String id) {
    return all().filter(method -> method.id().equals(id)).findFirst();
  }

  /** PEFT's names of the methods, in alphabetical order. */
  public static List<String> types() {
    return all().map(AdapterMethod::peftType).toList();
  }

  /** The names that users type. */
  public static List<String> ids() {
    return all().map(AdapterMethod::id).sorted().toList();
  }
}
