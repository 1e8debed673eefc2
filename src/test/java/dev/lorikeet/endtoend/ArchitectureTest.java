package dev.lorikeet.endtoend;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.GeneralCodingRules.ACCESS_STANDARD_STREAMS;
import static com.tngtech.archunit.library.GeneralCodingRules.NO_CLASSES_SHOULD_USE_JAVA_UTIL_LOGGING;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.AccessTarget;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaPackage;
import com.tngtech.archunit.core.domain.PackageMatcher;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The rooms of the house import one another along the arrows of ARCHITECTURE.md, and no others. */
class ArchitectureTest {
  private static final String ROOT = "dev.lorikeet.";

  /** Each room and what it builds on directly; what lies below that may be imported too. */
  private static final Map<String, Set<String>> ARROWS =
      new TreeMap<>(
          Map.of(
              "torch", Set.of(),
              "models", Set.of("torch"),
              "adapters", Set.of("models"),
              "lora", Set.of("adapters"),
              "data", Set.of("models"),
              "training", Set.of("adapters", "data"),
              "tasks", Set.of("training"),
              "export", Set.of("adapters"),
              "compare", Set.of("tasks", "lora", "export"),
              "cli", Set.of("compare")));

  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(
              location -> !location.contains("/endtoend/") && !location.contains("/fuzz/"))
          .importPackages("dev.lorikeet");

  @Test
  void everyRoomIsKnown() {
    Set<String> rooms = new TreeSet<>();
    CLASSES.forEach(type -> rooms.add(room(type)));
    assertThat(rooms).isEqualTo(new TreeSet<>(ARROWS.keySet()));
  }

  @TestFactory
  Stream<DynamicTest> everyRoomImportsOnlyRoomsBelowIt() {
    return ARROWS.keySet().stream()
        .map(room -> DynamicTest.dynamicTest(room, () -> importsOnlyBelow(room)));
  }

  private static void importsOnlyBelow(String room) {
    Set<String> above = new TreeSet<>(ARROWS.keySet());
    above.remove(room);
    above.removeAll(below(room));
    noClasses()
        .that()
        .resideInAPackage(ROOT + room + "..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(above.stream().map(other -> ROOT + other + "..").toArray(String[]::new))
        .check(CLASSES);
  }

  private static Set<String> below(String room) {
    Set<String> below = new TreeSet<>();
    for (String next : ARROWS.getOrDefault(room, Set.of())) {
      below.add(next);
      below.addAll(below(next));
    }
    return below;
  }

  @Test
  void trainingExportAndLoraDoNotSeeOneAnother() {
    List<String> strangers = List.of("training", "export", "lora");
    for (String room : strangers) {
      assertThat(below(room)).doesNotContainAnyElementsOf(strangers);
    }
  }

  @Test
  void roomsHaveNoCycles() {
    slices().matching(ROOT + "(*)..").should().beFreeOfCycles().check(CLASSES);
  }

  /** What depends on a task is asked of the task, so that another is one file. */
  @Test
  void onlyTasksNameTasks() {
    Set<String> named = new TreeSet<>();
    for (JavaClass type : CLASSES) {
      type.getFieldAccessesFromSelf().stream()
          .filter(access -> isTask(access.getTarget()))
          .filter(access -> !Set.of("tasks", "models").contains(room(type)))
          .forEach(access -> named.add(type.getName() + ": " + access.getTarget().getName()));
    }
    assertThat(named).isEmpty();
  }

  private static boolean isTask(AccessTarget.FieldAccessTarget field) {
    String owner = field.getOwner().getName();
    return (owner.equals("dev.lorikeet.tasks.Tasks") && !field.getName().equals("DEFAULT"))
        || (owner.equals("dev.lorikeet.models.HeadType")
            && field.getName().equals(field.getName().toUpperCase(Locale.ROOT)));
  }

  @Test
  void onlyTorchTouchesTheEngine() {
    assertThat(roomsThatUse("ai.djl.pytorch..")).containsExactly("torch");
  }

  @Test
  void onlyDataSpeaksSql() {
    assertThat(roomsThatUse("java.sql..", "org.duckdb..")).containsExactly("data");
  }

  @Test
  void rowsKnowNothingOfWhatIsMadeOfThem() {
    noClasses()
        .that()
        .resideInAPackage(ROOT + "data.rows..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage(ROOT + "data")
        .check(CLASSES);
  }

  @Test
  void onlyOneClassRunsOnnxModels() {
    Set<String> users = new TreeSet<>();
    users("ai.onnxruntime..").forEach(type -> users.add(outermost(type).getName()));
    assertThat(users).containsExactly("dev.lorikeet.export.OnnxModel");
  }

  @Test
  void onlyTheCommandLineKnowsPicocli() {
    assertThat(roomsThatUse("picocli..")).containsExactly("cli");
  }

  @Test
  void onlyTheCommandLineTalksToPeople() {
    noClasses()
        .that()
        .resideOutsideOfPackage("dev.lorikeet.cli..")
        .should(ACCESS_STANDARD_STREAMS)
        .check(CLASSES);
    NO_CLASSES_SHOULD_USE_JAVA_UTIL_LOGGING.check(CLASSES);
  }

  @Test
  void everyPackageIsNullMarked() {
    for (String room : ARROWS.keySet()) {
      JavaPackage contents = CLASSES.getPackage(ROOT + room);
      assertThat(contents.isAnnotatedWith(NullMarked.class)).as(contents.getName()).isTrue();
      for (JavaPackage below : contents.getSubpackagesInTree()) {
        assertThat(below.isAnnotatedWith(NullMarked.class)).as(below.getName()).isTrue();
      }
    }
  }

  @Test
  void onlyTheHubAndMlflowUseTheNetwork() {
    Set<String> packages = new TreeSet<>();
    users("java.net.http..").forEach(type -> packages.add(type.getPackageName()));
    assertThat(packages)
        .containsExactlyInAnyOrder("dev.lorikeet.models.hub", "dev.lorikeet.training.tracking");
    Set<String> trackers = new TreeSet<>();
    users("java.net.http..")
        .map(ArchitectureTest::outermost)
        .filter(type -> room(type).equals("training"))
        .forEach(type -> trackers.add(type.getSimpleName()));
    assertThat(trackers).containsExactly("MlflowArtifacts", "MlflowServer");
  }

  private static Set<String> roomsThatUse(String... packages) {
    Set<String> rooms = new TreeSet<>();
    users(packages).forEach(type -> rooms.add(room(type)));
    return rooms;
  }

  /** The classes that depend on a class of some packages. */
  private static Stream<JavaClass> users(String... packages) {
    List<PackageMatcher> matchers = Stream.of(packages).map(PackageMatcher::of).toList();
    return CLASSES.stream()
        .filter(
            type ->
                type.getDirectDependenciesFromSelf().stream()
                    .map(dependency -> dependency.getTargetClass().getPackageName())
                    .anyMatch(name -> matchers.stream().anyMatch(m -> m.matches(name))))
        .sorted(Comparator.comparing(JavaClass::getName));
  }

  private static JavaClass outermost(JavaClass type) {
    return type.getEnclosingClass().map(ArchitectureTest::outermost).orElse(type);
  }

  private static String room(JavaClass type) {
    return type.getPackageName().substring(ROOT.length()).replaceFirst("\\..*", "");
  }
}
