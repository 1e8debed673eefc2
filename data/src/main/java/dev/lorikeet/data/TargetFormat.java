package dev.lorikeet.data;

import dev.lorikeet.torch.UsageException;
import java.nio.file.Path;
import java.util.List;

/** A text with its target a row. */
public final class TargetFormat extends RowFormat {
  public TargetFormat(String task) {
    super(task);
  }

  @Override
  protected void mustFit(DataReader.Columns columns) {
    if (columns.textPair() == null) {
      throw new UsageException(task() + " needs the targets' column: give --target");
    }
    mustHaveNoChats(columns);
    mustHaveNoLabels(columns);
  }

  @Override
  protected RowParser parser(DataReader.Columns columns, boolean flat, Path folder) {
    return parser(row -> TextFormat.example(columns, row, List.of()));
  }
}
