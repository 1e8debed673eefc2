package dev.lorikeet.models.hub;

/** Hears how far downloads are. Called on the thread that downloads. */
public interface HubListener {
  /** Hears nothing. */
  HubListener SILENT = new HubListener() {};

  /**
   * More of a file has come.
   *
   * @param file its name in the repository
   * @param bytes what is there of it, with what earlier runs left
   * @param size of the whole file; −1 when the hub does not say
   */
  default void fetched(String file, long bytes, long size) {}

  /** Something that people may want to know: a wait, a second try, an old copy that is used. */
  default void said(String message) {}
}
