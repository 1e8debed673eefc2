package dev.lorikeet.data.rows;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.cfg.JsonNodeFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.models.JsonFile;
import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;

/** JSON as rows hold it; an object that has a field twice is refused. */
final class Json {
  /** Numbers that are passed through keep their digits. */
  private static final JsonMapper MAPPER =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
          .disable(JsonNodeFeature.STRIP_TRAILING_BIGDECIMAL_ZEROES)
          .build();

  private static final JsonFactory FACTORY = MAPPER.getFactory();

  private Json() {}

  /** The object that a line is. */
  static ObjectNode object(String line) throws BadRow {
    return object(line, false);
  }

  /** The object that a database made of its row: it has NaN and infinity, too. */
  static ObjectNode ofTable(String row) throws BadRow {
    return object(row, true);
  }

  private static ObjectNode object(String line, boolean notFinite) throws BadRow {
    try (JsonParser parser = FACTORY.createParser(line)) {
      parser.configure(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS.mappedFeature(), notFinite);
      JsonNode json = parser.readValueAsTree();
      if (parser.nextToken() != null) {
        throw new BadRow("not a JSON object: more behind it, write one a line");
      }
      return object(json);
    } catch (JsonProcessingException e) {
      throw new BadRow("not JSON: " + problem(e));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static ObjectNode object(JsonNode json) throws BadRow {
    if (json instanceof ObjectNode object) {
      return object;
    }
    throw new BadRow("not a JSON object: write one object a line, or one array of objects");
  }

  static JsonParser parser(Reader reader) throws IOException {
    return FACTORY.createParser(reader);
  }

  /** What is wrong, and at which character of its line. */
  static String problem(JsonProcessingException e) {
    String what = JsonFile.problem(e);
    return e.getLocation() == null
        ? what
        : what + ", at character " + e.getLocation().getColumnNr();
  }
}
