package dev.lorikeet.models.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.torch.UsageException;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Records of settings are read, written, checked and described by their components. */
class BinderTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** How to fly. */
  enum Wing implements Kind<Flight> {
    FLAP("beats=3"),
    GLIDE("slope=0.5");

    private final String settings;

    Wing(String settings) {
      this.settings = settings;
    }

    @Override
    public String id() {
      return settings.startsWith("b") ? "flap" : "glide";
    }

    @Override
    public String settings() {
      return settings;
    }

    @Override
    public Flight defaults() {
      return Binder.defaults(Flight.class, this);
    }

    public static Wing of(String id) {
      for (Wing wing : values()) {
        if (wing.id().equals(id)) {
          return wing;
        }
      }
      throw new UsageException("unknown wing \"" + id + "\": use flap, glide");
    }
  }

  /** A flight. */
  record Flight(
      @Setting("How.") Wing wing,
      @Setting("A second.") @Setting.Range(atLeast = 1) int beats,
      @Setting("Down.") @Setting.Range(above = 0, atMost = 1) double slope,
      @Setting("For both.") boolean atNight) {
    Flight {
      Bounds.check(Flight.class, wing, beats, slope, atNight);
    }
  }

  /** A bird. */
  @Setting.Group("Birds")
  record Bird(
      @Setting(value = "What it is called.", key = "called", label = "NAME") @Nullable String name,
      @Setting(value = "Grams.", insteadOf = "ounces") double grams,
      @Setting(value = "Ounces.", insteadOf = "grams") @Nullable Double ounces,
      @Setting(value = "Sings.", on = true) boolean sings,
      @Setting("What it eats.") List<String> foodItems,
      Flight flight,
      long hidden) {}

  private static final Bird ROBIN =
      new Bird("robin", 18, null, true, List.of("worms"), new Flight(Wing.FLAP, 3, 0, false), 7);

  private static Bird read(String json) throws IOException {
    Section section = Section.root((ObjectNode) JSON.readTree(json));
    Bird bird = Binder.read(section, ROBIN);
    section.done();
    return bird;
  }

  @Test
  void whatIsAbsentIsTheDefault() throws IOException {
    assertThat(read("{}")).isEqualTo(ROBIN);
    assertThat(read("{\"called\": null, \"food_items\": \"seeds,bread\", \"at_night\": \"true\"}"))
        .isEqualTo(
            new Bird(
                "robin",
                18,
                null,
                true,
                List.of("seeds", "bread"),
                new Flight(Wing.FLAP, 3, 0, true),
                7));
  }

  @Test
  void anotherKindHasItsOwnDefaults() throws IOException {
    Bird bird = read("{\"wing\": \"glide\"}");
    assertThat(bird.flight()).isEqualTo(new Flight(Wing.GLIDE, 0, 0.5, false));
    ObjectNode json = JSON.createObjectNode();
    Binder.write(bird.flight(), json);
    assertThat(json).hasToString("{\"wing\":\"glide\",\"slope\":0.5,\"at_night\":false}");
  }

  @Test
  void whatSaysTheSameInAnotherWayTakesTheDefaultsPlace() throws IOException {
    Bird bird = read("{\"ounces\": 2}");
    assertThat(bird.grams()).isZero();
    assertThat(bird.ounces()).isEqualTo(2);
    ObjectNode json = JSON.createObjectNode();
    Binder.write(new Bird(null, 0, 2.0, true, List.of(), ROBIN.flight(), 7).flight(), json);
    assertThat(json).hasToString("{\"wing\":\"flap\",\"beats\":3,\"at_night\":false}");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          {"beats": "many"}                 | recipe: beats must be a whole number, not "many"
          {"beats": 0}                      | beats is 0: it must be at least 1
          {"wing": "glide", "slope": 2}     | slope is 2.0: it must be above 0 and at most 1
          {"slope": 0.1}                    | slope is no setting of wing flap: it has beats
          {"wing": "hover"}                 | unknown wing "hover": use flap, glide
          {"sings": 3}                      | recipe: sings must be true or false, not 3
          {"called": [1]}                   | recipe: called must be a single value, not [1]
          {"food_item": "x"}                | recipe: unknown key "food_item"; nearest: food_items, ounces
          {"hidden": 1}                     | recipe: unknown key "hidden"; nearest: called, ounces
          """)
  void whatIsWrongIsTold(String json, String message) {
    assertThatThrownBy(() -> read(json)).isInstanceOf(UsageException.class).hasMessage(message);
  }

  @Test
  void flagsAndHelpComeOfTheComponents() {
    List<Component> settings = Component.settingsOf(Bird.class);
    assertThat(settings)
        .extracting(Component::key)
        .containsExactly(
            "called",
            "grams",
            "ounces",
            "sings",
            "food_items",
            "wing",
            "beats",
            "slope",
            "at_night");
    assertThat(settings).extracting(Component::flag).contains("--called", "--food-items");
    assertThat(settings)
        .extracting(Component::label)
        .containsExactly(
            "NAME",
            "NUMBER",
            "NUMBER",
            "true|false",
            "VALUE",
            "flap|glide",
            "N",
            "NUMBER",
            "true|false");
    assertThat(settings)
        .filteredOn(Component::isSwitch)
        .extracting(Component::key)
        .containsExactly("at_night");
    assertThat(settings.get(6).text()).isEqualTo("A second (flap).");
    assertThat(settings.get(0).group()).isEqualTo("Birds");
  }

  @Test
  void theSchemaHasBoundsAndDefaults() {
    ObjectNode defaults = JSON.createObjectNode().put("slope", 0.5);
    assertThat(
            JsonSchema.of(Component.settingsOf(Flight.class), defaults)
                .at("/properties/slope")
                .toString())
        .isEqualTo(
            "{\"description\":\"Down (glide).\",\"type\":\"number\",\"default\":0.5,"
                + "\"exclusiveMinimum\":0.0,\"maximum\":1.0}");
  }
}
