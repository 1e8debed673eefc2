package dev.lorikeet.adapters;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Targets in adapter_config.json. */
class TargetsJsonTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  private static ObjectNode json(String text) {
    try {
      return (ObjectNode) JSON.readTree(text.replace('\'', '"'));
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(e);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'target_modules': ['value', 'query'], 'exclude_modules': null,"
            + " 'layers_to_transform': null, 'layers_pattern': null}",
        "{'target_modules': '.*query', 'exclude_modules': '.*layer\\\\.0.*',"
            + " 'layers_to_transform': null, 'layers_pattern': null}",
        "{'target_modules': 'all-linear', 'exclude_modules': ['pooler.dense', 'key'],"
            + " 'layers_to_transform': null, 'layers_pattern': null}",
        "{'target_modules': ['query'], 'exclude_modules': null, 'layers_to_transform': [0, 3],"
            + " 'layers_pattern': 'layer'}",
        "{'target_modules': ['query'], 'exclude_modules': null, 'layers_to_transform': [1],"
            + " 'layers_pattern': ['layer', 'h']}"
      })
  void whatIsReadIsWrittenAgain(String text) {
    ObjectNode written = JSON.createObjectNode();
    Targets.read(json(text)).write(written);
    assertThat(written).isEqualTo(json(text));
  }

  @Test
  void aTextIsAnExpressionUnlessItIsAllLinear() {
    assertThat(Targets.read(json("{'target_modules': 'query'}")).regex()).isTrue();
    assertThat(Targets.read(json("{'target_modules': 'all-linear'}")))
        .isEqualTo(Targets.allLinear());
  }

  @Test
  void oneLayerMayBeANumber() {
    Targets targets = Targets.read(json("{'target_modules': ['query'], 'layers_to_transform': 1}"));
    assertThat(targets.layersToTransform()).isEqualTo(Set.of(1));
  }

  @Test
  void absentKeysAreEmpty() {
    assertThat(Targets.read(json("{}")))
        .isEqualTo(new Targets(List.of(), false, List.of(), false, null, List.of()));
  }

  @Test
  void resolvedTargetsAreTheirPathsAlone() {
    Targets targets =
        new Targets(List.of("all-linear"), false, List.of("key"), false, null, List.of());
    assertThat(targets.resolved(List.of("a.query", "a.value")))
        .isEqualTo(Targets.of("a.query", "a.value"));
  }
}
