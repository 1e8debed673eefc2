package dev.lorikeet.data;

import dev.lorikeet.data.rows.BadRow;
import dev.lorikeet.data.rows.Rows;
import dev.lorikeet.models.Message;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A document, a prompt with its completion, or a chat a row. */
public final class DocumentFormat extends RowFormat {
  public DocumentFormat(String task) {
    super(task);
  }

  @Override
  protected void mustFit(DataReader.Columns columns) {
    mustHaveNoLabels(columns);
  }

  @Override
  protected RowParser parser(DataReader.Columns columns, boolean flat, Path folder) {
    return parser(
        row ->
            columns.chats() || Chats.isChat(row.text())
                ? chat(columns, row)
                : TextFormat.example(columns, row, List.of()));
  }

  /** A chat; with a second column what is said after it, which alone is learned. */
  private static Example chat(DataReader.Columns columns, Rows.Row row) throws BadRow {
    List<Message> messages = new ArrayList<>(Chats.messages(columns.text(), row.text()));
    int given = 0;
    if (columns.textPair() != null) {
      given = messages.size();
      messages.addAll(Chats.messages(columns.textPair(), row.textPair()));
    }
    return Example.ofChat(new Example.Chat(messages, given));
  }
}
