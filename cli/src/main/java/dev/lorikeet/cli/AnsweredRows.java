package dev.lorikeet.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lorikeet.data.DataReader;
import dev.lorikeet.data.DataReader.OnBadRow;
import dev.lorikeet.data.DataRow;
import dev.lorikeet.data.Example;
import dev.lorikeet.data.ExampleRows;
import dev.lorikeet.torch.LorikeetException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Answers the rows of a data set, every one in its order, block by block, so that no more than a
 * block is in memory. Each answer begins with the row's line, its adapter where a column names one,
 * and the columns that are kept; a bad row that is skipped has an error in place of an answer.
 */
final class AnsweredRows {
  /** Enough for batches of texts of like lengths. */
  private static final int BLOCK = 1024;

  private final String source;
  private final OnBadRow onBadRow;
  private final List<String> kept;
  private final @Nullable AdapterColumn adapters;
  private final Console console;
  private final boolean ofSeveralFiles;
  private final List<String> reports = new ArrayList<>();
  private int skipped;

  /**
   * Answers of a source.
   *
   * @param kept the columns that are passed through
   * @param adapters the column that names each row's adapter; null where there is one model
   */
  AnsweredRows(
      String source,
      OnBadRow onBadRow,
      List<String> kept,
      @Nullable AdapterColumn adapters,
      Console console) {
    this.source = source;
    this.onBadRow = onBadRow;
    this.kept = kept;
    this.adapters = adapters;
    this.console = console;
    ofSeveralFiles = DataReader.isFolder(source);
  }

  /**
   * Answers all rows, and says how many there were.
   *
   * @throws LorikeetException at a bad row that is not to be skipped; those of the blocks before it
   *     are answered
   */
  int answer(ExampleRows rows, Answering answering, Consumer<Answer> sink) {
    int count = 0;
    List<DataRow> block = next(rows, answering);
    while (!block.isEmpty()) {
      answers(block, answering).forEach(sink);
      count += block.size();
      block = next(rows, answering);
    }
    LoadedData.tellSkipped(skipped, reports, source, console);
    return count;
  }

  private List<DataRow> next(ExampleRows rows, Answering answering) {
    List<DataRow> block = new ArrayList<>();
    while (block.size() < BLOCK) {
      DataRow row = rows.next();
      if (row == null) {
        break;
      }
      block.add(checked(row, answering));
    }
    return block;
  }

  private DataRow checked(DataRow row, Answering answering) {
    String problem = problem(row, answering);
    if (problem == null) {
      return row;
    }
    DataRow bad = new DataRow(row.number(), row.place(), null, problem, row.kept());
    if (onBadRow == OnBadRow.FAIL) {
      bad.mustBeGood();
    }
    skipped++;
    if (reports.size() < DataReader.REPORTS) {
      reports.add(bad.report());
    }
    return bad;
  }

  private @Nullable String problem(DataRow row, Answering answering) {
    Example example = row.example();
    if (example == null) {
      return row.problem();
    }
    try {
      if (adapters != null) {
        adapters.mustName(row);
      }
      answering.mustAnswer(example);
      return null;
    } catch (LorikeetException e) {
      return e.getMessage();
    }
  }

  private List<Answer> answers(List<DataRow> block, Answering answering) {
    List<DataRow> good = block.stream().filter(row -> row.example() != null).toList();
    Iterator<Answer> answers = asked(good, answering).iterator();
    return block.stream()
        .map(row -> row.example() == null ? unanswered(row) : answered(row, answers.next()))
        .toList();
  }

  private List<Answer> asked(List<DataRow> good, Answering answering) {
    return adapters == null
        ? answering.of(good.stream().map(DataRow::mustBeGood).toList())
        : adapters.answers(good, answering);
  }

  private Answer answered(DataRow row, Answer answer) {
    ObjectNode json = beginning(row);
    json.setAll(answer.json());
    return new Answer(json, answer.text());
  }

  private Answer unanswered(DataRow row) {
    ObjectNode json = beginning(row).put("error", row.problem());
    return new Answer(json, row.report());
  }

  private ObjectNode beginning(DataRow row) {
    ObjectNode json = JsonNodeFactory.instance.objectNode().put("line", row.number());
    if (ofSeveralFiles) {
      json.put("place", row.place());
    }
    if (adapters != null) {
      json.set("adapter", adapters.cell(row));
    }
    if (!kept.isEmpty() && !row.kept().isEmpty()) {
      ObjectNode input = json.putObject("input");
      kept.forEach(column -> input.set(column, row.kept().get(column)));
    }
    return json;
  }
}
