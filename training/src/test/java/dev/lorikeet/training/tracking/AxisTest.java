package dev.lorikeet.training.tracking;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AxisTest {
  @Test
  void ticksAreRoundAndWithinTheAxis() {
    assertThat(new Axis(0, 37, 0, 1).ticks(8))
        .containsExactly(0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0);
    assertThat(new Axis(0.11, 0.93, 0, 1).ticks(4)).containsExactly(0.25, 0.5, 0.75);
    assertThat(new Axis(1, 2, 0, 1).ticks(1)).containsExactly(1.0, 2.0);
  }

  @Test
  void placesRunFromEndToEnd() {
    Axis axis = new Axis(10, 20, 200, 100);
    assertThat(axis.place(10)).isEqualTo(200);
    assertThat(axis.place(17.5)).isEqualTo(125);
  }

  @Test
  void valuesThatAreAllTheSameHaveRoomToo() {
    Axis axis = Axis.around(List.of(2.0, 2.0), 0, 100);
    assertThat(axis.place(2)).isCloseTo(50, within(1e-9));
    assertThat(Axis.around(List.of(0.0), 0, 100).place(0)).isEqualTo(50);
    assertThat(Axis.around(List.of(), 0, 100).ticks(5)).isNotEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "100, 100",
    "2.5, 2.5",
    "-0.25, -0.25",
    "0.30000000000000004, 0.3",
    "0.0001, 1e-4",
    "0.00025, 2.5e-4",
    "2000000, 2e6",
    "12500000, 1.25e7",
    "1e10, 1e10",
    "-0.0, 0"
  })
  void labelsAreShort(double value, String label) {
    assertThat(Axis.label(value)).isEqualTo(label);
  }
}
