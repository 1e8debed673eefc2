package dev.lorikeet.data;

import dev.lorikeet.data.rows.BadRow;
import dev.lorikeet.data.rows.Rows;
import dev.lorikeet.models.ImageProcessor;
import dev.lorikeet.models.ProblemType;
import dev.lorikeet.torch.LorikeetException;
import dev.lorikeet.torch.UsageException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;

/** A picture a row, with its label. */
public final class ImageFormat extends RowFormat {
  private static final String ONE_LABEL =
      "; " + ProblemType.SINGLE_LABEL.id() + " takes one label a row";

  private final ProblemType problemType;

  /**
   * Pictures.
   *
   * @param problemType as it was asked for; there is one
   */
  public ImageFormat(String task, ProblemType problemType) {
    super(task);
    this.problemType = problemType;
  }

  @Override
  protected void mustFit(DataReader.Columns columns) {
    if (problemType != ProblemType.SINGLE_LABEL) {
      throw new UsageException(
          task() + " takes one label a picture, and the problem type is " + problemType.id());
    }
    mustHaveNoChats(columns);
    mustHaveOneLabelColumn(columns);
  }

  @Override
  protected RowParser parser(DataReader.Columns columns, boolean flat, Path folder) {
    return parser(row -> example(columns, row, folder));
  }

  @Override
  protected boolean readsImages() {
    return true;
  }

  private static Example example(DataReader.Columns columns, Rows.Row row, Path folder)
      throws BadRow {
    String name = Cells.text(columns.text(), row.text());
    List<String> labels =
        columns.labels().isEmpty()
            ? List.of()
            : List.of(Cells.oneLabel(columns.labels().get(0), row.labels().get(0), ONE_LABEL));
    try {
      Path file = folder.resolve(name);
      ImageProcessor.mustBeImage(file);
      return Example.ofImage(file, labels.toArray(new String[0]));
    } catch (InvalidPathException e) {
      throw Cells.bad(columns.text(), "is \"" + name + "\", and no file can have this name");
    } catch (LorikeetException e) {
      throw new BadRow(String.valueOf(e.getMessage()));
    }
  }
}
